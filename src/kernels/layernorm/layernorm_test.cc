#include "kernels/layernorm/layernorm.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class LayerNormTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(LayerNormTest, Types);

TYPED_TEST(LayerNormTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto& reference = LayerNormKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(LayerNormKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t M = random.Between(1, 9), C = 2 + random.Size(300);
            SCOPED_TRACE(fmt::format("{} seed={} M={} C={}", kernel.name, seed, M, C));
            const auto x = random.Values<float>(M * C, 3), weight = random.Values<float>(C),
                       bias = random.Values<float>(C);
            const auto dy = random.Values<float>(M * C), start = random.Values<float>(M * C);
            std::vector<T> xhat(M * C), y(M * C), dx_t(M * C);
            std::vector<float> rstd(M), dx = start, dweight(C, 0.5f), dbias(C, 2.0f);
            reference.forward(M, C, x.data(), weight.data(), bias.data(), 1e-5f, xhat.data(),
                              y.data(), rstd.data());
            reference.backward(M, C, dy.data(), xhat.data(), weight.data(), rstd.data(), dx.data(),
                               dx_t.data());
            reference.backward_weight(M, C, C, dy.data(), xhat.data(), dweight.data(),
                                      dbias.data());

            Guarded<T> got_xhat(M * C), got_y(M * C), scaled(M * C), got_dx_t(M * C);
            Guarded<float> got_rstd(M), got_dx(start), got_dweight(C, 0.5f), got_dbias(C, 2.0f);
            kernel.functions.forward(M, C, x.data(), weight.data(), bias.data(), 1e-5f,
                                     got_xhat.data(), got_y.data(), got_rstd.data());
            kernel.functions.scale(M, C, got_xhat.data(), weight.data(), bias.data(),
                                   scaled.data());
            kernel.functions.backward(M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                                      got_dx.data(), got_dx_t.data());
            kernel.functions.backward_weight(M, C, C, dy.data(), xhat.data(), got_dweight.data(),
                                             got_dbias.data());
            const float tolerance = 2 * testkit::kRounding<T> + 2e-6f;
            ExpectClose(got_rstd, rstd, 2e-5f, 0, "rstd");
            ExpectClose(got_xhat, xhat, tolerance, 1e-5f, "xhat");
            ExpectClose(got_y, y, tolerance, 4 * testkit::kRounding<T> + 1e-5f, "y");
            ExpectSameBits(scaled, got_y, "scale gives the bits of forward");
            ExpectClose(got_dx, dx, 1e-5f, 1e-5f, "dx");
            ExpectClose(got_dx_t, dx_t, tolerance, 1e-5f, "dx_t");
            ExpectClose(got_dweight, dweight, 1e-5f, 1e-5f, "dweight");
            ExpectClose(got_dbias, dbias, 1e-5f, 1e-5f, "dbias");
        }
    }
}

TEST(LayerNorm, BackwardIsTheSlopeOfForward) {
    const Context context(2);
    for (const uint64_t seed : TestSeeds(4)) {
        Random random(seed);
        const int64_t M = 3, C = 4 + random.Size(40);
        SCOPED_TRACE(fmt::format("seed={} C={}", seed, C));
        auto x = random.Values<float>(M * C), weight = random.Values<float>(C),
             bias = random.Values<float>(C);
        const auto dy = random.Values<float>(M * C);
        std::vector<float> xhat(M * C), y(M * C), rstd(M), dx(M * C), dweight(C), dbias(C);
        const auto loss = [&] {
            LayerNormForward(context, M, C, x.data(), weight.data(), bias.data(), 1e-5f,
                             xhat.data(), y.data(), rstd.data());
            double sum = 0;
            for (int64_t i = 0; i < M * C; ++i) sum += static_cast<double>(y[i]) * dy[i];
            return sum;
        };
        loss();
        LayerNormBackward<float>(context, M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                                 dx.data(), nullptr, dweight.data(), dbias.data());
        for (int64_t i = 0; i < M * C; ++i)
            EXPECT_NEAR(testkit::FiniteDifference(&x[i], 1e-2f, loss), dx[i], 2e-2) << "x " << i;
        for (int64_t i = 0; i < C; ++i) {
            EXPECT_NEAR(testkit::FiniteDifference(&weight[i], 1e-2f, loss), dweight[i], 2e-3)
                << "weight " << i;
            EXPECT_NEAR(testkit::FiniteDifference(&bias[i], 1e-2f, loss), dbias[i], 2e-3)
                << "bias " << i;
        }
    }
}

TEST(LayerNorm, ThreadsChangeNothing) {
    Random random(7);
    const int64_t M = 301, C = 576;
    const auto x = random.Values<float>(M * C), weight = random.Values<float>(C),
               bias = random.Values<float>(C), dy = random.Values<float>(M * C);
    std::vector<bf16> first_y, first_dx_t;
    std::vector<float> first_dweight, first_dbias;
    for (int threads : {1, 2, 5}) {
        const Context context(threads);
        std::vector<bf16> xhat(M * C), y(M * C), dx_t(M * C);
        std::vector<float> rstd(M), dx(M * C), dweight(C), dbias(C);
        LayerNormForward(context, M, C, x.data(), weight.data(), bias.data(), 1e-5f, xhat.data(),
                         y.data(), rstd.data());
        LayerNormBackward(context, M, C, dy.data(), xhat.data(), weight.data(), rstd.data(),
                          dx.data(), dx_t.data(), dweight.data(), dbias.data());
        if (first_y.empty())
            first_y = y, first_dx_t = dx_t, first_dweight = dweight, first_dbias = dbias;
        ExpectSameBits(y, first_y, "y");
        ExpectSameBits(dx_t, first_dx_t, "dx_t");
        ExpectSameBits(dweight, first_dweight, "dweight");
        ExpectSameBits(dbias, first_dbias, "dbias");
    }
}

}  // namespace
}  // namespace hone
