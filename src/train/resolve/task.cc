#include "train/resolve/task.h"

#include <algorithm>

#include "base/text/nearest_word.h"
#include "fmt/ranges.h"
#include "train/custom/loss_program.h"
#include "train/embedding/pair_loss.h"
#include "train/objective/objective.h"

namespace hone {

namespace {

// What embeddings have no use for. They are compared without dropout and noise, so that the slopes
// fit the pass that takes them.
absl::Status CheckPairTask(const FinetuneOptions& options, const OptionNames& names) {
    for (const auto& [option, given] :
         {std::pair("lora_dropout", options.lora.lora_dropout != 0),
          std::pair("neftune_noise_alpha", options.neftune_noise_alpha != 0),
          std::pair("label_smoothing_factor", options.label_smoothing_factor != 0),
          std::pair("packing", options.data.packing),
          std::pair("label_names", !options.data.label_names.empty())})
        if (given)
            return UsageError(
                "{} has no place in {} {}, which compares pairs of texts: leave it out",
                names(option), names.Plain("task"), options.task);
    const auto losses = PairLossNames();
    if (options.loss.empty() || IsLossProgram(options.loss) ||
        std::find(losses.begin(), losses.end(), options.loss) != losses.end())
        return absl::OkStatus();
    const std::string nearest = NearestWord(options.loss, {losses.begin(), losses.end()});
    return UsageError("{} \"{}\" is none of {}, FILE.py:NAME and plugin:FILE.so{}", names("loss"),
                      options.loss, fmt::join(losses, ", "),
                      nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest));
}

// --loss of a task that writes.
absl::Status CheckOwnLoss(const FinetuneOptions& options, const OptionNames& names) {
    if (options.loss.empty()) return absl::OkStatus();
    if (!IsLossProgram(options.loss))
        return UsageError(
            "{} {} is of embeddings: say {} feature-extraction, or name a loss of "
            "your own, FILE.py:NAME or plugin:FILE.so",
            names("loss"), options.loss, names.Plain("task"));
    if (!ObjectiveOf(options).direct())
        return UsageError("{} and {} {} are two losses: leave one out", names("loss"),
                          names("objective"), options.objective);
    for (const auto& [option, given] :
         {std::pair("lora_dropout", options.lora.lora_dropout != 0),
          std::pair("neftune_noise_alpha", options.neftune_noise_alpha != 0),
          std::pair("label_smoothing_factor", options.label_smoothing_factor != 0)})
        if (given)
            return UsageError(
                "{} has no place beside {}, which scores tokens as they are: leave it "
                "out",
                names(option), names("loss"));
    return absl::OkStatus();
}

// What has no place beside a teacher, and what none without one.
absl::Status CheckTeacher(const FinetuneOptions& options, const OptionNames& names) {
    const FinetuneOptions untouched;
    if (options.teacher_model.empty()) {
        for (const auto& [option, given] :
             {std::pair("teacher_weights", options.teacher_weights != untouched.teacher_weights),
              std::pair("distillation_alpha",
                        options.distillation_alpha != untouched.distillation_alpha),
              std::pair("distillation_temperature",
                        options.distillation_temperature != untouched.distillation_temperature)})
            if (given)
                return UsageError("{} needs a teacher: name one with {}, or leave it out",
                                  names(option), names.Plain("teacher_model"));
        return absl::OkStatus();
    }
    if (!options.loss.empty())
        return UsageError("{} and {} are two losses: leave one out", names("teacher_model"),
                          names("loss"));
    if (options.label_smoothing_factor != 0)
        return UsageError(
            "{} has no place beside {}, whose probabilities take the place of even ones: leave it "
            "out",
            names("label_smoothing_factor"), names("teacher_model"));
    return absl::OkStatus();
}

}  // namespace

absl::Status CheckTaskTakes(const OptionRow& option, const FinetuneOptions& options,
                            const OptionNames& names) {
    if (option.tasks.empty() ||
        std::find(option.tasks.begin(), option.tasks.end(), options.task) != option.tasks.end())
        return absl::OkStatus();
    return UsageError("{} belongs to {} {}: {} {} has no use for it", names(option.name),
                      names.Plain("task"), option.tasks.front(), names.Plain("task"), options.task);
}

absl::Status CheckTask(const FinetuneOptions& options, const OptionNames& names) {
    const LabelOptions labels = LabelsOf(options);
    HONE_RETURN_IF_ERROR(CheckTeacher(options, names));
    if (labels.kind == LabelKind::kNextToken) return CheckOwnLoss(options, names);
    const std::string task = fmt::format("{} {}", names.Plain("task"), options.task);
    if (!ObjectiveOf(options).direct())
        return UsageError("{} {} compares answers, and {} gives none: leave it out",
                          names("objective"), options.objective, task);
    const DataOptions& data = options.data;
    for (const auto& [option, given] :
         {std::pair("text_template", !data.text_template.empty()),
          std::pair("text_field", !data.text_field.empty()),
          std::pair("use_chat_template", data.use_chat_template.value_or(false)),
          std::pair("train_on_prompt", data.train_on_prompt)})
        if (given)
            return UsageError(
                "{} is for answers, and {} takes the text as it stands: leave it out, and "
                "name "
                "the columns with {}",
                names(option), task, names.Plain("columns"));
    if (TrainsEmbeddings(options)) return CheckPairTask(options, names);
    if (!labels.multi && !labels.separator.empty())
        return UsageError("{} needs {} multi_label_classification", names("label_separator"),
                          names.Plain("problem_type"));
    const bool focal = options.classification.focal_gamma > 0;
    if (options.label_smoothing_factor != 0 && (labels.multi || focal))
        return UsageError("{} is for cross-entropy, and {} is given: leave one out",
                          names("label_smoothing_factor"),
                          names.Plain(focal ? "focal_gamma" : "problem_type"));
    if (!labels.multi) return absl::OkStatus();
    if (labels.class_weights != "none")
        return UsageError("{} is for texts with one label each, and {} is {}",
                          names("class_weights"), names.Plain("problem_type"),
                          options.classification.problem_type);
    if (focal)
        return UsageError("{} is for texts with one label each, and {} is {}", names("focal_gamma"),
                          names.Plain("problem_type"), options.classification.problem_type);
    return absl::OkStatus();
}

LabelOptions LabelsOf(const FinetuneOptions& options) {
    LabelOptions labels;
    if (options.task == "text-classification") labels.kind = LabelKind::kSequence;
    if (options.task == "token-classification") labels.kind = LabelKind::kToken;
    if (TrainsEmbeddings(options)) labels.kind = LabelKind::kPair;
    labels.max_score = options.embedding.max_score;
    labels.flag = "--task " + options.task;
    labels.multi = options.classification.problem_type == "multi_label_classification";
    labels.separator = options.classification.label_separator;
    labels.class_weights = options.classification.class_weights;
    return labels;
}

}  // namespace hone
