// --teacher_model: its files, its vocabulary, its weights.
#include <algorithm>

#include "base/machine/machine_limits.h"
#include "base/text/text.h"
#include "base/watch.h"
#include "hub/catalogue.h"
#include "model/blocks/weight_names.h"
#include "train/run/finetune_run.h"
#include "train/run/fit_check.h"

namespace hone {
namespace {

std::string TokenText(const std::optional<std::string>& token) {
    return token ? fmt::format("\"{}\"", *token) : "no token";
}

// Texts in which tokenizers with the same tokens differ: spaces, digits, capitals, other scripts.
constexpr std::string_view kProbe =
    "  The 2 quick-brown foxes' DON'T\n\n\tjump: 1234567 + 89.5 = \u00e9t\u00e9 \u4f60\u597d "
    "\u0645\u0631\u062d\u0628\u0627 \U0001f680 {\"key\": [1, 2]}  ";

// A teacher's probabilities are of the same tokens: number by number.
absl::Status CheckVocabulary(const Tokenizer& teacher, const Tokenizer& student,
                             const FinetuneOptions& options) {
    const int32_t most = std::max(teacher.vocabulary_size(), student.vocabulary_size());
    for (int32_t id = 0; id < most; ++id) {
        const auto there = teacher.IdToToken(id), here = student.IdToToken(id);
        if (there != here)
            return UsageError(
                "--teacher_model {} has another vocabulary than {}: token {} is {} there and {} "
                "here. Take a teacher of the same family, such as its larger sizes",
                options.teacher_model, options.model_name_or_path, id, TokenText(there),
                TokenText(here));
    }
    HONE_ASSIGN_OR_RETURN(const auto there, teacher.Encode(kProbe, false));
    HONE_ASSIGN_OR_RETURN(const auto here, student.Encode(kProbe, false));
    if (there != here)
        return UsageError(
            "--teacher_model {} has the tokens of {}, but cuts texts into others of them. Take a "
            "teacher of the same family, such as its larger sizes",
            options.teacher_model, options.model_name_or_path);
    return absl::OkStatus();
}

}  // namespace

absl::Status FinetuneRun::OpenTeacher(const ChatFiles& student) {
    if (options_.teacher_model.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptions::FromEnvironment());
    const ScopedWatcher watcher([this](double, int64_t) { return poll_.GoOn(); });
    auto path = LocateOrPullModel(options_.teacher_model, hub, ShowsFetching());
    if (!path.ok()) return Annotate(path.status(), "--teacher_model");
    auto files = OpenModel(*path);
    if (!files.ok()) return Annotate(files.status(), "--teacher_model");
    teacher_files_ = *std::move(files);
    if (teacher_files_->config.head != HeadKind::kLanguageModel)
        return UsageError(
            "--teacher_model {} says what a text is, and does not write: take a language model",
            options_.teacher_model);
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*teacher_files_));
    return CheckVocabulary(*chat->tokenizer, *student.tokenizer, options_);
}

absl::Status FinetuneRun::CheckTeacherTakes(const LoadedData& data) const {
    if (!teacher_files_) return absl::OkStatus();
    const int64_t most = teacher_files_->config.max_position_embeddings;
    int64_t longest = data.train->longest_document();
    if (data.eval) longest = std::max(longest, data.eval->longest_document());
    if (longest <= most) return absl::OkStatus();
    return UsageError(
        "--teacher_model {} takes {} tokens at a time, and rows have up to {}: give --max_seq_len "
        "{} or less",
        options_.teacher_model, most, longest, most);
}

absl::Status FinetuneRun::LoadTeacher() {
    if (!teacher_files_) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(CheckTeacherFits(options_, *teacher_files_, AvailableBytes()));
    const WorkReport reading = {.what = "reading the teacher",
                                .detail = FormatBytes(StoredBytes(*teacher_files_)),
                                .announced = true};
    {
        const ScopedWatcher watcher(Shown(reading, 0, 0.5));
        HONE_ASSIGN_OR_RETURN(teacher_fingerprint_, ModelFingerprint(*teacher_files_));
    }
    const ScopedWatcher watcher(Shown(reading, 0.5, 1));
    HONE_ASSIGN_OR_RETURN(
        teacher_, Model::Load(*teacher_files_, LoadingNamed(options_.teacher_weights), *context_));
    return absl::OkStatus();
}

}  // namespace hone
