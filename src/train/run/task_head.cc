#include "train/run/task_head.h"

#include "adapt/adapter_head.h"
#include "model/files/give_label_head.h"
#include "train/resolve/task.h"

namespace hone {
namespace {

HeadKind HeadOf(LabelKind kind) {
    switch (kind) {
        case LabelKind::kSequence:
            return HeadKind::kSequence;
        case LabelKind::kToken:
            return HeadKind::kToken;
        case LabelKind::kNextToken:
        case LabelKind::kPair:
            break;
    }
    return HeadKind::kLanguageModel;
}

std::string_view TaskOf(HeadKind head) {
    if (head == HeadKind::kSequence) return "text-classification";
    return head == HeadKind::kToken ? "token-classification" : "text-generation";
}

}  // namespace

absl::StatusOr<LabelOptions> OpenTaskHead(const FinetuneOptions& options, ModelFiles& files) {
    LabelOptions labels = LabelsOf(options);
    const HeadKind wanted = HeadOf(labels.kind);
    const std::string& adapter = options.adapter_path;
    if (!adapter.empty()) {
        HONE_RETURN_IF_ERROR(UseAdapterHead(adapter, files));
        HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(adapter));
        if (MakesEmbeddings(config) && !TrainsEmbeddings(options))
            return UsageError("--task {}: {} is for feature-extraction", options.task, adapter);
    }
    const HeadKind head = files.config.head;
    const bool starts_anew = adapter.empty() && head == HeadKind::kLanguageModel;
    if (!starts_anew && head != wanted)
        return UsageError("--task {}: {} is for {}", options.task,
                          adapter.empty() ? options.model_name_or_path : adapter, TaskOf(head));
    if (starts_anew || wanted == HeadKind::kLanguageModel) return labels;
    if (files.config.multi_label != labels.multi)
        return UsageError(
            "--problem_type {}: {} was trained for {}", options.classification.problem_type,
            adapter.empty() ? options.model_name_or_path : adapter,
            files.config.multi_label ? "texts with any number of labels" : "texts with one label");
    labels.names = files.config.labels;
    return labels;
}

void GiveTaskHead(const FinetuneOptions& options, const std::vector<std::string>& labels,
                  ModelFiles& files) {
    const LabelOptions wanted = LabelsOf(options);
    if (HeadOf(wanted.kind) == HeadKind::kLanguageModel) return;
    GiveLabelHead(files, HeadOf(wanted.kind), labels, wanted.multi, options.seed);
}

}  // namespace hone
