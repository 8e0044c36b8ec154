#include "kernels/adamw/adamw.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

TEST(AdamW, EveryKernelEqualsTheReference) {
    const AdamWFactors factors{0.5f, 0.999f, 0.99f, 1e-8f, 0.1f, 0.01f, 1e-3f, 1.5f};
    for (const auto& kernel : testkit::Runnable(AdamWKernels())) {
        for (const uint64_t seed : TestSeeds(30)) {
            Random random(seed);
            const int64_t n = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} n={}", kernel.name, seed, n));
            const auto gradient = random.Values<float>(n);
            auto value = random.Values<float>(n), m = random.Values<float>(n, 0.1f),
                 v = random.Values<float>(n, 0.1f);
            for (float& x : v) x = std::abs(x);
            Guarded<float> got_value(value), got_m(m), got_v(v);
            AdamWKernels().reference().range(n, factors, gradient.data(), value.data(), m.data(),
                                             v.data());
            kernel.functions.range(n, factors, gradient.data(), got_value.data(), got_m.data(),
                                   got_v.data());
            ExpectClose(got_value, value, 1e-6f, 1e-8f, "value");
            ExpectClose(got_m, m, 1e-6f, 1e-8f, "m");
            ExpectClose(got_v, v, 1e-6f, 1e-9f, "v");
        }
    }
}

// One step by hand: m = 0.1 g, v = 0.001 g^2; corrected both are g and g^2, so the step is lr *
// sign(g).
TEST(AdamW, FirstStepMovesByTheLearningRate) {
    const Context context(1);
    float gradient = 4, value = 2, m = 0, v = 0;
    AdamWStep(context, 1, {.learning_rate = 0.1, .weight_decay = 0.5, .gradient_scale = 0.25f},
              &gradient, &value, &m, &v);
    EXPECT_NEAR(value, 2 * (1 - 0.1 * 0.5) - 0.1, 1e-6);
    EXPECT_NEAR(m, 0.1, 1e-7);
    EXPECT_NEAR(v, 0.001, 1e-9);
}

// torch.optim.AdamW, gradients [0.1 (s + 1), -0.02, 0, 0.001 (s - 1), 5] at step s from 0.
struct Golden {
    double learning_rate, beta1, beta2, eps, weight_decay;
    int steps;
    std::vector<float> value, m, v;
};

TEST(AdamW, EqualsTorch) {
    const Context context(2);
    const Golden goldens[] = {
        {1e-2,
         0.9,
         0.999,
         1e-8,
         0.1,
         4,
         {0.957228959f, -0.458063006f, 0.249001518f, 2.99866509f, -2.03195214f},
         {0.0904899985f, -0.00687799975f, 0.0f, 0.000217100023f, 1.71950006f},
         {0.0002998001f, 1.59760157e-06f, 0.0f, 5.99600414e-09f, 0.0998501033f}},
        {3e-3,
         0.8,
         0.95,
         1e-6,
         0.0,
         3,
         {0.991131544f, -0.491000473f, 0.25f, 3.0043633f, -2.00900006f},
         {0.104800008f, -0.00975999981f, 0.0f, 7.20000098e-05f, 2.44000006f},
         {0.00685125077f, 5.70500015e-05f, 0.0f, 9.51250101e-08f, 3.56562495f}}};
    for (const Golden& golden : goldens) {
        std::vector<float> value = {1.0f, -0.5f, 0.25f, 3.0f, -2.0f}, m(5), v(5);
        for (int s = 0; s < golden.steps; ++s) {
            const float f = static_cast<float>(s);
            const std::vector<float> gradient = {0.1f * (f + 1), -0.02f, 0.0f, 1e-3f * (f - 1),
                                                 5.0f};
            AdamWStep(context, 5,
                      {golden.learning_rate, golden.beta1, golden.beta2, golden.eps,
                       golden.weight_decay, s + 1},
                      gradient.data(), value.data(), m.data(), v.data());
        }
        ExpectClose(value, golden.value, 1e-6f, 1e-7f, "value");
        ExpectClose(m, golden.m, 2e-6f, 1e-10f, "m");
        ExpectClose(v, golden.v, 3e-6f, 1e-14f, "v");
    }
}

TEST(AdamW, ThreadsChangeNothing) {
    Random random(3);
    const int64_t n = 100'003;
    const auto gradient = random.Values<float>(n), start = random.Values<float>(n);
    std::vector<float> first;
    for (int threads : {1, 3}) {
        const Context context(threads);
        auto value = start;
        std::vector<float> m(n), v(n);
        AdamWStep(context, n, {}, gradient.data(), value.data(), m.data(), v.data());
        if (first.empty()) first = value;
        ExpectSameBits(value, first, "value");
    }
}

}  // namespace
}  // namespace hone
