// What OUTPUT holds of this run already: a checkpoint to go on from, or the result.
#include "base/files/hash.h"
#include "base/files/json_file.h"
#include "train/loop/checkpoint.h"
#include "train/run/finetune_run.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

absl::Status FinetuneRun::Resume() {
    RemoveUnfinishedCheckpoints(output_->checkpoints());
    const absl::Status taken = TakeUpCheckpoint();
    // OUTPUT belongs to another run: its run.json is not this one's to write.
    if (KindOf(taken) == ErrorKind::kUsage && record_ != nullptr) record_->Withdraw();
    return taken;
}

absl::Status FinetuneRun::TakeUpCheckpoint() {
    HONE_ASSIGN_OR_RETURN(std::string checkpoint, ChooseCheckpoint());
    if (checkpoint.empty()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(trainer_->Restore(checkpoint));
    if (!trainer_->finished()) Say(fmt::format("continuing from the checkpoint {}", checkpoint));
    return absl::OkStatus();
}

absl::StatusOr<std::string> FinetuneRun::ChooseCheckpoint() {
    const std::string& wanted = options_.resume_from_checkpoint;
    const auto entries = ListCheckpoints(output_->checkpoints());
    if (wanted == "none" || wanted == "false") {
        if (!entries.empty())
            return UsageError(
                "--resume_from_checkpoint {}: {} holds checkpoints of an earlier run; give another "
                "--output_path, or remove that folder",
                wanted, output_->checkpoints());
        return std::string();
    }
    if (wanted != "auto" && wanted != "true") {
        if (!IsCheckpointFolder(wanted))
            return UsageError(
                "--resume_from_checkpoint {}: no checkpoint is there; it takes a folder step-N, "
                "true, auto or "
                "none",
                wanted);
        return wanted;
    }
    for (const CheckpointEntry& entry : entries) {
        absl::Status whole = VerifyCheckpoint(entry.folder);
        if (whole.ok()) return entry.folder;
        Warn(fmt::format("{}; trying the one before", std::string(whole.message())));
    }
    if (!entries.empty())
        return TrainingError("no whole checkpoint in {}: remove that folder to start afresh",
                             output_->checkpoints());
    if (wanted == "true")
        return UsageError("--resume_from_checkpoint true: there is no checkpoint in {}",
                          output_->checkpoints());
    return std::string();
}

bool FinetuneRun::Finished() const {
    if (!trainer_->finished()) return false;
    auto run = ReadJsonObject(output_->run_json());
    if (!run.ok() || run->value("status", Json()) != "done") return false;
    const std::string name = learner_->artifact();
    const Json entry = run->value(name == "model" ? "fine_tuned_model" : name, Json());
    auto hash = Sha256File(output_->artifact(name) + "/" + learner_->weights_file());
    return hash.ok() && entry.is_object() && entry.value("sha256", Json()) == *hash;
}

}  // namespace hone
