#include "kernels/lion/lion.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::Guarded;
using testkit::Random;

TEST(Lion, EveryKernelEqualsTheReference) {
    const LionFactors factors{0.5f, 0.999f, 0.1f, 0.01f, 1e-3f};
    for (const auto& kernel : testkit::Runnable(LionKernels())) {
        for (const uint64_t seed : TestSeeds(30)) {
            Random random(seed);
            const int64_t n = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} n={}", kernel.name, seed, n));
            auto gradient = random.Values<float>(n), value = random.Values<float>(n),
                 m = random.Values<float>(n, 0.1f);
            gradient[0] = m[0] = 0;
            Guarded<float> got_value(value), got_m(m);
            LionKernels().reference().range(n, factors, gradient.data(), value.data(), m.data());
            kernel.functions.range(n, factors, gradient.data(), got_value.data(), got_m.data());
            ExpectClose(got_value, value, 1e-6f, 1e-8f, "value");
            ExpectClose(got_m, m, 1e-6f, 1e-8f, "m");
        }
    }
}

// A number whose gradient has always been zero only decays.
TEST(Lion, StepsAreTheRateOrNothing) {
    const Context context(2);
    const std::vector<float> gradient = {3, -0.001f, 0};
    std::vector<float> value = {1, 1, 1}, m = {0, 0, 0};
    LionStep(context, 3, {1, 0.5f, 0.1f, 0.01f, 0.25f}, gradient.data(), value.data(), m.data());
    EXPECT_EQ(value, (std::vector<float>{0.25f, 0.75f, 0.5f}));
    EXPECT_NEAR(m[0], 0.03f, 1e-8);
}

}  // namespace
}  // namespace hone
