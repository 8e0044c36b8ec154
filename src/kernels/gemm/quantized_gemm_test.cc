#include "kernels/gemm/quantized_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/dispatch/testing.h"
#include "kernels/gemm/quantized_panel.h"

namespace hone {
namespace {

constexpr WeightStorage kStorages[] = {WeightStorage::kInt8, WeightStorage::kInt4};

std::vector<uint8_t> PanelBytes(WeightStorage storage, int64_t k, int64_t stored,
                                const std::vector<float>& values) {
    std::vector<uint8_t> panel(static_cast<size_t>(QuantPanelBytes(storage, k, stored)));
    QuantizePanel(storage, k, stored, values.data(), panel.data());
    return panel;
}

// Rows of A in codes.
struct Codes {
    int64_t groups;
    std::vector<int8_t> codes;
    std::vector<float> scales, sums;
    Codes(int64_t rows, int64_t k)
        : groups(QuantGroups(k)),
          codes(static_cast<size_t>(rows * groups * kQuantGroup), 99),
          scales(static_cast<size_t>(rows * groups), 99.0f),
          sums(scales) {}
    template <typename T>
    void Set(const QuantizeRowFunctions<T>& path, int64_t row, int64_t k, const T* x) {
        path.row(k, x, &codes[row * groups * kQuantGroup], &scales[row * groups],
                 &sums[row * groups]);
    }
    float Value(int64_t row, int64_t i) const {
        return scales[row * groups + i / kQuantGroup] *
               static_cast<float>(codes[row * groups * kQuantGroup + i]);
    }
};

TEST(QuantizedPanel, ValuesComeBackWithinHalfAStep) {
    testkit::Random random(5);
    for (int64_t k : {1, 2, 31, 32, 33, 70}) {
        for (int64_t stored : {16, 48, 64}) {
            const auto values = random.Values<float>(k * stored);
            for (WeightStorage storage : kStorages) {
                const auto panel = PanelBytes(storage, k, stored, values);
                std::vector<float> back(values.size());
                DequantizePanel(storage, k, stored, panel.data(), back.data());
                for (int64_t column = 0; column < stored; ++column) {
                    for (int64_t begin = 0; begin < k; begin += kQuantGroup) {
                        const int64_t end = std::min(k, begin + kQuantGroup);
                        float low = INFINITY, high = -INFINITY;
                        for (int64_t i = begin; i < end; ++i) {
                            low = std::min(low, values[i * stored + column]);
                            high = std::max(high, values[i * stored + column]);
                        }
                        const float largest = std::max(std::abs(low), std::abs(high));
                        const float step =
                            storage == WeightStorage::kInt8 ? largest / 127 : (high - low) / 15;
                        // Scale and minimum are rounded to f16, by 2^-11 of themselves.
                        for (int64_t i = begin; i < end; ++i)
                            ASSERT_NEAR(back[i * stored + column], values[i * stored + column],
                                        0.51f * step + 3 * largest / 2048);
                    }
                }
            }
        }
    }
}

// What is not finite must not become a number, nor its neighbours in other columns anything else.
TEST(QuantizedPanel, WhatIsNotFiniteStaysSo) {
    const int64_t k = 40, stored = 16;
    for (WeightStorage storage : kStorages) {
        for (float value : {INFINITY, -INFINITY, std::nanf("")}) {
            std::vector<float> values(k * stored, 1.0f);
            values[3 * stored + 5] = value;
            const auto panel = PanelBytes(storage, k, stored, values);
            std::vector<float> back(values.size());
            DequantizePanel(storage, k, stored, panel.data(), back.data());
            for (int64_t i = 0; i < k * stored; ++i) {
                const bool spoilt = i % stored == 5 && i / stored < kQuantGroup;
                EXPECT_EQ(std::isfinite(back[i]), !spoilt) << i << " with " << value;
            }
        }
    }
}

template <typename T>
class QuantizedGemmTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(QuantizedGemmTest, Types);

TYPED_TEST(QuantizedGemmTest, EveryRowPathEqualsTheReference) {
    using T = TypeParam;
    testkit::Random random(6);
    const auto& reference = QuantizeRowKernels<T>().reference();
    const auto kernels = testkit::Runnable(QuantizeRowKernels<T>());
    for (int64_t k : {1, 31, 32, 33, 64, 90, 576}) {
        auto x = random.Values<T>(k);
        x[k / 2] = FromFloat<T>(40.0f);
        Codes expected(1, k);
        expected.Set(reference, 0, k, x.data());
        for (int64_t i = 0; i < k; ++i)
            ASSERT_NEAR(expected.Value(0, i), ToFloat(x[i]),
                        0.501f * expected.scales[i / kQuantGroup]);
        for (int64_t i = k; i < expected.groups * kQuantGroup; ++i) ASSERT_EQ(expected.codes[i], 0);
        for (const auto& kernel : kernels) {
            SCOPED_TRACE(kernel.name);
            Codes actual(1, k);
            actual.Set(kernel.functions, 0, k, x.data());
            EXPECT_EQ(actual.codes, expected.codes);
            EXPECT_EQ(actual.scales, expected.scales);
            EXPECT_EQ(actual.sums, expected.sums);
        }
    }
}

// Zeros and what is too small for a scale become zeros; what is not finite must not become a
// number.
TYPED_TEST(QuantizedGemmTest, RowsAtTheLimits) {
    using T = TypeParam;
    const float kInfinity = std::numeric_limits<float>::infinity();
    for (const auto& kernel : testkit::Runnable(QuantizeRowKernels<T>())) {
        SCOPED_TRACE(kernel.name);
        for (float value : {0.0f, 1e-38f, 3e38f, kInfinity, -kInfinity, std::nanf("")}) {
            std::vector<T> x(33, FromFloat<T>(0.0f));
            x[5] = FromFloat<T>(value);
            Codes row(1, 33);
            row.Set(kernel.functions, 0, 33, x.data());
            EXPECT_EQ(std::isnan(row.scales[0]), !std::isfinite(value)) << value;
            EXPECT_EQ(row.codes[5], value == 3e38f ? 127 : 0) << value;
            EXPECT_EQ(row.sums[0], static_cast<float>(row.codes[5])) << value;
            EXPECT_EQ(row.scales[1], 0.0f);
        }
    }
}

TEST(QuantizedTile, EveryPathEqualsTheReference) {
    testkit::Random random(1);
    const auto kernels = testkit::Runnable(QuantizedGemmKernels());
    for (int trial = 0; trial < 200; ++trial) {
        QuantizedTileArgs t;
        t.storage = kStorages[trial % 2];
        t.rows = 1 + static_cast<int>(random.Between(0, kMaxQuantizedRows - 1));
        t.stored = 16 * (1 + static_cast<int>(random.Between(0, 3)));
        const int64_t k = 1 + random.Between(0, 199);
        t.k = k;
        auto values = random.Values<float>(k * t.stored);
        // Every code at its limit: sums of 16 bits would overflow.
        if (trial % 10 < 2)
            for (float& value : values) value = trial % 20 < 10 ? 1.0f : value > 0 ? 1.0f : -1.0f;
        const auto panel = PanelBytes(t.storage, k, t.stored, values);
        // A's rows may have more groups than are multiplied.
        Codes a(t.rows, k + random.Between(0, 40));
        t.groups = a.groups;
        for (int row = 0; row < t.rows; ++row) {
            auto x = random.Values<float>(k);
            if (trial % 10 < 2) std::fill(x.begin(), x.end(), 2.0f);
            a.Set(QuantizeRowKernels<float>().reference(), row, k, x.data());
        }
        t.codes = a.codes.data(), t.scales = a.scales.data(), t.sums = a.sums.data();
        t.panel = panel.data();
        const std::vector<float> start(t.rows * kPanelColumns, -3.5f);
        auto expected = start;
        t.c = expected.data();
        QuantizedGemmKernels().reference().run(t);
        for (const auto& kernel : kernels) {
            auto actual = start;
            t.c = actual.data();
            kernel.functions.run(t);
            for (int row = 0; row < t.rows; ++row)
                for (int column = 0; column < kPanelColumns; ++column) {
                    const int64_t at = row * kPanelColumns + column;
                    if (column >= t.stored)
                        ASSERT_EQ(actual[at], -3.5f) << kernel.name << " wrote past the tile";
                    else
                        ASSERT_NEAR(
                            actual[at], expected[at],
                            1e-5 * (1 + std::abs(expected[at])) * std::sqrt(static_cast<double>(k)))
                            << kernel.name << " trial " << trial;
                }
        }
    }
}

// A low-rank delta of two layers in codes: one of rank 4, and one whose rank takes two groups of
// which the second is short.
template <typename T>
struct Delta {
    static constexpr int64_t kRanks[] = {4, 34};
    PackedMatrix<T> a;
    std::vector<PackedMatrix<T>> b;
    std::vector<LayerExtension> layers;
    Delta(testkit::Random& random, int64_t k, const std::vector<int64_t>& columns,
          const Context& context)
        : a(k, {kRanks[0] + kRanks[1]}) {
        a.SetColumns(0, a.n(), random.Values<float>(a.n() * k).data());
        a.Quantize(WeightStorage::kInt8, context);
        int64_t column = 0;
        for (size_t i = 0; i < columns.size(); column += columns[i++]) {
            b.emplace_back(kRanks[i], std::vector<int64_t>{columns[i]});
            b[i].SetColumns(0, columns[i], random.Values<float>(columns[i] * kRanks[i]).data());
            b[i].Quantize(WeightStorage::kInt8, context);
            layers.push_back({.codes = b[i].memory().data(),
                              .column = static_cast<int32_t>(column),
                              .width = static_cast<int32_t>(columns[i]),
                              .k = static_cast<int32_t>(kRanks[i]),
                              .h_column = static_cast<int32_t>(i == 0 ? 0 : kRanks[0]),
                              .h_group = static_cast<int32_t>(i),
                              .h_scale = i == 0 ? 1.0f : 0.25f});
        }
    }
    // What it adds to a row of C that has these codes.
    std::vector<double> Of(const Codes& codes, int64_t row) const {
        std::vector<double> sums;
        for (size_t i = 0; i < b.size(); ++i) {
            std::vector<float> h(kRanks[i]);
            for (int64_t rank = 0; rank < kRanks[i]; ++rank)
                for (int64_t k = 0; k < a.k(); ++k)
                    h[rank] += codes.Value(row, k) * a.At(k, layers[i].h_column + rank);
            Codes h_codes(1, kRanks[i]);
            h_codes.Set(QuantizeRowKernels<float>().reference(), 0, kRanks[i], h.data());
            for (int64_t column = 0; column < b[i].n(); ++column) {
                sums.push_back(0);
                for (int64_t rank = 0; rank < kRanks[i]; ++rank)
                    sums.back() +=
                        layers[i].h_scale * h_codes.Value(0, rank) * b[i].At(rank, column);
            }
        }
        return sums;
    }
};

// With an extension of some rows and bias, into each kind of C: the product of what A's codes and
// B's stand for, and that close to the product of A itself.
TYPED_TEST(QuantizedGemmTest, ProductWithExtension) {
    using T = TypeParam;
    testkit::Random random(7);
    const Context context(2);
    const int64_t m = 37, k = 90, n = 150, c_stride = n + 3, first = 5, count = 21;
    const std::vector<int64_t> columns = {100, 50};
    const auto weight = random.Values<float>(n * k), bias = random.Values<float>(n);
    const auto a = random.Values<T>(m * k);
    const Delta<T> delta(random, k, columns, context);
    Codes codes(m, k);
    for (int64_t row = 0; row < m; ++row)
        codes.Set(QuantizeRowKernels<T>().reference(), row, k, &a[row * k]);
    // Reading a quantized number is slow, so each row's sums are made once.
    std::vector<std::vector<double>> added(m, std::vector<double>(n));
    for (int64_t row = first; row < first + count; ++row) added[row] = delta.Of(codes, row);
    for (WeightStorage storage : kStorages) {
        PackedMatrix<T> exact(k, columns), b(k, columns);
        exact.SetColumns(0, n, weight.data());
        b.SetColumns(0, n, weight.data());
        b.Quantize(storage, context);
        EXPECT_LT(b.bytes(), exact.bytes());
        std::vector<float> values;
        for (int64_t i = 0; i < k; ++i)
            for (int64_t column = 0; column < n; ++column) values.push_back(b.At(i, column));
        const RowsExtension<T> run{.first = first,
                                   .count = count,
                                   .a_codes = delta.a.memory().data(),
                                   .h_columns = delta.a.n(),
                                   .layers = delta.layers};
        for (GemmOutput output : {GemmOutput::kStore, GemmOutput::kStoreF32, GemmOutput::kAddF32}) {
            std::vector<float> c(m * c_stride, 0.5f);
            Gemm(context, GemmArgs<T>{.m = m,
                                      .a = a.data(),
                                      .a_stride = k,
                                      .b = &b,
                                      .row_extensions = {&run, 1},
                                      .bias = bias.data(),
                                      .c = c.data(),
                                      .c_stride = c_stride,
                                      .output = output});
            double error = 0, power = 0;
            for (int64_t row = 0; row < m; ++row) {
                for (int64_t column = 0; column < n; ++column) {
                    double sum = added[row][column] + bias[column] +
                                 (output == GemmOutput::kAddF32 ? 0.5 : 0.0);
                    double of_a = sum;
                    for (int64_t i = 0; i < k; ++i) {
                        sum += codes.Value(row, i) * values[i * n + column];
                        of_a += ToFloat(a[row * k + i]) * values[i * n + column];
                    }
                    const int64_t at = row * c_stride + column;
                    const float got = output == GemmOutput::kStore
                                          ? ToFloat(reinterpret_cast<const T*>(c.data())[at])
                                          : c[at];
                    const bool rounded = output == GemmOutput::kStore && sizeof(T) == 2;
                    ASSERT_NEAR(got, sum, (rounded ? 5e-3 : 2e-5) * (1 + std::abs(sum)))
                        << row << "," << column;
                    error += std::pow(got - of_a, 2), power += std::pow(of_a, 2);
                }
            }
            EXPECT_LT(std::sqrt(error / power), 0.01);
        }
    }
}

// Runs of rows with extensions of their own, one of them without one of the layers, and rows with
// none: each row's bits are those that it gets when all rows have its extension.
TYPED_TEST(QuantizedGemmTest, RowsWithExtensionsOfTheirOwn) {
    using T = TypeParam;
    testkit::Random random(9);
    const Context context(2);
    const int64_t m = 230, k = 64, n = 90;
    const std::vector<int64_t> columns = {60, 30};
    const auto weight = random.Values<float>(n * k);
    const auto a = random.Values<T>(m * k);
    const Delta<T> deltas[] = {{random, k, columns, context}, {random, k, columns, context}};
    const std::span<const LayerExtension> layers[] = {deltas[0].layers,
                                                      std::span(deltas[1].layers).subspan(1)};
    struct Run {
        int64_t first, count;
        size_t delta;
    };
    const std::vector<Run> runs = {{1, 1, 0}, {2, 6, 1}, {8, 1, 0}, {12, 190, 1}, {225, 5, 0}};
    PackedMatrix<T> b(k, columns);
    b.SetColumns(0, n, weight.data());
    b.Quantize(WeightStorage::kInt4, context);
    const auto product = [&](std::span<const RowsExtension<T>> rows) {
        std::vector<float> c(m * n);
        Gemm(context, GemmArgs<T>{.m = m,
                                  .a = a.data(),
                                  .a_stride = k,
                                  .b = &b,
                                  .row_extensions = rows,
                                  .c = c.data(),
                                  .c_stride = n,
                                  .output = GemmOutput::kStoreF32});
        return c;
    };
    const auto extension = [&](size_t i) {
        return RowsExtension<T>{.first = 0,
                                .count = m,
                                .a_codes = deltas[i].a.memory().data(),
                                .h_columns = deltas[i].a.n(),
                                .layers = layers[i],
                                .read_next = deltas[1 - i].a.memory()};
    };
    auto expected = product({});
    std::vector<RowsExtension<T>> rows;
    for (const Run& run : runs) {
        rows.push_back(extension(run.delta));
        const auto all = product({&rows.back(), 1});
        std::copy_n(all.begin() + run.first * n, run.count * n, expected.begin() + run.first * n);
        rows.back().first = run.first;
        rows.back().count = run.count;
    }
    EXPECT_EQ(product(rows), expected);
}

// Alone, among others, on one thread or two: a row's bits are its own.
TYPED_TEST(QuantizedGemmTest, RowsDoNotDependOnTheirNeighbours) {
    using T = TypeParam;
    testkit::Random random(8);
    const int64_t m = 211, k = 96, n = 200;
    const auto weight = random.Values<float>(n * k);
    const auto a = random.Values<T>(m * k);
    for (WeightStorage storage :
         {WeightStorage::kNative, WeightStorage::kInt8, WeightStorage::kInt4}) {
        const auto product = [&](const Context& context, const PackedMatrix<T>& b, int64_t first,
                                 int64_t count) {
            std::vector<float> c(count * n);
            Gemm(context, GemmArgs<T>{.m = count,
                                      .a = &a[first * k],
                                      .a_stride = k,
                                      .b = &b,
                                      .c = c.data(),
                                      .c_stride = n,
                                      .output = GemmOutput::kStoreF32});
            return c;
        };
        const Context one(1), two(2);
        PackedMatrix<T> b(k, {136, 64});
        b.SetColumns(0, n, weight.data());
        b.Quantize(storage, one);
        const auto all = product(two, b, 0, m);
        EXPECT_EQ(product(one, b, 0, m), all);
        for (int64_t first : {int64_t{0}, int64_t{1}, int64_t{50}, m - 9})
            for (int64_t count : {1, 2, 3, 5, 9})
                ASSERT_TRUE(
                    std::ranges::equal(product(two, b, first, count),
                                       std::span(all).subspan(static_cast<size_t>(first * n),
                                                              static_cast<size_t>(count * n))))
                    << first << " " << count;
    }
}

}  // namespace
}  // namespace hone
