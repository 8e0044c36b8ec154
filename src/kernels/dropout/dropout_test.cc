#include "kernels/dropout/dropout.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class DropoutTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(DropoutTest, Types);

TYPED_TEST(DropoutTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    for (const auto& kernel : testkit::Runnable(DropoutKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t n = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} n={}", kernel.name, seed, n));
            const auto x = random.Values<T>(n);
            std::vector<T> y(n);
            Guarded<T> in_place(x);
            const uint32_t index = seed % 2 == 0 ? 12345 : 0xffffff80u;
            const DropoutRange range{.n = n,
                                     .index = index,
                                     .first_key = static_cast<uint32_t>(seed * 77),
                                     .second_key = static_cast<uint32_t>(seed * 991),
                                     .threshold = 0x60000000u,
                                     .scale = 1.6f};
            const DropoutFunctions<T>& reference = DropoutKernels<T>().reference();
            reference.drop(range, x.data(), y.data());
            kernel.functions.drop(range, in_place.data(), in_place.data());
            ExpectSameBits(in_place, y, "y");

            const auto base = random.Values<float>(n);
            Guarded<T> sum(x);
            reference.add(range, x.data(), base.data(), y.data());
            kernel.functions.add(range, x.data(), base.data(), sum.data());
            ExpectSameBits(sum, y, "sum");

            std::vector<float> expected(n);
            Guarded<float> wide(base);
            reference.add_f32(range, x.data(), base.data(), expected.data());
            kernel.functions.add_f32(range, x.data(), wide.data(), wide.data());
            ExpectSameBits(wide, expected, "sum in f32");
        }
    }
}

TYPED_TEST(DropoutTest, KeepsTheShareAndTheMeanAndDropsTheSameAgain) {
    using T = TypeParam;
    const int64_t M = 300, C = 211;
    for (float p : {0.0f, 0.05f, 0.5f, 0.9f}) {
        std::vector<T> x(M * C, FromFloat<T>(1)), first;
        for (int threads : {1, 3}) {
            const Context context(threads);
            std::vector<T> y(M * C);
            Dropout(context, M, C, p, 42, 0, x.data(), y.data());
            if (first.empty()) first = y;
            ExpectSameBits(y, first, "on any number of threads");
        }
        double kept = 0;
        for (const T& value : first) {
            if (ToFloat(value) == 0) continue;
            ++kept;
            EXPECT_NEAR(ToFloat(value), 1 / (1 - p), 0.004 / (1 - p));
        }
        EXPECT_NEAR(kept / static_cast<double>(M * C), 1 - p, 0.006) << p;  // 3 standard deviations
        if (p == 0) {
            ExpectSameBits(first, x, "p = 0 keeps all");
        }
    }
}

TEST(Dropout, APieceOfTheRowsGetsItsPartOfTheMask) {
    const Context context(2);
    Random random(4);
    const int64_t M = 40, C = 100;
    const auto x = random.Values<float>(M * C);
    std::vector<float> whole(M * C), piece(10 * C);
    Dropout(context, M, C, 0.3f, 9, 0, x.data(), whole.data());
    Dropout(context, 10, C, 0.3f, 9, 20, x.data() + 20 * C, piece.data());
    ExpectSameBits(piece, std::vector<float>(whole.begin() + 20 * C, whole.begin() + 30 * C),
                   "rows 20 to 30");
    // Across the place where an index no longer fits 32 bits.
    const int64_t row = (int64_t{1} << 32) / C - 5;
    Dropout(context, 10, C, 0.5f, 9, row, x.data(), piece.data());
    for (int64_t i = 0; i < 10 * C; ++i) {
        const bool kept = DropoutBits(9, static_cast<uint64_t>(row * C + i)) >= 0x80000000u;
        EXPECT_EQ(piece[i], kept ? x[i] * 2 : 0.0f) << i;
    }
}

// Bits of neighbours, of rows apart, and of other seeds agree half of the time.
TEST(Dropout, BitsAreIndependent) {
    const int n = 1 << 16;
    const auto agreement = [&](auto other) {
        int same = 0;
        for (int i = 0; i < n; ++i) same += (DropoutBits(1, i) >> 31) == (other(i) >> 31);
        return same / static_cast<double>(n);
    };
    for (int lag : {1, 2, 16, 64, 576, 1024, 4096})
        EXPECT_NEAR(agreement([&](int i) { return DropoutBits(1, i + lag); }), 0.5, 0.01) << lag;
    for (uint64_t seed : {0, 2, 3, 1 << 20})
        EXPECT_NEAR(agreement([&](int i) { return DropoutBits(seed, i); }), 0.5, 0.01) << seed;
    for (int bit = 0; bit < 32; ++bit) {
        int ones = 0;
        for (int i = 0; i < n; ++i) ones += DropoutBits(1, i) >> bit & 1;
        EXPECT_NEAR(ones / static_cast<double>(n), 0.5, 0.01) << bit;
    }
}

}  // namespace
}  // namespace hone
