#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/dispatch/testing.h"
#include "kernels/gemm/tile.h"

namespace hone {
namespace {

template <typename T>
std::vector<float> Floats(const std::vector<T>& values) {
    std::vector<float> floats;
    for (T value : values) floats.push_back(ToFloat(value));
    return floats;
}

template <typename T>
class GemmTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(GemmTest, Types);

// Tiles side by side, with what they read and random numbers behind it.
template <typename T>
struct RandomTiles {
    struct Own {
        std::vector<T> b, h, h_b;
        std::vector<float> bias, before;
    };
    std::vector<T> a;
    std::vector<Own> own;
    std::vector<TileArgs<T>> tiles;

    RandomTiles(testkit::Random& random, const TileFunctions<T>& path, int trial) {
        const auto stored = [&] { return 16 * (1 + static_cast<int>(random.Between(0, 3))); };
        const int first_stored = stored();
        const int most = trial % 8 ? path.rows(first_stored) : path.MostRows(first_stored);
        const int rows = 1 + static_cast<int>(random.Between(0, most - 1));
        const int64_t k = 2 * (1 + random.Between(0, trial % 8 ? 39 : 300));
        const int64_t a_stride = k + random.Between(0, 4);
        a = random.Values<T>(rows * a_stride);
        own.resize(static_cast<size_t>(1 + random.Between(0, path.beside - 1)));
        for (Own& its : own) {
            TileArgs<T> t;
            t.stored = tiles.empty() ? first_stored : stored();
            t.width = trial % 2 ? t.stored : t.stored - static_cast<int>(random.Between(0, 15));
            t.rows = rows;
            t.k = k;
            t.h_k = trial % 3 ? 2 * random.Between(0, 8) : 0;
            t.a_stride = a_stride;
            t.h_stride = t.h_k + random.Between(0, 2);
            t.c_stride = t.width + 3 + random.Between(0, 3);
            t.scale = trial % 5 ? 1.0f : 0.5f;
            its.b = random.Values<T>(t.k * t.stored);
            its.h = random.Values<T>(t.rows * t.h_stride + 1);
            its.h_b = random.Values<T>(t.h_k * t.stored + 1);
            its.bias = random.Values<float>(t.width);
            its.before = random.Values<float>(t.rows * t.c_stride);
            t.a = a.data(), t.b = its.b.data(), t.h = its.h.data(), t.h_b = its.h_b.data();
            t.bias = trial % 4 ? its.bias.data() : nullptr;
            tiles.push_back(t);
        }
    }

