// What the benchmarks of the ops share: numbers to work on, and the loop over an op's
// implementations.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernels/benchmark.h"
#include "kernels/dispatch/dispatch.h"

namespace hone {

// n numbers of a normal distribution, the same each time.
template <typename T>
std::vector<T> Values(int64_t n) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    std::vector<T> values(static_cast<size_t>(n));
    for (T& value : values) value = FromFloat<T>(normal(engine));
    return values;
}

// Seconds of the best run of at least three and about a fifth of a second; one run when `smoke`.
template <typename Run>
double BestSeconds(bool smoke, const Run& run) {
    double best = INFINITY;
    const double start = NowSeconds();
    for (int i = 0; i < (smoke ? 1 : 3) || (!smoke && NowSeconds() - start < 0.2); ++i) {
        const double before = NowSeconds();
        run();
        best = std::min(best, NowSeconds() - before);
    }
    return best;
}

// The largest difference, relative to the largest value expected.
template <typename T>
double Error(const std::vector<T>& actual, const std::vector<T>& expected) {
    double worst = 0, largest = 1e-30;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double difference =
            std::abs(static_cast<double>(ToFloat(actual[i])) - ToFloat(expected[i]));
        worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
        largest = std::max(largest, std::abs(static_cast<double>(ToFloat(expected[i]))));
    }
    return worst / largest;
}

// What one benchmark measures: `amount` is FLOP or bytes of one run.
struct Work {
    std::string op, shape, unit;
    double amount;
};

// Times run(functions, &result) for every implementation of the list; result is a vector that is
// reset to `start` first and compared with the reference's afterwards.
template <typename Problem, typename Functions, typename T, typename Run>
void BenchEach(bool smoke, const KernelList<Problem, Functions>& list, const Problem& problem,
               const Work& work, const std::vector<T>& start, const Run& run,
               std::vector<BenchRow>& rows) {
    std::vector<T> expected = start;
    run(list.reference(), expected);
    std::string declined;
    for (const auto& kernel : list.kernels()) {
        if (std::string why = kernel.declines(problem); !why.empty()) {
            declined += fmt::format("{}{}: {}", declined.empty() ? "" : "; ", kernel.name, why);
            continue;
        }
        std::vector<T> result = start;
        run(kernel.functions, result);
        const double error = Error(result, expected);
        const double seconds = BestSeconds(smoke, [&] { run(kernel.functions, result); });
        rows.push_back({work.op, std::string(kernel.name),
                        kernel.name == list.ChooseKernel(problem).name, work.shape, seconds,
                        work.amount / seconds / 1e9, work.unit, error, declined});
    }
}

}  // namespace hone
