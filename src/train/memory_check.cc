#include "train/memory_check.h"

#include <algorithm>

#include "train/output/machine.h"

namespace hone {
namespace {

// What training still has to get: the weights are there already.
size_t ToCome(const MemoryPlan& plan) {
    return plan.parameters + plan.activations + plan.workspace;
}

}  // namespace

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
        HumanBytes(ToCome(decision.plan)), HumanBytes(decision.plan.parameters),
        HumanBytes(decision.plan.activations), HumanBytes(decision.plan.workspace),
        HumanBytes(available), cure);
}

}  // namespace hone
