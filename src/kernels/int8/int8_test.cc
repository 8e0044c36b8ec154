#include "kernels/int8/int8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/dispatch/testing.h"
#include "kernels/int8/int8_kernels.h"

namespace hone {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

int64_t RoundUp4(int64_t value) { return (value + 3) / 4 * 4; }

// A weight [sum of outs, in] from random numbers, rows of different sizes.
struct Weight {
    std::vector<int64_t> outs;
    int64_t in, out = 0;
    std::vector<float> values;
    Int8Matrix matrix;
    Weight(testkit::Random& random, const Context& context, std::vector<int64_t> members,
           int64_t columns)
        : outs(std::move(members)), in(columns) {
        for (int64_t count : outs) out += count;
        values = random.Values<float>(out * in, 0.1f);
        for (int64_t row = 0; row < out; ++row) {
            const float size = 0.5f + static_cast<float>(row % 5);
            for (int64_t i = 0; i < in; ++i) values[row * in + i] *= size;
        }
        Pack(context);
    }
    void Pack(const Context& context) {
        matrix = Int8Matrix(in, outs);
        matrix.SetRows(0, out / 2, values.data());
        matrix.SetRows(out / 2, out - out / 2, &values[out / 2 * in]);
        matrix.Finish(context);
    }
};

template <typename T>
class Int8Test : public testing::Test {
  protected:
    // What Int8Forward or Int8Backward gives for rows x, in f32.
    std::vector<float> Multiply(const Context& context, const Weight& weight, bool backward,
                                const std::vector<T>& x, GemmArgs<T> args = {}) {
        const int64_t k = backward ? weight.out : weight.in, n = backward ? weight.in : weight.out;
        const int64_t m = static_cast<int64_t>(x.size()) / k;
        testkit::Guarded<uint8_t> codes(m * weight.matrix.row_bytes());
        testkit::Guarded<float> scales(m), c(m * n, 1.5f);
        testkit::Guarded<int8_t> panels(weight.matrix.panel_bytes(), 99);
        const Int8Scratch scratch{codes.data(), scales.data(), panels.data()};
        args.m = m;
        args.a = x.data();
        args.a_stride = k;
        args.c = c.data();
        args.c_stride = n;
        if (args.output == GemmOutput::kStore) args.output = GemmOutput::kStoreF32;
        backward ? Int8Backward(context, weight.matrix, args, scratch)
                 : Int8Forward(context, weight.matrix, args, scratch);
        return {c.data(), c.data() + m * n};
    }
    // The same by the definition, in double.
    std::vector<double> Expected(const Weight& weight, bool backward, const std::vector<T>& x) {
        const int64_t k = backward ? weight.out : weight.in, n = backward ? weight.in : weight.out;
        const int64_t m = static_cast<int64_t>(x.size()) / k;
        const std::vector<float>& scales = weight.matrix.scales();
        std::vector<double> c;
        for (int64_t row = 0; row < m; ++row) {
            std::vector<float> numbers(k);
            float largest = 1e-35f;
            for (int64_t i = 0; i < k; ++i) {
                numbers[i] = ToFloat(x[row * k + i]) * (backward ? scales[i] : 1.0f);
                largest = std::max(largest, std::abs(numbers[i]));
            }
            for (int64_t j = 0; j < n; ++j) {
                int64_t sum = 0;
                for (int64_t i = 0; i < k; ++i)
                    sum += static_cast<int64_t>(std::nearbyint(numbers[i] * (127 / largest))) *
                           (backward ? weight.matrix.Code(i, j) : weight.matrix.Code(j, i));
                c.push_back(static_cast<double>(sum) * (backward ? 1.0 : scales[j]) *
                            (static_cast<double>(largest) / 127));
            }
        }
        return c;
    }
};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(Int8Test, Types);

// Sizes that are no multiple of 4, 16 or 64, one and several layers.
TYPED_TEST(Int8Test, ProductsAreThoseOfTheCodes) {
    using T = TypeParam;
    for (const uint64_t seed : TestSeeds(40)) {
        testkit::Random random(seed);
        const Context context(static_cast<int>(random.Between(1, 3)));
        std::vector<int64_t> outs;
        for (int64_t i = random.Between(1, 3); i > 0; --i) outs.push_back(random.Size(150, 64));
        const Weight weight(random, context, outs, random.Size(200, 64));
        const int64_t m = random.Size(40, 12);
        for (bool backward : {false, true}) {
            const auto x = random.Values<T>(m * (backward ? weight.out : weight.in));
            const auto actual = this->Multiply(context, weight, backward, x);
            const auto expected = this->Expected(weight, backward, x);
            for (size_t i = 0; i < actual.size(); ++i)
                ASSERT_NEAR(actual[i], expected[i], 1e-6 * std::abs(expected[i]))
                    << (backward ? "backward " : "forward ") << i;
        }
    }
}

// Of the products of the numbers themselves: the error of two roundings to a 127th part of the
// largest, whose parts mostly cancel.
TYPED_TEST(Int8Test, ProductsAreNearThoseOfTheNumbers) {
    using T = TypeParam;
    testkit::Random random(1);
    const Context context(2);
    const Weight weight(random, context, {192, 64}, 576);
    for (bool backward : {false, true}) {
        const int64_t m = 24, k = backward ? weight.out : weight.in,
                      n = backward ? weight.in : weight.out;
        const auto x = random.Values<T>(m * k);
        const auto actual = this->Multiply(context, weight, backward, x);
        double square = 0, off = 0;
        for (int64_t row = 0; row < m; ++row)
            for (int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (int64_t i = 0; i < k; ++i)
                    sum += static_cast<double>(ToFloat(x[row * k + i])) *
                           weight.values[backward ? i * n + j : j * k + i];
                square += sum * sum;
                off += (sum - actual[row * n + j]) * (sum - actual[row * n + j]);
            }
        EXPECT_LT(std::sqrt(off / square), 0.02) << backward;
        EXPECT_GT(std::sqrt(off / square), 1e-4) << backward;
    }
}

TYPED_TEST(Int8Test, CodesAreTheNearestOfTheirRow) {
    testkit::Random random(3);
    const Context context(2);
    const Weight weight(random, context, {30, 5}, 70);
    for (int64_t row = 0; row < weight.out; ++row) {
        const float* values = &weight.values[row * weight.in];
        float largest = 0;
        for (int64_t i = 0; i < weight.in; ++i) largest = std::max(largest, std::abs(values[i]));
        const float scale = weight.matrix.scales()[row];
        EXPECT_FLOAT_EQ(scale, largest / 127);
        for (int64_t i = 0; i < weight.in; ++i)
            EXPECT_LE(std::abs(values[i] - scale * weight.matrix.Code(row, i)),
                      0.5001f * scale + 1e-7f);
    }
    // A byte a number, padding and the scales beside them.
    const Weight wide(random, context, {576, 192, 192}, 576);
    EXPECT_NEAR(static_cast<double>(wide.matrix.bytes()) / (960.0 * 576), 1, 0.03);
}

TYPED_TEST(Int8Test, ExtensionBiasAndOutputsAreThoseOfGemm) {
    using T = TypeParam;
    testkit::Random random(7);
    const Context context(2);
    const int64_t m = 401, h_k = 6, h_stride = 8;
    const Weight weight(random, context, {100, 48, 70}, 72);
    const int64_t k = weight.in, n = weight.out;
    // A weight and rows that the codes hold without loss, so that Gemm's sums are the same.
    std::vector<float> exact(n * k);
    for (int64_t row = 0; row < n; ++row)
        for (int64_t i = 0; i < k; ++i)
            exact[row * k + i] = static_cast<float>(
                i == row % k ? 127 : std::nearbyint(weight.values[row * k + i] * 20));
    Weight whole = {random, context, {100, 48, 70}, 72};
    whole.values = exact;
    whole.Pack(context);
    std::vector<T> x(m * k);
    for (int64_t i = 0; i < m * k; ++i)
        x[i] = FromFloat<T>(static_cast<float>(i % k == 3 ? 127 : random.Between(-9, 9)));
    const auto low = random.Values<float>(n * h_k), bias = random.Values<float>(n);
    PackedMatrix<T> b(k, weight.outs), b2(h_k, weight.outs);
    b.SetColumns(0, n, exact.data());
    b2.SetColumns(0, n, low.data());
    std::vector<PanelExtension<T>> extension;
    for (const Panel& panel : b2.panels())
        extension.push_back(
            {b2.panel_data(panel), static_cast<int32_t>(h_k), panel.column < 100 ? 0 : 2});
    const auto h = random.Values<T>(m * h_stride);
    std::vector<uint8_t> codes(m * whole.matrix.row_bytes());
    std::vector<float> scales(m);
    for (GemmOutput output : {GemmOutput::kStore, GemmOutput::kStoreF32, GemmOutput::kAddF32}) {
        std::vector<float> expected(m * n, 2.0f), actual = expected;
        GemmArgs<T> args{.m = m,
                         .a = x.data(),
                         .a_stride = k,
                         .b = &b,
                         .h = h.data(),
                         .h_stride = h_stride,
                         .extension = extension,
                         .bias = bias.data(),
                         .c = expected.data(),
                         .c_stride = n,
                         .output = output};
        Gemm(context, args);
        args.b = nullptr;
        args.c = actual.data();
        Int8Forward(context, whole.matrix, args, {codes.data(), scales.data(), nullptr});
        const bool rounded = output == GemmOutput::kStore && sizeof(T) == 2;
        for (int64_t i = 0; i < m * n; ++i) {
            float want = expected[i], got = actual[i];
            if (rounded) {
                if (i >= m * n / 2) break;
                want = ToFloat(reinterpret_cast<bf16*>(expected.data())[i]);
                got = ToFloat(reinterpret_cast<bf16*>(actual.data())[i]);
            }
            ASSERT_NEAR(got, want, (rounded ? 1e-2f : 1e-5f) * (1 + std::abs(want))) << i;
        }
    }
}

TYPED_TEST(Int8Test, RowsOfZerosAreZerosAndWhatIsNotFiniteStaysSo) {
    using T = TypeParam;
    testkit::Random random(11);
    const Context context(2);
    Weight weight(random, context, {33, 7}, 50);
    for (bool backward : {false, true}) {
        const int64_t m = 7, k = backward ? weight.out : weight.in,
                      n = backward ? weight.in : weight.out;
        auto x = random.Values<T>(m * k);
        const auto clean = this->Multiply(context, weight, backward, x);
        std::fill_n(x.begin() + 1 * k, k, T{});
        x[2 * k + 5] = FromFloat<T>(kNaN);
        x[3 * k + k - 1] = FromFloat<T>(std::numeric_limits<float>::infinity());
        x[5 * k] = FromFloat<T>(-std::numeric_limits<float>::infinity());
        for (int64_t i = 0; i < k; ++i) x[6 * k + i] = FromFloat<T>(i % 2 ? 1e-39f : -1e-38f);
        const auto actual = this->Multiply(context, weight, backward, x);
        for (int64_t j = 0; j < n; ++j) {
            EXPECT_EQ(actual[0 * n + j], clean[0 * n + j]);
            EXPECT_EQ(actual[1 * n + j], 0);
            for (int64_t row : {2, 3, 5}) EXPECT_TRUE(std::isnan(actual[row * n + j])) << row;
            EXPECT_EQ(actual[4 * n + j], clean[4 * n + j]);
            EXPECT_LT(std::abs(actual[6 * n + j]), 1e-35f);
        }
    }
    // A weight that is not finite spoils its output, and every gradient.
    weight.values[20 * weight.in + 3] = kNaN;
    std::fill_n(&weight.values[4 * weight.in], weight.in, 0.0f);
    weight.Pack(context);
    const auto y = this->Multiply(context, weight, false, random.Values<T>(weight.in));
    for (int64_t j = 0; j < weight.out; ++j) EXPECT_EQ(std::isnan(y[j]), j == 20) << j;
    EXPECT_EQ(y[4], 0);
    for (float dx : this->Multiply(context, weight, true, random.Values<T>(weight.out)))
        EXPECT_TRUE(std::isnan(dx));
}

// Every number at its largest: no sum leaves its 32 bits, up to the longest row.
TYPED_TEST(Int8Test, TheLongestRowDoesNotOverflow) {
    using T = TypeParam;
    const Context context(2);
    testkit::Random random(13);
    Weight weight(random, context, {3}, kInt8MaxK);
    for (int64_t i = 0; i < weight.in; ++i) {
        weight.values[i] = 1;
        weight.values[weight.in + i] = -1;
        weight.values[2 * weight.in + i] = i % 2 ? 1.0f : -1.0f;
    }
    weight.Pack(context);
    const auto k = static_cast<float>(kInt8MaxK);
    for (float sign : {1.0f, -1.0f}) {
        const std::vector<T> x(static_cast<size_t>(kInt8MaxK), FromFloat<T>(sign));
        const auto y = this->Multiply(context, weight, false, x);
        EXPECT_NEAR(y[0], sign * k, 1e-6f * k);
        EXPECT_NEAR(y[1], -sign * k, 1e-6f * k);
        EXPECT_EQ(y[2], 0);
    }
}

TYPED_TEST(Int8Test, AnyNumberOfThreadsGivesTheSameBits) {
    using T = TypeParam;
    testkit::Random random(17);
    const Context one(1);
    const Weight weight(random, one, {150, 61}, 203);
    for (bool backward : {false, true}) {
        const auto x = random.Values<T>(500 * (backward ? weight.out : weight.in));
        const auto expected = this->Multiply(one, weight, backward, x);
        for (int threads : {2, 3}) {
            const Context context(threads);
            testkit::Random again(17);
            const Weight same(again, context, {150, 61}, 203);
            EXPECT_EQ(this->Multiply(context, same, backward, x), expected) << threads;
        }
    }
}

// Every path over random tiles: without an extension the reference's bits.
TYPED_TEST(Int8Test, EveryTilePathEqualsTheReference) {
    using T = TypeParam;
    testkit::Random random(19);
    for (const auto& kernel : testkit::Runnable(Int8TileKernels<T>())) {
        SCOPED_TRACE(kernel.name);
        for (int trial = 0; trial < 200; ++trial) {
            SCOPED_TRACE(trial);
            Int8TileArgs<T> t;
            TileArgs<T>& tile = t.tile;
            tile.stored = 16 * static_cast<int>(random.Between(1, 4));
            tile.width =
                trial % 2 ? tile.stored : tile.stored - static_cast<int>(random.Between(0, 15));
            tile.rows = static_cast<int>(random.Between(1, kernel.functions.rows(tile.stored)));
            t.k = 4 * random.Between(1, 40);
            t.bytes_stride = t.k + random.Between(0, 4);
            tile.c_stride = tile.width + random.Between(0, 3);
            tile.h_k = trial % 3 ? 0 : 2 * random.Between(1, 8);
            tile.h_stride = tile.h_k + 2;
            std::vector<uint8_t> bytes(tile.rows * t.bytes_stride);
            std::vector<int8_t> codes(t.k * tile.stored);
            for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Between(0, 255));
            for (int8_t& code : codes) code = static_cast<int8_t>(random.Between(-128, 127));
            std::vector<int32_t> starts(tile.width);
            for (int32_t& start : starts)
                start = static_cast<int32_t>(random.Between(-2'000'000'000, 2'000'000'000));
            const auto row_scales = random.Values<float>(tile.rows),
                       scales = random.Values<float>(tile.width),
                       bias = random.Values<float>(tile.width);
            const auto h = random.Values<T>(tile.rows * tile.h_stride),
                       h_b = random.Values<T>(tile.h_k * tile.stored + 1);
            t.bytes = bytes.data(), t.codes = codes.data(), t.starts = starts.data();
            t.row_scales = row_scales.data(), t.scales = trial % 4 ? scales.data() : nullptr;
            tile.h = h.data(), tile.h_b = h_b.data();
            tile.bias = tile.h_k > 0 && trial % 2 ? bias.data() : nullptr;
            for (GemmOutput output :
                 {GemmOutput::kStore, GemmOutput::kStoreF32, GemmOutput::kAddF32}) {
                tile.output = output;
                const auto before = random.Values<float>(tile.rows * tile.c_stride);
                testkit::Guarded<float> expected(before), actual(before);
                tile.c = expected.data();
                Int8TileKernels<T>().reference().run(t);
                tile.c = actual.data();
                kernel.functions.run(t);
                if (tile.h_k == 0) {
                    testkit::ExpectSameBits(actual, expected, "tile");
                    continue;
                }
                const bool rounded = output == GemmOutput::kStore && sizeof(T) == 2;
                const auto at = [&](const testkit::Guarded<float>& c, int64_t i) {
                    return rounded ? ToFloat(reinterpret_cast<const bf16*>(c.data())[i]) : c[i];
                };
                for (int row = 0; row < tile.rows; ++row)
                    for (int column = 0; column < tile.width; ++column) {
                        const int64_t i = row * tile.c_stride + column;
                        const float want = at(expected, i);
                        ASSERT_NEAR(at(actual, i), want,
                                    (rounded ? 1e-2f : 1e-4f) * (1 + std::abs(want)));
                    }
            }
        }
    }
}