    // What C is after `run`, of each tile.
    std::vector<std::vector<float>> Run(const TileFunctions<T>& path, GemmOutput output) {
        std::vector<std::vector<float>> cs;
        for (size_t i = 0; i < tiles.size(); ++i) {
            cs.push_back(own[i].before);
            tiles[i].output = output;
            tiles[i].c = cs[i].data();
        }
        path.run(tiles);
        return cs;
    }
};

// Every path over random tiles against the reference, with canaries around C.
TYPED_TEST(GemmTest, EveryTilePathEqualsTheReference) {
    using T = TypeParam;
    testkit::Random random(1);
    for (const auto& kernel : testkit::Runnable(GemmKernels<T>())) {
        SCOPED_TRACE(kernel.name);
        for (int trial = 0; trial < 200; ++trial) {
            RandomTiles<T> some(random, kernel.functions, trial);
            for (GemmOutput output :
                 {GemmOutput::kStore, GemmOutput::kStoreF32, GemmOutput::kAddF32}) {
                const auto expected = some.Run(GemmKernels<T>().reference(), output);
                const auto actual = some.Run(kernel.functions, output);
                const bool rounded = output == GemmOutput::kStore && sizeof(T) == 2;
                for (size_t i = 0; i < some.tiles.size(); ++i) {
                    const TileArgs<T>& t = some.tiles[i];
                    const auto element = [&](const std::vector<float>& c, int64_t at) {
                        return rounded ? ToFloat(reinterpret_cast<const bf16*>(c.data())[at])
                                       : c[at];
                    };
                    for (int64_t at = 0; at < t.rows * t.c_stride; ++at) {
                        const float want = element(expected[i], at), got = element(actual[i], at);
                        if (at % t.c_stride >= t.width) {
                            ASSERT_EQ(std::memcmp(&want, &got, 4), 0) << "wrote past the tile";
                        } else {
                            const float tolerance = (rounded ? 1e-2f : 2e-5f) *
                                                    (1 + std::abs(want)) *
                                                    std::sqrt(static_cast<float>(t.k));
                            ASSERT_NEAR(want, got, tolerance) << "trial " << trial;
                        }
                    }
                }
            }
        }
    }
}

TYPED_TEST(GemmTest, GroupedProductWithExtension) {
    using T = TypeParam;
    testkit::Random random(7);
    const Context context(2);
    const int64_t m = 401, k = 72, h_k = 6;
    const std::vector<int64_t> groups = {100, 48, 70};
    const int64_t n = 218;
    auto weight = random.Values<float>(n * k), low = random.Values<float>(n * h_k);
    PackedMatrix<T> b(k, groups), b2(h_k, groups);
    b.SetColumns(0, n, weight.data());
    b2.SetColumns(0, n, low.data());
    std::vector<PanelExtension<T>> extension;
    for (const Panel& panel : b2.panels())
        extension.push_back(
            {b2.panel_data(panel), static_cast<int32_t>(h_k), panel.column < 100 ? 0 : 2});
    auto a = random.Values<T>(m * k), h = random.Values<T>(m * 8);
    std::vector<float> c(m * n, 1.0f);
    GemmArgs<T> args{.m = m,
                     .a = a.data(),
                     .a_stride = k,
                     .b = &b,
                     .h = h.data(),
                     .h_stride = 8,
                     .extension = extension,
                     .c = c.data(),
                     .c_stride = n,
                     .output = GemmOutput::kAddF32};
    Gemm(context, args);
    for (int64_t column = 0; column < n; ++column) {
        std::vector<float> base(k), delta(h_k);
        for (int64_t i = 0; i < k; ++i) base[i] = b.At(i, column);
        for (int64_t i = 0; i < h_k; ++i) delta[i] = b2.At(i, column);
        for (int64_t row = 0; row < m; ++row) {
            double sum = 1;
            for (int64_t i = 0; i < k; ++i) sum += ToFloat(a[row * k + i]) * base[i];
            for (int64_t i = 0; i < h_k; ++i)
                sum += ToFloat(h[row * 8 + (column < 100 ? 0 : 2) + i]) * delta[i];
            ASSERT_NEAR(c[row * n + column], sum, 1e-3) << row << "," << column;
        }
    }
}

// Runs of rows with extensions of their own, and rows with none: each row's bits are those that it
// gets when all rows have its extension.
TYPED_TEST(GemmTest, RowsWithExtensionsOfTheirOwn) {
    using T = TypeParam;
    testkit::Random random(9);
    const Context context(2);
    const int64_t m = 230, k = 64, n = 90, h_k = 4, h_stride = 6;
    const auto weight = random.Values<float>(n * k);
    const auto a = random.Values<T>(m * k), h = random.Values<T>(m * h_stride);
    std::vector<PackedMatrix<T>> low;
    std::vector<std::vector<PanelExtension<T>>> extensions(2);
    for (auto& extension : extensions) {
        const auto values = random.Values<float>(n * h_k);
        low.emplace_back(h_k, std::vector<int64_t>{n}).SetColumns(0, n, values.data());
        for (const Panel& panel : low.back().panels())
            extension.push_back({low.back().panel_data(panel), static_cast<int32_t>(h_k), 2});
    }
    struct Run {
        int64_t first, count;
        size_t extension;
    };
    const std::vector<Run> runs = {{1, 1, 0}, {2, 6, 1}, {8, 1, 0}, {12, 190, 1}, {225, 5, 0}};
    PackedMatrix<T> b(k, {60, 30});
    b.SetColumns(0, n, weight.data());
    const auto product = [&](std::span<const PanelExtension<T>> extension,
                             std::span<const RowsExtension<T>> rows) {
        std::vector<float> c(m * n);
        Gemm(context, GemmArgs<T>{.m = m,
                                  .a = a.data(),
                                  .a_stride = k,
                                  .b = &b,
                                  .h = h.data(),
                                  .h_stride = h_stride,
                                  .extension = extension,
                                  .row_extensions = rows,
                                  .c = c.data(),
                                  .c_stride = n,
                                  .output = GemmOutput::kStoreF32});
        return c;
    };
    auto expected = product({}, {});
    std::vector<RowsExtension<T>> rows;
    for (const Run& run : runs) {
        const auto all = product(extensions[run.extension], {});
        std::copy_n(all.begin() + run.first * n, run.count * n, expected.begin() + run.first * n);
        rows.push_back({run.first, run.count, h.data() + run.first * h_stride, h_stride,
                        extensions[run.extension]});
    }
    EXPECT_EQ(product({}, rows), expected);
}

TYPED_TEST(GemmTest, ProductsSideBySideAreThoseAlone) {
    using T = TypeParam;
    testkit::Random random(10);
    const Context context(2);
    const int64_t k = 32, n = 150;
    const auto a = random.Values<T>(400 * k);
    std::vector<PackedMatrix<T>> b;
    std::vector<GemmArgs<T>> products;
    std::vector<std::vector<T>> together, alone;
    for (int64_t m : {1, 0, 400, 7}) {
        const auto weight = random.Values<float>(n * k);
        b.emplace_back(k, std::vector<int64_t>{n}).SetColumns(0, n, weight.data());
        together.emplace_back(m * n + 1, FromFloat<T>(3.0f));
        products.push_back({.m = m, .a = a.data(), .a_stride = k, .c_stride = n});
    }
    alone = together;
    for (size_t i = 0; i < products.size(); ++i) {
        products[i].b = &b[i];
        products[i].c = alone[i].data();
        Gemm(context, products[i]);
        products[i].c = together[i].data();
    }
    Gemm(context, std::span<const GemmArgs<T>>(products));
    for (size_t i = 0; i < products.size(); ++i)
        EXPECT_EQ(std::memcmp(together[i].data(), alone[i].data(), alone[i].size() * sizeof(T)), 0)
            << i;
}

TYPED_TEST(GemmTest, SetRowsIsTheTransposeOfSetColumns) {
    using T = TypeParam;
    testkit::Random random(3);
    const int64_t out = 70, in = 130;
    auto weight = random.Values<float>(out * in);
    PackedMatrix<T> forward(in, {64, 6}), backward(out, {in});
    forward.SetColumns(0, 60, weight.data());
    forward.SetColumns(60, 10, weight.data() + 60 * in);
    backward.SetRows(0, 32, weight.data(), in);
    backward.SetRows(32, 38, weight.data() + 32 * in, in);
    for (int64_t i = 0; i < out; ++i)
        for (int64_t j = 0; j < in; ++j) {
            ASSERT_EQ(forward.At(j, i), ToFloat(FromFloat<T>(weight[i * in + j])));
            ASSERT_EQ(backward.At(i, j), forward.At(j, i));
        }
}

// Panels of B^T made from B's are those that are packed from the weight, zeros included: of all
// columns or of some panels, where layers end within a pair of rows too.
TYPED_TEST(GemmTest, TransposedPanelsAreThePackedOnes) {
    using T = TypeParam;
    testkit::Random random(1);
    const Context context(2);
    for (const std::vector<int64_t>& outs :
         {std::vector<int64_t>{200}, {64, 6}, {65, 30}, {7}, {63, 64, 1}, {128}}) {
        const int64_t in = random.Between(1, 150);
        PackedMatrix<T> b(in, outs);
        const auto weight = random.Values<float>(b.n() * in);
        b.SetColumns(0, b.n(), weight.data());
        for (size_t first = 0; first < b.panels().size(); ++first) {
            for (size_t last = first + 1; last <= b.panels().size(); ++last) {
                SCOPED_TRACE(testing::Message() << "outs " << testing::PrintToString(outs) << " in "
                                                << in << " panels " << first << " to " << last);
                const int64_t row = b.panels()[first].column,
                              rows = b.panels()[last - 1].column + b.panels()[last - 1].width - row;
                PackedMatrix<T> expected(rows, {in});
                expected.SetRows(0, rows, weight.data() + row * in, in);
                testkit::Guarded<T> actual(expected.elements(), FromFloat<T>(7));
                TransposePanels(context, b, first, last, expected, actual.data());
                ASSERT_EQ(std::memcmp(actual.data(), expected.panel_data(expected.panels()[0]),
                                      static_cast<size_t>(expected.elements()) * sizeof(T)),
                          0);
            }
        }
    }
}

}  // namespace
}  // namespace hone
