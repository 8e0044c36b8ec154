#include "train/run/odd_settings.h"

#include <algorithm>

namespace hone {
namespace {

constexpr int64_t kFewSteps = 10;

std::string Steps(int64_t count) { return fmt::format("{} step{}", count, count == 1 ? "" : "s"); }

// The highest learning rate of any step.
double Peak(const ScheduleOptions& schedule) {
    // A schedule that is 0 for so long is 0 for good, or its warmup is said to be too long.
    constexpr int64_t kMostLooked = 1'000'000;
    double peak = 0;
    for (int64_t step = 0; step < std::min(schedule.total_steps, kMostLooked) && peak <= 0; ++step)
        peak = LearningRate(schedule, step);
    return peak;
}

std::string OddSchedule(const FinetuneOptions& options, const ScheduleOptions& schedule) {
    const int64_t total = schedule.total_steps, warmup = schedule.warmup_steps;
    if (options.learning_rate == 0)
        return "--learning_rate 0: nothing will be learned. Leave it out, or give one like 2e-4.";
    if (schedule.kind == ScheduleKind::kConstant) {
        // The default of --warmup_ratio is nobody's wish.
        const bool wished = options.warmup_steps.value_or(0) > 0 ||
                            (!options.warmup_steps &&
                             options.warmup_ratio != FinetuneOptions().warmup_ratio && warmup > 0);
        return wished ? "The warmup does nothing with --lr_scheduler_type constant: "
                        "constant_with_warmup is the schedule that has one."
                      : "";
    }
    if (Peak(schedule) <= 0)
        return fmt::format(
            "The learning rate is 0 at every step: the warmup of {} takes the whole run of {}, so "
            "nothing will be learned. Use --warmup_steps 0, or train for more steps.",
            Steps(warmup), Steps(total));
    if (warmup >= total && total > 0)
        return fmt::format(
            "The warmup of {} is as long as the run of {} or longer: --learning_rate {:g} is never "
            "reached. Use fewer --warmup_steps (or a lower --warmup_ratio), or train for more "
            "steps.",
            Steps(warmup), Steps(total), options.learning_rate);
    return "";
}

// A product of [out, r] and [r, in] has no higher rank than the least of the three.
std::string OddRank(const ParameterSet& parameters) {
    int64_t above = 0, layers = 0, rank = 0, most = 0;
    const auto& slices = parameters.slices();
    for (size_t i = 0; i + 1 < slices.size(); ++i) {
        const std::string_view a = slices[i].name, b = slices[i + 1].name;
        const bool linear = a.ends_with(".lora_A.weight") && b.ends_with(".lora_B.weight"),
                   table = a.ends_with(".lora_embedding_A") && b.ends_with(".lora_embedding_B");
        if (!linear && !table) continue;
        const int64_t r = slices[i].shape[0];
        const int64_t least = std::min(slices[i].shape[1], slices[i + 1].shape[0]);
        ++layers;
        if (r <= least) continue;
        ++above;
        rank = std::max(rank, r);
        most = std::max(most, least);
    }
    if (above == 0) return "";
    return fmt::format(
        "The adapter's rank {} is above what {} of its {} layers can use (they have at most {} "
        "rows or columns): it costs memory and time and gives nothing. Use --lora_r {} or less.",
        rank, above, layers, most, most);
}

}  // namespace

std::vector<std::string> OddSettings(const FinetuneOptions& options,
                                     const ScheduleOptions& schedule, const RunPlan& plan,
                                     const ParameterSet& parameters) {
    std::vector<std::string> sentences = {OddSchedule(options, schedule), OddRank(parameters)};
    if (options.max_steps <= 0 && plan.total_steps < kFewSteps)
        sentences.push_back(fmt::format(
            "The run has {} in all, which is little to learn from. A smaller "
            "--per_device_train_batch_size (now {}) or more --num_train_epochs (now {:g}) gives "
            "more.",
            Steps(plan.total_steps), options.per_device_train_batch_size,
            options.num_train_epochs));
    std::erase(sentences, "");
    return sentences;
}

}  // namespace hone
