// What a run stands on: its folder, the model's files, the data as tokens.
#include <algorithm>

#include "base/files/file.h"
#include "base/text/text.h"
#include "base/watch.h"
#include "chat/chat_files.h"
#include "hub/catalogue.h"
#include "hub/hub_dataset.h"
#include "train/loop/checkpoint.h"
#include "train/output/machine.h"
#include "train/run/finetune_run.h"
#include "train/run/pair_training.h"
#include "train/run/task_head.h"

namespace hone {

absl::Status FinetuneRun::ClaimOutput() {
    facts_.options = options_;
    facts_.started = UtcNow();
    facts_.machine = DescribeMachine();
    HONE_ASSIGN_OR_RETURN(output_, OutputFolder::Claim(options_.output_path));
    return absl::OkStatus();
}

// OUTPUT/config.json; one that says the same stays.
absl::Status FinetuneRun::WriteConfig() {
    const std::string text = ConfigText(options_);
    auto written = ReadFile(output_->config_json());
    if (written.ok() && *written == text) return absl::OkStatus();
    return WriteFileAtomic(output_->config_json(), text);
}

absl::Status FinetuneRun::OpenInputs() {
    method_ = &MethodOf(options_);
    facts_.words = method_->Words();
    objective_ = &ObjectiveOf(options_);
    context_.emplace(options_.threads);
    HONE_RETURN_IF_ERROR(OpenModelFiles());
    if (TrainsEmbeddings(options_)) {
        HONE_ASSIGN_OR_RETURN(pair_loss_, OpenPairLoss(options_, files_->config.hidden_size));
    }
    HONE_ASSIGN_OR_RETURN(token_loss_, OpenTokenLoss(options_));
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*files_));
    HONE_RETURN_IF_ERROR(OpenTeacher(*chat));
    HONE_ASSIGN_OR_RETURN(auto encoder, chat->MakeEncoder());
    if (encoder->ReadsClock() && options_.data.template_date.empty())
        options_.data.template_date = TemplateDate();
    shows_date_ = encoder->ReadsClock();
    facts_.options.data.template_date = options_.data.template_date;
    return ReadData(std::move(encoder));
}

// A model that is not in the cache yet is fetched.
absl::Status FinetuneRun::OpenModelFiles() {
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptions::FromEnvironment());
    const ScopedWatcher watcher([this](double, int64_t) { return poll_.GoOn(); });
    HONE_ASSIGN_OR_RETURN(const std::string path,
                          LocateOrPullModel(options_.model_name_or_path, hub, ShowsFetching()));
    HONE_ASSIGN_OR_RETURN(files_, OpenModel(path));
    return method_->CheckModel(options_, *files_);
}

// The files of a data set of the Hub, fetched where the cache has them not.
absl::StatusOr<std::vector<std::string>> FinetuneRun::FetchDataset(const std::string& repo,
                                                                   const std::string& subset) {
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptions::FromEnvironment());
    HONE_RETURN_IF_ERROR(hub.RequireCache());
    if (auto found = FindDataset(repo, subset, hub)) return *std::move(found);
    const ScopedWatcher watcher([this](double, int64_t) { return poll_.GoOn(); });
    return PullDataset(repo, subset, hub, ShowsFetching());
}

ProgressCallback FinetuneRun::ShowsFetching() {
    return [this](const PullProgress& progress) {
        const double total = static_cast<double>(progress.total_bytes);
        events_.Emit(WorkReport{
            .what = fmt::format("fetching {}", progress.file),
            .detail = total > 0 ? FormatBytes(static_cast<size_t>(total)) + " in all" : "",
            .share = total > 0 ? static_cast<double>(progress.bytes) / total : -1,
            .announced = true});
    };
}

// The day that the chat template shows: that of the run's beginning, or the rows would have other
// tokens after midnight, and the run could not go on.
std::string FinetuneRun::TemplateDate() const {
    std::vector<CheckpointEntry> entries = ListCheckpoints(output_->checkpoints());
    entries.insert(entries.begin(), {0, options_.resume_from_checkpoint});
    for (const CheckpointEntry& entry : entries) {
        std::string date = StoredText(entry.folder, "template_date");
        if (!date.empty()) return date;
    }
    return LocalDate();
}

absl::Status FinetuneRun::ReadData(const std::shared_ptr<const ConversationEncoder>& encoder) {
    DataOptions data = options_.data;
    data.row_kind = objective_->rows();
    data.row_kind_flag = fmt::format("--objective {}", objective_->name());
    HONE_ASSIGN_OR_RETURN(data.labels, OpenTaskHead(options_, *files_));
    if (data.cache_folder.empty()) data.cache_folder = output_->path();
    data.fetch_hub = [this](const std::string& repo, const std::string& subset) {
        return FetchDataset(repo, subset);
    };
    const double begin = NowSeconds() - poll_.held_seconds();
    const ScopedWatcher watcher([&](double share, int64_t rows) {
        const double seconds = NowSeconds() - poll_.held_seconds() - begin;
        events_.Emit(
            WorkReport{.what = "reading the data",
                       .detail = fmt::format("{} rows, {:.0f} rows/s", rows,
                                             static_cast<double>(rows) / std::max(1e-3, seconds)),
                       .share = share});
        return poll_.GoOn();
    });
    events_.Emit(WorkReport{.what = "reading the data", .share = -1});
    HONE_ASSIGN_OR_RETURN(data_, LoadData(data, encoder, *context_));
    for (const std::string& warning : data_.report.warnings) Warn(warning);
    if (data_.eval && data_.eval->size() == 0) data_.eval.reset();
    HONE_RETURN_IF_ERROR(CheckTeacherTakes(data_));
    if (pair_loss_) HONE_RETURN_IF_ERROR(CheckPairs(options_, *pair_loss_, *data_.train));
    facts_.data = data_.report.ToJson();
    facts_.data["train_sha256"] = data_.train->fingerprint();
    if (data_.eval) facts_.data["eval_sha256"] = data_.eval->fingerprint();
    if (!data_.labels.empty()) facts_.data["labels"] = data_.labels;
    if (options_.data.max_seq_len > files_->config.max_position_embeddings &&
        data_.train->longest_document() > files_->config.max_position_embeddings)
        Warn(
            fmt::format("rows of up to {} tokens, more than the {} that the model was made for; "
                        "answers that long may be "
                        "poor",
                        data_.train->longest_document(), files_->config.max_position_embeddings));
    return absl::OkStatus();
}

}  // namespace hone
