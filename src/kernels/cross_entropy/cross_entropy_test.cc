#include "kernels/cross_entropy/cross_entropy.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::Guarded;
using testkit::Random;

TEST(CrossEntropy, EveryKernelEqualsTheReference) {
    const auto& reference = CrossEntropyKernels().reference();
    for (const auto& kernel : testkit::Runnable(CrossEntropyKernels())) {
        for (const uint64_t seed : TestSeeds(60)) {
            Random random(seed);
            const int64_t V = random.Size(seed % 3 == 0 ? 9000 : 100);
            const float cap = seed % 2 == 0 ? 0.0f : 20.0f;
            SCOPED_TRACE(fmt::format("{} seed={} V={} cap={}", kernel.name, seed, V, cap));
            const auto logits = random.Values<float>(V, 5);
            const int64_t target = random.Between(0, V - 1);
            const auto expected = reference.stats(V, logits.data(), cap);
            const auto stats = kernel.functions.stats(V, logits.data(), cap);
            EXPECT_EQ(stats.argmax, expected.argmax);
            EXPECT_NEAR(stats.max, expected.max, 1e-5);
            EXPECT_NEAR(stats.log_sum, expected.log_sum, 2e-5);

            const float log_sum = static_cast<float>(expected.log_sum);
            auto gradient = logits;
            Guarded<float> f32(logits), b16(logits);
            reference.gradient_f32(V, gradient.data(), cap, log_sum, target, 0.7f);
            kernel.functions.gradient_f32(V, f32.data(), cap, log_sum, target, 0.7f);
            kernel.functions.gradient_bf16(V, b16.data(), cap, log_sum, target, 0.7f);
            ExpectClose(f32, gradient, 2e-5f, 1e-7f, "f32");
            ExpectClose(reinterpret_cast<const bf16*>(b16.data()), gradient.data(),
                        static_cast<size_t>(V), 0.0042f, 1e-7f, "bf16");

            EXPECT_NEAR(kernel.functions.sum(V, logits.data(), cap),
                        reference.sum(V, logits.data(), cap), 1e-3);
            auto smooth = logits;
            Guarded<float> smooth_f32(logits), smooth_b16(logits);
            reference.smooth_f32(V, smooth.data(), cap, log_sum, target, 0.7f, 0.2f);
            kernel.functions.smooth_f32(V, smooth_f32.data(), cap, log_sum, target, 0.7f, 0.2f);
            kernel.functions.smooth_bf16(V, smooth_b16.data(), cap, log_sum, target, 0.7f, 0.2f);
            ExpectClose(smooth_f32, smooth, 2e-5f, 2e-7f, "smooth f32");
            ExpectClose(reinterpret_cast<const bf16*>(smooth_b16.data()), smooth.data(),
                        static_cast<size_t>(V), 0.0042f, 2e-7f, "smooth bf16");
        }
    }
}

TEST(CrossEntropy, TheLowestIndexWinsATie) {
    for (const auto& kernel : CrossEntropyKernels().kernels()) {
        std::vector<float> logits(100, 1.0f);
        EXPECT_EQ(kernel.functions.stats(100, logits.data(), 0).argmax, 0) << kernel.name;
        logits[37] = logits[99] = 2;
        EXPECT_EQ(kernel.functions.stats(100, logits.data(), 0).argmax, 37) << kernel.name;
        logits[37] = 0;
        EXPECT_EQ(kernel.functions.stats(100, logits.data(), 0).argmax, 99) << kernel.name;
    }
}

TEST(CrossEntropy, NotANumberReachesTheLoss) {
    for (const auto& kernel : CrossEntropyKernels().kernels()) {
        for (float bad : {NAN, INFINITY}) {
            for (int at : {0, 5, 63, 66}) {
                std::vector<float> logits(67, 1.0f);
                logits[at] = bad;
                EXPECT_FALSE(std::isfinite(kernel.functions.stats(67, logits.data(), 0).log_sum))
                    << kernel.name << " " << bad << " at " << at;
            }
        }
    }
}

