#include "train/run/fit_check.h"

#include <algorithm>

#include "base/text/text.h"
#include "model/files/stored_rows.h"
#include "train/method/method.h"
#include "train/output/machine.h"
#include "train/run/update.h"

namespace hone {
namespace {

// What training still has to get: the weights are there already.
size_t ToCome(const MemoryPlan& plan) {
    return plan.parameters + plan.activations + plan.workspace;
}

// Of every weight of the model.
size_t TrainingBytes(const FinetuneOptions& options, const ModelFiles& files) {
    ParameterSet parameters;
    for (const ModelTensor& tensor : files.tensors)
        parameters.Add(tensor.hf_name, tensor.shape, true);
    return static_cast<size_t>(parameters.count()) * 2 * sizeof(float) +
           OptimizerBytes(OptimizerOptionsOf(options, files.config), parameters);
}

}  // namespace

// 2 bytes for each number is the least that the weights take, one for those that go into 8 bits,
// half a byte for those that go into 4, what the file has for those that stay in its blocks;
// training them all needs 8 bytes of f32 more, master and
// gradient, and what the optimiser keeps.
absl::Status CheckWeightsFit(const FinetuneOptions& options, const ModelFiles& files,
                             size_t available) {
    const Method& method = MethodOf(options);
    const WeightStorage storage = method.Storage(options);
    const bool four = storage == WeightStorage::kNf4,
               int8 = storage == WeightStorage::kInt8Channels;
    const bool f32 = options.torch_dtype == "float32";
    const bool blocks = storage == WeightStorage::kGgufBlocks;
    int64_t elements = 0, coded = 0;
    size_t coded_bytes = 0;
    for (const ModelTensor& tensor : files.tensors) {
        elements += tensor.elements();
        if (tensor.layer < 0 || !(four || int8 || (blocks && HeldInBlocks(files, tensor))))
            continue;
        coded += tensor.elements();
        coded_bytes += blocks
                           ? tensor.stored->bytes.size()
                           : static_cast<size_t>(int8 ? tensor.elements() : tensor.elements() / 2);
    }
    const size_t weights = static_cast<size_t>(elements - coded) * (f32 ? 4 : 2) + coded_bytes;
    const size_t bytes = weights + (method.TrainsBase() ? TrainingBytes(options, files) : 0);
    if (bytes <= available) return absl::OkStatus();
    if (method.TrainsBase())
        return MemoryError(
            "training every weight of {} needs {} before the first token, {} are free: use "
            "{}, a smaller model, or free some memory",
            options.model_name_or_path, FormatBytes(bytes), FormatBytes(available),
            method.smaller_base());
    return MemoryError(
        "{} has {} of weights in {}{}, {} are free: use {}{}{}a smaller model or free some memory",
        options.model_name_or_path, FormatBytes(bytes),
        four     ? "4 bits and "
        : int8   ? "8 bits and "
        : blocks ? "its file's blocks and "
                 : "",
        options.torch_dtype, FormatBytes(available), f32 ? "--torch_dtype bfloat16, " : "",
        method.smaller_base(), method.smaller_base().empty() ? "" : ", ");
}

absl::Status CheckTeacherFits(const FinetuneOptions& options, const ModelFiles& teacher,
                              size_t available) {
    const std::string& weights = options.teacher_weights;
    double bytes_each = 2;
    if (weights == "f32") bytes_each = 4;
    if (weights == "int8") bytes_each = 1;
    if (weights == "int4" || weights == "nf4" || weights == "fp4") bytes_each = 0.5;
    int64_t elements = 0;
    for (const ModelTensor& tensor : teacher.tensors) elements += tensor.elements();
    const auto bytes = static_cast<size_t>(bytes_each * static_cast<double>(elements));
    if (bytes <= available) return absl::OkStatus();
    return MemoryError(
        "--teacher_model {} has {} of weights in {}, {} are free: use {}a smaller teacher, or free "
        "some memory",
        options.teacher_model, FormatBytes(bytes), weights, FormatBytes(available),
        bytes_each > 0.5 ? "--teacher_weights int4, " : "");
}

size_t StoredBytes(const ModelFiles& files) {
    size_t bytes = 0;
    for (const ModelTensor& tensor : files.tensors) bytes += tensor.stored->bytes.size();
    return bytes;
}

absl::StatusOr<MemoryDecision> DecideMemory(
    const std::function<MemoryPlan(bool gradient_checkpointing)>& plan,
    const std::string& gradient_checkpointing, int64_t micro_batch_tokens,
    const std::string& fewer_parameters, size_t resident, size_t available) {
    MemoryDecision decision;
    decision.gradient_checkpointing = gradient_checkpointing == "true";
    decision.plan = plan(decision.gradient_checkpointing);
    if (gradient_checkpointing == "auto" && ToCome(decision.plan) > available) {
        decision.gradient_checkpointing = true;
        decision.plan = plan(true);
    }
    decision.to_come_bytes = ToCome(decision.plan);
    decision.needed_bytes = std::max(resident, decision.plan.weights) + ToCome(decision.plan);
    if (ToCome(decision.plan) <= available) return decision;
    std::string cure;
    if (!decision.gradient_checkpointing && ToCome(plan(true)) <= available) {
        cure = "use --gradient_checkpointing true";
    } else {
        cure = fmt::format(
            "use {}a smaller --micro_batch_tokens (now {}), a smaller --max_seq_len, {}, or a "
            "smaller model",
            decision.gradient_checkpointing ? "" : "--gradient_checkpointing true, ",
            micro_batch_tokens, fewer_parameters);
    }
    return MemoryError(
        "training needs {} more memory ({} for trained parameters, {} for activations, {} of "
        "workspace), "
        "{} are free: {}",
        FormatBytes(ToCome(decision.plan)), FormatBytes(decision.plan.parameters),
        FormatBytes(decision.plan.activations), FormatBytes(decision.plan.workspace),
        FormatBytes(available), cure);
}

DiskNeed PlanDisk(const FinetuneOptions& options, int64_t trainable_parameters,
                  size_t optimizer_bytes, int64_t standing, int64_t to_come) {
    const size_t trained = static_cast<size_t>(trainable_parameters) * sizeof(float);
    const auto number_bytes =
        static_cast<size_t>(DTypeBytes(MethodOf(options).ResultType(options)));
    DiskNeed need{.checkpoint = trained + optimizer_bytes,
                  .result = static_cast<size_t>(trainable_parameters) * number_bytes};
    int64_t most = standing + to_come;
    // An old one goes when the new one stands.
    if (options.save_total_limit > 0) most = std::min(most, options.save_total_limit + 1);
    need.total =
        static_cast<size_t>(std::max<int64_t>(1, most - standing)) * need.checkpoint + need.result;
    return need;
}

absl::StatusOr<std::string> CheckDisk(const std::string& folder, const DiskNeed& need,
                                      size_t free) {
    if (free < need.checkpoint + need.result)
        return TrainingError(
            "the disk of {} has {} free, and a checkpoint takes {}, the result {}: free some "
            "space, or give another --output_path",
            folder, FormatBytes(free), FormatBytes(need.checkpoint), FormatBytes(need.result));
    if (free >= need.total) return std::string();
    return fmt::format(
        "The checkpoints and the result take {} in the end, the disk of {} has {} free: free some "
        "space, or keep fewer with --save_total_limit.",
        FormatBytes(need.total), folder, FormatBytes(free));
}

}  // namespace hone
