// What the tests of the kernels share: random shapes and values, outputs with canaries around them,
// comparisons; and which implementations of an op a test can run here.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/files/testing.h"
#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"
#include "tensor/dtype.h"

namespace hone::testkit {

// The implementations of an op that can do `problem` on this machine. Where some cannot, the test
// goes on with the others, but is reported as skipped, with their names: it has not shown all that
// its name says.
template <typename Problem, typename Functions>
std::vector<Kernel<Problem, Functions>> Runnable(const KernelList<Problem, Functions>& list,
                                                 const Problem& problem = {}) {
    std::vector<Kernel<Problem, Functions>> runnable;
    std::string left_out;
    for (const auto& kernel : list.kernels()) {
        const std::string why = kernel.declines(problem);
        if (why.empty()) {
            runnable.push_back(kernel);
        } else {
            left_out += fmt::format("{}{}:{} ({})", left_out.empty() ? "" : ", ", list.op(),
                                    kernel.name, why);
        }
    }
    // In a function of its own, from which the macro returns.
    const auto skip = [&] { GTEST_SKIP() << "run without " << left_out; };
    if (!left_out.empty()) skip();
    return runnable;
}

// Random sizes and values.
class Random : public TestRandom {
  public:
    explicit Random(uint64_t seed, const char* file = __builtin_FILE(), int line = __builtin_LINE())
        : TestRandom(seed, file, line) {}

    // A size in [1, high]: every second one a multiple of `alignment`, so that fast paths are
    // tested with and without a remainder.
    int64_t Size(int64_t high, int64_t alignment = 16) {
        const int64_t size = Between(1, high);
        return Next() % 2 == 0 ? size : std::max(alignment, size / alignment * alignment);
    }
    template <typename T>
    std::vector<T> Values(int64_t n, float scale = 1) {
        std::vector<T> values(static_cast<size_t>(n));
        for (T& value : values) value = FromFloat<T>(scale * Normal());
        return values;
    }
};

// n elements between two canaries, whose loss fails the test when the object dies.
template <typename T>
class Guarded {
  public:
    explicit Guarded(int64_t n, T fill = T{})
        : values_(static_cast<size_t>(n) + 2 * kCanaries, fill) {
        std::memset(static_cast<void*>(values_.data()), kByte, kCanaries * sizeof(T));
        std::memset(static_cast<void*>(values_.data() + kCanaries + n), kByte,
                    kCanaries * sizeof(T));
    }
    explicit Guarded(const std::vector<T>& values) : Guarded(static_cast<int64_t>(values.size())) {
        std::copy(values.begin(), values.end(), data());
    }
    ~Guarded() {
        std::vector<uint8_t> expected(kCanaries * sizeof(T), kByte);
        EXPECT_EQ(std::memcmp(values_.data(), expected.data(), expected.size()), 0)
            << "written before the start";
        EXPECT_EQ(std::memcmp(data() + size(), expected.data(), expected.size()), 0)
            << "written past the end";
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    T* data() { return values_.data() + kCanaries; }
    const T* data() const { return values_.data() + kCanaries; }
    size_t size() const { return values_.size() - 2 * kCanaries; }
    T& operator[](size_t i) { return data()[i]; }
    const T& operator[](size_t i) const { return data()[i]; }

  private:
    static constexpr size_t kCanaries = 64;
    static constexpr uint8_t kByte = 0xa5;
    std::vector<T> values_;
};

// Half a unit in the last place of T, relative.
template <typename T>
inline constexpr float kRounding = sizeof(T) == 2 ? 0.00390625f : 1e-7f;

// |actual - expected| <= absolute + relative * |expected| for each of n elements; says where the
// worst one is.
template <typename A, typename B>
void ExpectClose(const A* actual, const B* expected, size_t n, float relative, float absolute,
                 const char* what) {
    float worst = 0;
    size_t at = n;
    for (size_t i = 0; i < n; ++i) {
        const float a = ToFloat(actual[i]), e = ToFloat(expected[i]);
        const float excess = std::abs(a - e) - absolute - relative * std::abs(e);
        if (!(excess <= worst)) worst = excess, at = i;
        if (std::isnan(excess)) break;
    }
    if (at < n)
        ADD_FAILURE() << what << "[" << at << "] of " << n << " is " << ToFloat(actual[at])
                      << ", expected " << ToFloat(expected[at]) << " (relative " << relative
                      << ", absolute " << absolute << ")";
}

template <typename A, typename B>
void ExpectClose(const A& actual, const B& expected, float relative, float absolute,
                 const char* what) {
    ASSERT_EQ(actual.size(), expected.size());
    ExpectClose(actual.data(), expected.data(), actual.size(), relative, absolute, what);
}

template <typename A, typename B>
void ExpectSameBits(const A& actual, const B& expected, const char* what) {
    ASSERT_EQ(actual.size(), expected.size());
    EXPECT_EQ(std::memcmp(actual.data(), expected.data(), actual.size() * sizeof(*actual.data())),
              0)
        << what;
}

// d f / d values[i] by central differences, f a double; puts values[i] back.
template <typename F>
double FiniteDifference(float* value, float step, const F& f) {
    const float saved = *value, high = saved + step, low = saved - step;
    *value = high;
    const double above = f();
    *value = low;
    const double below = f();
    *value = saved;
    return (above - below) / (static_cast<double>(high) - static_cast<double>(low));
}

}  // namespace hone::testkit
