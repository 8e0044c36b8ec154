#include "kernels/column_scale/column_scale.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::kRounding;
using testkit::Random;

template <typename T>
class ColumnScaleTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(ColumnScaleTest, Types);

TYPED_TEST(ColumnScaleTest, RowsEqualTheReference) {
    using T = TypeParam;
    const auto& reference = ColumnScaleKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(ColumnScaleKernels<T>())) {
        for (const uint64_t seed : TestSeeds(30)) {
            Random random(seed);
            const int64_t n = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} n={}", kernel.name, seed, n));
            const auto u = random.Values<T>(n);
            const auto factors = random.Values<float>(n), bias = random.Values<float>(n),
                       start = random.Values<float>(n);
            const float* added_bias = seed % 4 == 0 ? nullptr : bias.data();
            std::vector<T> y(n);
            std::vector<float> stored(n), added(start);
            reference.store(n, u.data(), factors.data(), added_bias, y.data());
            reference.store_f32(n, u.data(), factors.data(), added_bias, stored.data());
            reference.add_f32(n, u.data(), factors.data(), added_bias, added.data());
            Guarded<T> got_y(n);
            Guarded<float> got_stored(n), got_added(start);
            kernel.functions.store(n, u.data(), factors.data(), added_bias, got_y.data());
            kernel.functions.store_f32(n, u.data(), factors.data(), added_bias, got_stored.data());
            kernel.functions.add_f32(n, u.data(), factors.data(), added_bias, got_added.data());
            ExpectClose(got_y, y, 2 * kRounding<T>, 1e-6f, "y");
            ExpectClose(got_stored, stored, 1e-6f, 1e-6f, "stored");
            ExpectClose(got_added, added, 1e-6f, 1e-6f, "added");
        }
    }
}

// With one matrix or two, with factors or without, beside a scaled copy or not.
TYPED_TEST(ColumnScaleTest, ProductsEqualTheReference) {
    using T = TypeParam;
    const auto& reference = ColumnScaleKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(ColumnScaleKernels<T>())) {
        for (const uint64_t seed : TestSeeds(60)) {
            Random random(seed);
            const int64_t n = random.Size(2100), m = random.Between(1, 20), stride = n + 3;
            const bool two = seed % 2 == 0, copies = two && seed % 4 == 0;
            SCOPED_TRACE(fmt::format("{} seed={} m={} n={}", kernel.name, seed, m, n));
            const auto a = random.Values<T>(m * stride), b = random.Values<T>(m * stride);
            const auto factors = random.Values<float>(n), scale = random.Values<float>(n),
                       start = random.Values<float>(n);
            std::vector<T> scaled(m * stride);
            std::vector<float> sums(start);
            Guarded<T> got_scaled(m * stride);
            Guarded<float> got_sums(start);
            ColumnProductsArgs<T> args{.m = m,
                                       .n = n,
                                       .a = a.data(),
                                       .a_stride = stride,
                                       .b = two ? b.data() : nullptr,
                                       .b_stride = stride,
                                       .factors = seed % 3 == 0 ? nullptr : factors.data(),
                                       .sums = sums.data(),
                                       .scale = scale.data(),
                                       .scaled = copies ? scaled.data() : nullptr,
                                       .scaled_stride = stride};
            reference.products(args);
            args.sums = got_sums.data();
            if (copies) args.scaled = got_scaled.data();
            kernel.functions.products(args);
            ExpectClose(got_sums, sums, 1e-5f, 1e-4f, "sums");
            ExpectClose(got_scaled, scaled, 2 * kRounding<T>, 1e-6f, "scaled");
        }
    }
}

// The sums are the slopes of y's weighted sum along the factors.
TEST(ColumnScale, ProductsAreTheGradientOfTheFactors) {
    const Context context(2);
    Random random(11);
    const int64_t m = 7, n = 21;
    const auto u = random.Values<float>(m * n), dy = random.Values<float>(m * n),
               bias = random.Values<float>(n);
    auto factors = random.Values<float>(n);
    std::vector<float> gradient(n, 0.5f), y(m * n);
    AddColumnProducts<float>(context, {.m = m,
                                       .n = n,
                                       .a = dy.data(),
                                       .a_stride = n,
                                       .b = u.data(),
                                       .b_stride = n,
                                       .sums = gradient.data()});
    for (int64_t i = 0; i < n; ++i) {
        const double slope = testkit::FiniteDifference(&factors[i], 0.25f, [&] {
            ScaleColumns<float>(context, {.m = m,
                                          .n = n,
                                          .u = u.data(),
                                          .u_stride = n,
                                          .factors = factors.data(),
                                          .bias = bias.data(),
                                          .y = y.data(),
                                          .y_stride = n});
            double sum = 0;
            for (int64_t k = 0; k < m * n; ++k) sum += double{y[k]} * dy[k];
            return sum;
        });
        EXPECT_NEAR(gradient[i] - 0.5, slope, 1e-4) << i;
    }
}

TEST(ColumnScale, ThreadsChangeNothing) {
    Random random(3);
    const int64_t m = 300, n = 333;
    const auto u = random.Values<bf16>(m * n), dy = random.Values<bf16>(m * n);
    const auto factors = random.Values<float>(n), bias = random.Values<float>(n);
    std::vector<float> first;
    for (int threads : {1, 3}) {
        const Context context(threads);
        std::vector<float> y(m * n + n, 1.0f);
        ScaleColumns<bf16>(context, {.m = m,
                                     .n = n,
                                     .u = u.data(),
                                     .u_stride = n,
                                     .factors = factors.data(),
                                     .bias = bias.data(),
                                     .y = y.data(),
                                     .y_stride = n,
                                     .output = GemmOutput::kAddF32});
        AddColumnProducts<bf16>(context, {.m = m,
                                          .n = n,
                                          .a = dy.data(),
                                          .a_stride = n,
                                          .b = u.data(),
                                          .b_stride = n,
                                          .factors = factors.data(),
                                          .sums = y.data() + m * n});
        if (first.empty()) first = y;
        ExpectSameBits(y, first, "on any number of threads");
    }
}

}  // namespace
}  // namespace hone
