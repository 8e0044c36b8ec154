#include "kernels/rmsnorm/rmsnorm.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class RmsNormTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(RmsNormTest, Types);

TYPED_TEST(RmsNormTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto& reference = RmsNormKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(RmsNormKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t M = random.Between(1, 9), C = random.Size(300);
            SCOPED_TRACE(fmt::format("{} seed={} M={} C={}", kernel.name, seed, M, C));
            const auto x = random.Values<float>(M * C, 3), weight = random.Values<float>(C);
            const auto dy = random.Values<float>(M * C), start = random.Values<float>(M * C);
            std::vector<T> xhat(M * C), y(M * C), dx_t(M * C);
            std::vector<float> rstd(M), dx = start, dweight(C, 0.5f);
            reference.forward(M, C, x.data(), weight.data(), 1e-5f, xhat.data(), y.data(),
                              rstd.data());
            reference.backward(M, C, dy.data(), xhat.data(), weight.data(), rstd.data(), dx.data(),
                               dx_t.data());
            reference.backward_weight(M, C, C, dy.data(), xhat.data(), dweight.data());

            Guarded<T> got_xhat(M * C), got_y(M * C), scaled(M * C), got_dx_t(M * C);
            Guarded<float> got_rstd(M), got_dx(start), got_dweight(C, 0.5f);
            kernel.functions.forward(M, C, x.data(), weight.data(), 1e-5f, got_xhat.data(),
                                     got_y.data(), got_rstd.data());
            kernel.functions.scale(M, C, got_xhat.data(), weight.data(), scaled.data());
            kernel.functions.backward(M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                                      got_dx.data(), got_dx_t.data());
            kernel.functions.backward_weight(M, C, C, dy.data(), xhat.data(), got_dweight.data());
            const float tolerance = 2 * testkit::kRounding<T> + 2e-6f;
            ExpectClose(got_rstd, rstd, 2e-6f, 0, "rstd");
            ExpectClose(got_xhat, xhat, tolerance, 0, "xhat");
            ExpectClose(got_y, y, tolerance, 0, "y");
            ExpectSameBits(scaled, got_y, "scale gives the bits of forward");
            ExpectClose(got_dx, dx, 1e-5f, 1e-5f, "dx");
            ExpectClose(got_dx_t, dx_t, tolerance, 1e-5f, "dx_t");
            ExpectClose(got_dweight, dweight, 1e-5f, 1e-5f, "dweight");
        }
    }
}

TEST(RmsNorm, BackwardIsTheSlopeOfForward) {
    const Context context(2);
    for (const uint64_t seed : TestSeeds(4)) {
        Random random(seed);
        const int64_t M = 3, C = random.Size(40);
        SCOPED_TRACE(fmt::format("seed={} C={}", seed, C));
        auto x = random.Values<float>(M * C), weight = random.Values<float>(C);
        const auto dy = random.Values<float>(M * C);
        std::vector<float> xhat(M * C), y(M * C), rstd(M), dx(M * C), dweight(C);
        const auto loss = [&] {
            RmsNormForward(context, M, C, x.data(), weight.data(), 1e-5f, xhat.data(), y.data(),
                           rstd.data());
            double sum = 0;
            for (int64_t i = 0; i < M * C; ++i) sum += static_cast<double>(y[i]) * dy[i];
            return sum;
        };
        loss();
        RmsNormBackward<float>(context, M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                               dx.data(), nullptr, dweight.data());
        for (int64_t i = 0; i < M * C; ++i)
            EXPECT_NEAR(testkit::FiniteDifference(&x[i], 1e-2f, loss), dx[i], 2e-2) << "x " << i;
        for (int64_t i = 0; i < C; ++i)
            EXPECT_NEAR(testkit::FiniteDifference(&weight[i], 1e-2f, loss), dweight[i], 2e-3)
                << "weight " << i;
    }
}

// Heads within rows of a fused buffer: what the plain norm gives for each, and the gaps stay.
TEST(RmsNorm, HeadsAreNormalisedInPlace) {
    const Context context(2);
    Random random(11);
    const int64_t M = 7, n = 3, D = 24, stride = n * D + 5, C = n * D;
    const auto original = random.Values<float>(M * stride), weight = random.Values<float>(D),
               dy = random.Values<float>(M * stride);
    std::vector<float> x = original, dx = dy, xhat(M * C), rstd(M * n), scratch(M * C), dweight(D);
    RmsNormHeadsForward(context, M, n, D, x.data(), stride, weight.data(), 1e-5f, xhat.data(),
                        rstd.data());
    RmsNormHeadsBackward(context, M, n, D, dx.data(), stride, xhat.data(), weight.data(),
                         rstd.data(), scratch.data(), dweight.data());
    std::vector<float> flat, flat_dy;
    for (int64_t r = 0; r < M; ++r) {
        flat.insert(flat.end(), original.begin() + r * stride, original.begin() + r * stride + C);
        flat_dy.insert(flat_dy.end(), dy.begin() + r * stride, dy.begin() + r * stride + C);
    }
    std::vector<float> y(M * C), want_xhat(M * C), want_rstd(M * n), want_dx(M * C),
        want_dweight(D);
    RmsNormForward(context, M * n, D, flat.data(), weight.data(), 1e-5f, want_xhat.data(), y.data(),
                   want_rstd.data());
    RmsNormBackward<float>(context, M * n, D, flat_dy.data(), want_xhat.data(), weight.data(),
                           want_rstd.data(), want_dx.data(), nullptr, want_dweight.data());
    ExpectSameBits(xhat, want_xhat, "xhat");
    ExpectSameBits(rstd, want_rstd, "rstd");
    ExpectSameBits(dweight, want_dweight, "dweight");
    for (int64_t r = 0; r < M; ++r)
        for (int64_t i = 0; i < stride; ++i) {
            EXPECT_EQ(x[r * stride + i], i < C ? y[r * C + i] : original[r * stride + i]);
            EXPECT_EQ(dx[r * stride + i], i < C ? want_dx[r * C + i] : dy[r * stride + i]);
        }
}

TEST(RmsNorm, OptionalOutputsAndThreadsChangeNothing) {
    Random random(7);
    const int64_t M = 301, C = 576;
    const auto x = random.Values<float>(M * C), weight = random.Values<float>(C),
               dy = random.Values<float>(M * C);
    std::vector<bf16> first_y, first_dx_t;
    std::vector<float> first_dweight;
    for (int threads : {1, 2, 5}) {
        const Context context(threads);
        std::vector<bf16> xhat(M * C), y(M * C), dx_t(M * C), only_y(M * C);
        std::vector<float> rstd(M), dx(M * C), dweight(C);
        RmsNormForward(context, M, C, x.data(), weight.data(), 1e-5f, xhat.data(), y.data(),
                       rstd.data());
        RmsNormForward<bf16>(context, M, C, x.data(), weight.data(), 1e-5f, nullptr, only_y.data(),
                             nullptr);
        RmsNormBackward(context, M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                        dx.data(), dx_t.data(), dweight.data());
        ExpectSameBits(only_y, y, "without xhat and rstd");
        if (first_y.empty()) first_y = y, first_dx_t = dx_t, first_dweight = dweight;
        ExpectSameBits(y, first_y, "y");
        ExpectSameBits(dx_t, first_dx_t, "dx_t");
        ExpectSameBits(dweight, first_dweight, "dweight");
    }
}

}  // namespace
}  // namespace hone
