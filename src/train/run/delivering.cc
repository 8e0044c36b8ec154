// The adapter or model, written and read back: the exit status promises that it is there.
#include "base/files/file.h"
#include "base/files/hash.h"
#include "train/run/finetune_run.h"
#include "train/run/pair_training.h"

namespace hone {

absl::Status FinetuneRun::Deliver() {
    RunResult result = Result();
    HONE_RETURN_IF_ERROR(WriteArtifact(result));
    HONE_RETURN_IF_ERROR(WriteReports(result));
    HONE_RETURN_IF_ERROR(record_->Finish(result));
    events_.Emit(RunFinished{.result = std::move(result)});
    return absl::OkStatus();
}

// OUTPUT/adapter or OUTPUT/model, whole, or what was there before.
absl::Status FinetuneRun::WriteArtifact(RunResult& result) {
    events_.Emit(WorkReport{.what = fmt::format("writing the {}", result.artifact), .share = -1});
    HONE_RETURN_IF_ERROR(
        output_->Replace(result.artifact, [&](const std::string& fresh) -> absl::Status {
            HONE_RETURN_IF_ERROR(learner_->Deliver(fresh));
            if (pair_loss_)
                HONE_RETURN_IF_ERROR(
                    WritePooling(PoolingOf(options_.embedding), files_->config.hidden_size, fresh));
            return poll_.Check();
        }));
    HONE_RETURN_IF_ERROR(learner_->CheckDelivered(result.artifact_path));
    HONE_ASSIGN_OR_RETURN(result.artifact_sha256,
                          Sha256File(result.artifact_path + "/" + learner_->weights_file()));
    return poll_.Check();
}

absl::Status FinetuneRun::WriteReports(const RunResult& result) {
    const std::string title =
        options_.task_name.empty() ? options_.model_name_or_path : options_.task_name;
    absl::Status status =
        WriteFileAtomic(output_->loss_curve(), LossCurve(trainer_->history(), title));
    if (status.ok()) status = WriteFileAtomic(output_->card(), ModelCard(facts_, result));
    return WithKind(status, ErrorKind::kTraining);
}

RunResult FinetuneRun::Result() const {
    RunResult result = trainer_->result();
    result.output_path = output_->path();
    result.artifact = learner_->artifact();
    result.artifact_path = output_->artifact(result.artifact);
    result.prompt_template = data_.report.prompt_template;
    result.system_prompt = data_.report.system_prompt;
    result.classifies = !data_.labels.empty();
    result.embeds = pair_loss_ != nullptr;
    return result;
}

}  // namespace hone
