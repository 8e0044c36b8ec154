// Does a run fit? The plan against what is free, and what to do when it does not.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/status.h"
#include "model/model.h"

namespace hone {

struct MemoryDecision {
    bool gradient_checkpointing = false;
    MemoryPlan plan;
    size_t needed_bytes = 0;  // plan.total() and what the process holds beside the model
};

// Decides on gradient checkpointing ("true", "false", "auto": only where the plan does not fit
// without) and checks the plan. `resident` is what the process holds now, the frozen weights
// included; `available` what it can still get. An error of kind kMemory says what is needed, what
// is free, and which flags help: `fewer_parameters` ("a smaller --lora_r") is one that makes the
// trained ones fewer.
absl::StatusOr<MemoryDecision> DecideMemory(
    const std::function<MemoryPlan(bool gradient_checkpointing)>& plan,
    const std::string& gradient_checkpointing, int64_t micro_batch_tokens,
    const std::string& fewer_parameters, size_t resident, size_t available);

}  // namespace hone
