#include "train/schedule/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "fmt/ranges.h"

namespace hone {
namespace {

constexpr std::array<std::pair<std::string_view, ScheduleKind>, 8> kNames = {{
    {"linear", ScheduleKind::kLinear},
    {"cosine", ScheduleKind::kCosine},
    {"cosine_with_restarts", ScheduleKind::kCosineWithRestarts},
    {"polynomial", ScheduleKind::kPolynomial},
    {"constant", ScheduleKind::kConstant},
    {"constant_with_warmup", ScheduleKind::kConstantWithWarmup},
    {"inverse_sqrt", ScheduleKind::kInverseSqrt},
    {"warmup_stable_decay", ScheduleKind::kWarmupStableDecay},
}};

double Cycles(const ScheduleOptions& options, double standard) {
    return options.num_cycles < 0 ? standard : options.num_cycles;
}

// Half a cosine wave per half cycle: 1 at progress 0.
double CosineFactor(double cycles, double progress) {
    return 0.5 * (1.0 + std::cos(std::numbers::pi * cycles * 2.0 * progress));
}

double WarmupStableDecayFactor(const ScheduleOptions& options, int64_t step) {
    const double floor = options.min_lr_ratio;
    const int64_t warmup = options.warmup_steps, decay = options.decay_steps;
    const int64_t stable = options.total_steps - warmup - decay;
    double factor;
    if (step < warmup) {
        factor = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
    } else if (step < warmup + stable) {
        return 1.0;
    } else if (step < warmup + stable + decay) {
        factor = CosineFactor(Cycles(options, 0.5),
                              static_cast<double>(step - warmup - stable) /
                                  static_cast<double>(std::max<int64_t>(1, decay)));
    } else {
        return floor;
    }
    return std::max(0.0, factor * (1.0 - floor) + floor);
}

// What learning_rate is multiplied by.
double Factor(const ScheduleOptions& options, int64_t step) {
    if (options.kind == ScheduleKind::kConstant) return 1.0;
    if (options.kind == ScheduleKind::kWarmupStableDecay)
        return WarmupStableDecayFactor(options, step);
    const int64_t warmup = options.warmup_steps;
    if (step < warmup)
        return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
    const int64_t after_warmup = std::max<int64_t>(1, options.total_steps - warmup);
    const double progress = static_cast<double>(step - warmup) / static_cast<double>(after_warmup);
    switch (options.kind) {
        case ScheduleKind::kLinear:
            return std::max(0.0, static_cast<double>(options.total_steps - step) /
                                     static_cast<double>(after_warmup));
        case ScheduleKind::kCosine:
            return std::max(0.0, CosineFactor(Cycles(options, 0.5), progress));
        case ScheduleKind::kCosineWithRestarts: {
            if (progress >= 1.0) return 0.0;
            const double within = std::fmod(Cycles(options, 1) * progress, 1.0);
            return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * within)));
        }
        case ScheduleKind::kPolynomial: {
            if (step > options.total_steps) return options.lr_end / options.learning_rate;
            const double range = options.learning_rate - options.lr_end;
            return (range * std::pow(1 - progress, options.power) + options.lr_end) /
                   options.learning_rate;
        }
        case ScheduleKind::kInverseSqrt: {
            const double timescale = static_cast<double>(warmup > 0 ? warmup : 10'000);
            const double shift = timescale - static_cast<double>(warmup);
            return 1.0 / std::sqrt((static_cast<double>(step) + shift) / timescale);
        }
        default:
            return 1.0;  // constant_with_warmup, after its warmup
    }
}

}  // namespace

absl::StatusOr<ScheduleKind> ParseScheduleKind(std::string_view name) {
    for (const auto& [known, kind] : kNames)
        if (name == known) return kind;
    return UsageError("--lr_scheduler_type '{}' is not known; there are {}", name,
                      fmt::join(ScheduleNames(), ", "));
}

std::vector<std::string_view> ScheduleNames() {
    std::vector<std::string_view> names;
    for (const auto& entry : kNames) names.push_back(entry.first);
    return names;
}

double LearningRate(const ScheduleOptions& options, int64_t steps_done) {
    return options.learning_rate * Factor(options, steps_done);
}

}  // namespace hone