TYPED_TEST(Int8Test, EveryRowPathGivesTheReferencesBits) {
    using T = TypeParam;
    testkit::Random random(23);
    const auto& reference = Int8RowKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(Int8RowKernels<T>())) {
        SCOPED_TRACE(kernel.name);
        for (int trial = 0; trial < 100; ++trial) {
            const int64_t n = random.Size(150);
            auto x = random.Values<T>(n);
            if (trial % 5 == 4)
                x[random.Between(0, n - 1)] = FromFloat<T>(trial % 2 ? kNaN : -INFINITY);
            const auto factors = random.Values<float>(n);
            const float* factor = trial % 2 ? factors.data() : nullptr;
            const uint32_t bits = reference.largest(n, x.data(), factor);
            EXPECT_EQ(kernel.functions.largest(n, x.data(), factor), bits);
            EXPECT_EQ(bits >= 0x7f800000u, trial % 5 == 4);
            if (trial % 5 == 4) continue;
            const float inverse = 127 / std::bit_cast<float>(bits);
            testkit::Guarded<uint8_t> actual(n), expected(n);
            kernel.functions.codes(n, x.data(), factor, inverse, actual.data());
            reference.codes(n, x.data(), factor, inverse, expected.data());
            testkit::ExpectSameBits(actual, expected, "codes");
        }
    }
}

