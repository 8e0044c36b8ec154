#include "kernels/reduce/reduce.h"

#include <cmath>

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

TEST(Reduce, EveryKernelEqualsTheReference) {
    const ReduceFunctions& reference = ReduceKernels().reference();
    for (const auto& kernel : testkit::Runnable(ReduceKernels())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t n = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} n={}", kernel.name, seed, n));
            const auto x = random.Values<float>(n), y = random.Values<float>(n);
            const auto x16 = random.Values<bf16>(n);
            EXPECT_NEAR(kernel.functions.sum_of_squares(n, x.data()),
                        reference.sum_of_squares(n, x.data()), 1e-9);

            std::vector<float> expected = y;
            Guarded<float> got(y);
            reference.add(n, x.data(), expected.data());
            kernel.functions.add(n, x.data(), got.data());
            ExpectClose(got, expected, 1e-6f, 1e-6f, "add");

            std::vector<bf16> rounded(n);
            Guarded<bf16> got_rounded(n);
            reference.to_bf16(n, x.data(), rounded.data());
            kernel.functions.to_bf16(n, x.data(), got_rounded.data());
            ExpectSameBits(got_rounded, rounded, "to bf16");
            reference.to_f32(n, x16.data(), expected.data());
            kernel.functions.to_f32(n, x16.data(), got.data());
            ExpectSameBits(got, expected, "to f32");
        }
    }
}

TEST(Reduce, CastRoundsToNearestEvenAndKeepsNaNAndInfinity) {
    const uint32_t patterns[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x3f80ffff, 0x7f7fffff,
                                 0x7f800000, 0xff800000, 0x7f800001, 0x7fffffff, 0xffc00000,
                                 0x00000001, 0x80008000, 0x00018000, 0x00000000};
    const uint16_t bits[] = {0x3f80, 0x3f82, 0x3f81, 0x3f81, 0x7f80, 0x7f80, 0xff80,
                             0x7fc0, 0x7fff, 0xffc0, 0x0000, 0x8000, 0x0002, 0x0000};
    for (const auto& kernel : ReduceKernels().kernels()) {
        std::vector<float> from(32, 1.0f);
        std::vector<bf16> to(32);
        for (size_t i = 0; i < std::size(patterns); ++i)
            from[i] = std::bit_cast<float>(patterns[i]);
        kernel.functions.to_bf16(32, from.data(), to.data());
        for (size_t i = 0; i < std::size(patterns); ++i)
            EXPECT_EQ(to[i].bits, bits[i]) << kernel.name << " " << i;
    }
}

TEST(Reduce, FindsOneBadElementAnywhere) {
    for (const auto& kernel : ReduceKernels().kernels()) {
        for (int64_t n : {1, 16, 67}) {
            std::vector<float> x(n, 3e38f);
            EXPECT_TRUE(kernel.functions.all_finite(n, x.data())) << kernel.name;
            for (int64_t i = 0; i < n; ++i) {
                for (float bad : {NAN, INFINITY, -INFINITY}) {
                    x[i] = bad;
                    EXPECT_FALSE(kernel.functions.all_finite(n, x.data()))
                        << kernel.name << " " << i << " of " << n;
                }
                x[i] = 1;
            }
        }
    }
}

TEST(Reduce, ThreadsChangeNothing) {
    Random random(2);
    const int64_t n = 200'017;
    const auto x = random.Values<float>(n);
    double first = 0;
    for (int threads : {1, 2, 7}) {
        const Context context(threads);
        const double sum = SumOfSquares(context, n, x.data());
        if (first == 0) first = sum;
        EXPECT_EQ(sum, first);
        EXPECT_NEAR(sum, 200'017, 3000);
        EXPECT_TRUE(AllFinite(context, n, x.data()));
        std::vector<float> y(n, 1.0f), copy(n);
        std::vector<bf16> rounded(n);
        Add(context, n, x.data(), y.data());
        for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], 1 + x[i]) << i;
        Cast(context, n, x.data(), rounded.data());
        Cast(context, n, rounded.data(), copy.data());
        ExpectClose(copy, x, testkit::kRounding<bf16>, 0, "through bf16");
        y[n - 1] = NAN;
        EXPECT_FALSE(AllFinite(context, n, y.data()));
        EXPECT_TRUE(std::isnan(SumOfSquares(context, n, y.data())));
    }
}

}  // namespace
}  // namespace hone
