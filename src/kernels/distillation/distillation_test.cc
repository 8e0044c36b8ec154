#include "kernels/distillation/distillation.h"

#include <array>

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::Guarded;
using testkit::Random;

TEST(Distillation, EveryKernelEqualsTheReference) {
    const auto& reference = DistillationKernels().reference();
    for (const auto& kernel : testkit::Runnable(DistillationKernels())) {
        for (const uint64_t seed : TestSeeds(60)) {
            Random random(seed);
            const int64_t V = random.Size(seed % 3 == 0 ? 9000 : 100);
            const int64_t shared = seed % 2 == 0 ? V : random.Between(1, V);
            const float cap = seed % 4 < 2 ? 0.0f : 20.0f, inverse = seed % 5 == 0 ? 1.0f : 0.4f;
            SCOPED_TRACE(fmt::format("{} seed={} V={} shared={}", kernel.name, seed, V, shared));
            const auto logits = random.Values<float>(V, 5), teacher = random.Values<float>(V, 5);
            const double own = reference.soft_log_sum(shared, logits.data(), cap, inverse),
                         wanted = reference.soft_log_sum(shared, teacher.data(), 0, inverse);
            EXPECT_NEAR(kernel.functions.soft_log_sum(shared, logits.data(), cap, inverse), own,
                        2e-5);
            const double divergence = reference.divergence(shared, logits.data(), teacher.data(),
                                                           cap, inverse, own, wanted);
            EXPECT_GE(divergence, -1e-9);
            EXPECT_NEAR(kernel.functions.divergence(shared, logits.data(), teacher.data(), cap,
                                                    inverse, own, wanted),
                        divergence, 2e-5 + 2e-5 * divergence);

            const DistillationGradient how = {.soft_cap = cap,
                                              .log_sum = 14,
                                              .label_factor = 0.7f,
                                              .teacher_factor = 0.9f,
                                              .inverse_temperature = inverse,
                                              .soft_log_sum = static_cast<float>(own),
                                              .teacher_log_sum = static_cast<float>(wanted),
                                              .target = random.Between(0, V - 1),
                                              .shared = shared};
            auto gradient = logits;
            Guarded<float> f32(logits), b16(logits);
            reference.gradient_f32(V, gradient.data(), teacher.data(), how);
            kernel.functions.gradient_f32(V, f32.data(), teacher.data(), how);
            kernel.functions.gradient_bf16(V, b16.data(), teacher.data(), how);
            ExpectClose(f32, gradient, 2e-5f, 1e-6f, "f32");
            ExpectClose(reinterpret_cast<const bf16*>(b16.data()), gradient.data(),
                        static_cast<size_t>(V), 0.0042f, 1e-6f, "bf16");
        }
    }
}

// Both numbers that are reported, and the slope of their mixture; rows without a loss have none.
// A teacher with fewer outputs than the student, with as many, and with more.
TEST(Distillation, TheGradientIsTheSlope) {
    const Context context(2);
    Random random(12);
    const int64_t M = 6, V = 23, stride = 32;
    const std::vector<int32_t> targets = {3, -1, 0, 22, 7, 5};
    const std::vector<float> weights = {1, 1, 0.5f, 2, 0, 1.5f};
    for (const int64_t teacher_V : {19, 23, 40}) {
        for (const auto& [cap, alpha, temperature] : std::vector<std::array<float, 3>>{
                 {0, 0.5f, 2}, {3, 0.3f, 1}, {0, 1, 4}, {0, 0, 2}, {3, 0.9f, 0.7f}}) {
            auto logits = random.Values<float>(M * stride, 2);
            const auto teacher = random.Values<float>(M * teacher_V, 2);
            const DistillationOptions options{
                .soft_cap = cap, .scale = 0.25f, .alpha = alpha, .temperature = temperature};
            std::vector<double> labels(M), divergences(M), again(M), divergences_again(M);
            std::vector<uint8_t> correct(M);
            DistillationRows rows{.M = M,
                                  .V = V,
                                  .row_stride = stride,
                                  .teacher = teacher.data(),
                                  .teacher_V = teacher_V,
                                  .targets = targets.data(),
                                  .weights = weights.data(),
                                  .label_losses = labels.data(),
                                  .divergences = divergences.data(),
                                  .correct = correct.data()};
            const auto total = [&] {
                DistillationForward(context, rows, logits.data(), options);
                double sum = 0;
                for (int64_t r = 0; r < M; ++r)
                    sum += (1.0 - options.alpha) * labels[r] + options.alpha * divergences[r];
                return sum * options.scale;
            };
            total();
            for (const int64_t without : {1, 4}) {
                EXPECT_EQ(labels[without], 0);
                EXPECT_EQ(divergences[without], 0);
            }
            EXPECT_GT(labels[0], 0);
            EXPECT_GT(divergences[0], 0);
            auto gradient = logits;
            DistillationRows backward = rows;
            backward.label_losses = again.data();
            backward.divergences = divergences_again.data();
            DistillationBackward<float>(context, backward, gradient.data(), options);
            EXPECT_EQ(again, labels);
            EXPECT_EQ(divergences_again, divergences);
            for (int64_t r = 0; r < M; ++r) {
                const float* row = logits.data() + r * stride;
                const bool best = targets[r] >= 0 && weights[r] != 0 &&
                                  std::max_element(row, row + V) - row == targets[r];
                EXPECT_EQ(correct[r], best);
                for (int64_t i = 0; i < V; ++i)
                    EXPECT_NEAR(testkit::FiniteDifference(&logits[r * stride + i], 1e-2f, total),
                                gradient[r * stride + i], 2e-3)
                        << r << " " << i;
            }
        }
    }
}

// torch: F.cross_entropy(z, 2), and T^2 * F.kl_div(log_softmax(z[:4] / T), softmax(t / T)) at T
// = 2.
TEST(Distillation, TheLossesEqualTorch) {
    const Context context(1);
    const std::vector<float> logits = {0.5f, -1.0f, 2.0f, 0.25f, -0.75f},
                             teacher = {1.5f, 0.0f, -0.5f, 2.0f};
    const int32_t target = 2;
    const float weight = 1;
    double label = 0, divergence = 0;
    uint8_t correct = 0;
    DistillationForward(context,
                        {.M = 1,
                         .V = 5,
                         .row_stride = 5,
                         .teacher = teacher.data(),
                         .teacher_V = 4,
                         .targets = &target,
                         .weights = &weight,
                         .label_losses = &label,
                         .divergences = &divergence,
                         .correct = &correct},
                        logits.data(), {});
    EXPECT_NEAR(label, 0.412519523, 1e-6);
    EXPECT_NEAR(divergence, 1.226650205, 1e-6);
    EXPECT_EQ(correct, 1);
}

TEST(Distillation, NotANumberReachesTheLoss) {
    for (const auto& kernel : DistillationKernels().kernels()) {
        for (float bad : {NAN, INFINITY}) {
            for (int at : {0, 5, 63, 66}) {
                std::vector<float> logits(67, 1.0f);
                logits[at] = bad;
                EXPECT_FALSE(std::isfinite(kernel.functions.soft_log_sum(67, logits.data(), 0, 1)))
                    << kernel.name << " " << bad << " at " << at;
            }
        }
    }
}

}  // namespace
}  // namespace hone
