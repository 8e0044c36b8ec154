// Learning-rate schedules, step for step those of transformers.optimization (get_scheduler).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

enum class ScheduleKind {
    kLinear,
    kCosine,
    kCosineWithRestarts,
    kPolynomial,
    kConstant,
    kConstantWithWarmup,
    kInverseSqrt,
    kWarmupStableDecay,
};

struct ScheduleOptions {
    ScheduleKind kind = ScheduleKind::kConstant;
    double learning_rate = 2e-4;  // the peak
    int64_t warmup_steps = 0;
    int64_t total_steps = 0;
    double num_cycles =
        -1;  // negative: the kind's own default (cosine 0.5, restarts 1, warmup_stable_decay 0.5)
    double power = 1;         // polynomial
    double lr_end = 1e-7;     // polynomial
    int64_t decay_steps = 0;  // warmup_stable_decay: the last steps, going down
    double min_lr_ratio = 0;  // warmup_stable_decay
};

// "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
// "inverse_sqrt", "warmup_stable_decay"; the error lists them.
absl::StatusOr<ScheduleKind> ParseScheduleKind(std::string_view name);
std::vector<std::string_view> ScheduleNames();

// The learning rate of the optimiser step that comes after `steps_done` steps (0 for the first).
double LearningRate(const ScheduleOptions& options, int64_t steps_done);

}  // namespace hone