TEST(Int8Transpose, EveryPathGivesTheReferencesBytes) {
    testkit::Random random(29);
    for (const auto& kernel : testkit::Runnable(Int8TransposeKernels())) {
        for (int trial = 0; trial < 20; ++trial) {
            const int64_t rows = random.Between(1, 17), columns = random.Between(1, 17);
            const int64_t from_stride = columns * 16 + 4 * random.Between(0, 3),
                          to_stride = rows * 16 + 4 * random.Between(0, 3);
            std::vector<int8_t> from(rows * from_stride);
            for (int8_t& byte : from) byte = static_cast<int8_t>(random.Between(-128, 127));
            testkit::Guarded<int8_t> actual(columns * to_stride, 1),
                expected(columns * to_stride, 1);
            kernel.functions.blocks(rows, columns, from.data(), from_stride, actual.data(),
                                    to_stride);
            Int8TransposeKernels().reference().blocks(rows, columns, from.data(), from_stride,
                                                      expected.data(), to_stride);
            testkit::ExpectSameBits(actual, expected, std::string(kernel.name).c_str());
            // Byte (4 r + i, 4 c + j) of the one is (4 c + j, 4 r + i) of the other.
            EXPECT_EQ(expected[(columns - 1) * to_stride + (rows - 1) * 16 + 3 * 4 + 2],
                      from[(rows - 1) * from_stride + (columns - 1) * 16 + 2 * 4 + 3]);
        }
    }
}