TEST(CrossEntropy, RowsWithoutALossAreZeroAndOthersAreTheSlope) {
    const Context context(2);
    Random random(11);
    const int64_t M = 6, V = 23, stride = 32;
    for (const auto& [cap, smoothing] : std::vector<std::pair<float, float>>{
             {0.0f, 0.0f}, {3.0f, 0.0f}, {0.0f, 0.1f}, {3.0f, 0.3f}}) {
        auto logits = random.Values<float>(M * stride, 2);
        const std::vector<int32_t> targets = {3, -1, 0, 22, 7, 5};
        const std::vector<float> weights = {1, 1, 0.5f, 2, 0, -1.5f};
        CrossEntropyOptions options{.soft_cap = cap, .scale = 0.25f, .label_smoothing = smoothing};
        std::vector<double> loss(M), again(M);
        std::vector<uint8_t> correct(M);
        const auto total = [&] {
            CrossEntropyForward(context, M, V, logits.data(), stride, targets.data(),
                                weights.data(), options, loss.data(), nullptr);
            double sum = 0;
            for (double row : loss) sum += row;
            return sum * options.scale;
        };
        total();
        EXPECT_EQ(loss[1], 0);
        EXPECT_EQ(loss[4], 0);
        EXPECT_GT(loss[0], 0);
        auto gradient = logits;
        CrossEntropyBackward<float>(context, M, V, gradient.data(), stride, targets.data(),
                                    weights.data(), options, again.data(), correct.data());
        EXPECT_EQ(again, loss);
        for (int64_t r = 0; r < M; ++r) {
            const float* row = logits.data() + r * stride;
            const bool best = targets[r] >= 0 && weights[r] != 0 &&
                              std::max_element(row, row + V) - row == targets[r];
            EXPECT_EQ(correct[r], best);
            for (int64_t i = 0; i < V; ++i) {
                const float slope = gradient[r * stride + i];
                if (loss[r] == 0) {
                    EXPECT_EQ(slope, 0) << r << " " << i;
                }
                EXPECT_NEAR(testkit::FiniteDifference(&logits[r * stride + i], 1e-2f, total), slope,
                            1e-3);
            }
        }
    }
}

// transformers.trainer_pt_utils.LabelSmoother(epsilon=0.1) of one row: 0.9 * -log p[2] plus 0.1 *
// the mean of all -log p.
TEST(CrossEntropy, SmoothedLabelsEqualTransformers) {
    const Context context(1);
    const std::vector<float> logits = {0.5f, -1.0f, 2.0f, 0.25f, -0.75f};
    const int32_t target = 2;
    const float weight = 1;
    double loss = 0;
    CrossEntropyForward(context, 1, 5, logits.data(), 5, &target, &weight,
                        {.label_smoothing = 0.1f}, &loss, nullptr);
    EXPECT_NEAR(loss, 0.592519641, 1e-6);
    auto gradient = logits;
    CrossEntropyBackward<float>(context, 1, 5, gradient.data(), 5, &target, &weight,
                                {.label_smoothing = 0.1f}, &loss, nullptr);
    EXPECT_NEAR(loss, 0.592519641, 1e-6);
    testkit::ExpectClose(
        gradient,
        std::vector<float>{0.12770775f, 0.01295805f, -0.25801978f, 0.09503490f, 0.02231898f}, 1e-5f,
        1e-7f, "gradient");
}

TEST(CrossEntropy, Bf16RowsStartWhereTheLogitsDidAndKeepTheirNeighbours) {
    const Context context(2);
    Random random(12);
    const int64_t M = 4, V = 50, stride = 64;
    Guarded<float> logits(random.Values<float>(M * stride, 2));
    std::vector<float> expected(logits.data(), logits.data() + M * stride);
    const std::vector<int32_t> targets = {3, 49, -1, 0};
    const std::vector<float> weights = {1, 0.5f, 1, 1};
    std::vector<double> loss(M), loss_f32(M);
    CrossEntropyBackward<float>(context, M, V, expected.data(), stride, targets.data(),
                                weights.data(), {}, loss_f32.data(), nullptr);
    CrossEntropyBackward<bf16>(context, M, V, logits.data(), stride, targets.data(), weights.data(),
                               {}, loss.data(), nullptr);
    EXPECT_EQ(loss, loss_f32);
    for (int64_t r = 0; r < M; ++r)
        ExpectClose(reinterpret_cast<const bf16*>(logits.data()) + r * stride * 2,
                    expected.data() + r * stride, static_cast<size_t>(V), 0.004f, 1e-9f, "row");
}

}  // namespace
}  // namespace hone