// The backward product's panels hold the forward ones' codes, whatever the padding.
TEST(Int8MatrixTest, BackwardPanelsAreTheTransposed) {
    for (const uint64_t seed : TestSeeds(20)) {
        testkit::Random random(seed);
        const Context context(2);
        std::vector<int64_t> outs;
        for (int64_t i = random.Between(1, 3); i > 0; --i) outs.push_back(random.Size(150, 64));
        const Weight weight(random, context, outs, random.Size(200, 64));
        testkit::Guarded<int8_t> panels(weight.matrix.panel_bytes(), 99);
        weight.matrix.FillBackwardPanels(context, panels.data());
        const Int8Operand b = weight.matrix.backward(panels.data());
        int64_t k = 0, row = 0;
        for (int64_t out : outs) {
            for (int64_t i = 0; i < RoundUp4(out); ++i, ++k)
                for (const Panel& panel : b.panels)
                    for (int64_t column = 0; column < panel.width; ++column)
                        ASSERT_EQ(
                            panels[panel.offset + (k / 4 * panel.stored + column) * 4 + k % 4],
                            i < out ? weight.matrix.Code(row + i, panel.column + column) : 0);
            row += out;
        }
        ASSERT_EQ(k, b.k);
    }
}

}  // namespace
}  // namespace hone
