#include "kernels/packing/packing.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class PackingTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(PackingTest, Types);

template <typename T>
int64_t EvenFor(int64_t k) {
    return sizeof(T) == 2 ? (k + 1) / 2 * 2 : k;
}

// Packing moves and rounds: every kernel gives the reference's bits, and touches nothing else.
template <typename T>
void CompareToReference(const PackFunctions<T>& got, const PackFunctions<T>& want, Random& random) {
    const int64_t count = random.Size(70), tokens = random.Size(90);
    const int width = static_cast<int>(random.Size(64)), stored = (width + 15) / 16 * 16;
    const int64_t stride = std::max<int64_t>(width, count) + random.Between(0, 5);
    SCOPED_TRACE(testing::Message() << "count " << count << " tokens " << tokens << " width "
                                    << width << " stride " << stride);
    const auto source = random.Values<T>(std::max(tokens, count) * stride);
    const auto floats = random.Values<float>(std::max(tokens, count) * stride);
    {
        Guarded<T> expected(EvenFor<T>(tokens) * stored), actual(EvenFor<T>(tokens) * stored);
        want.rows(source.data(), stride, tokens, width, stored, expected.data());
        got.rows(source.data(), stride, tokens, width, stored, actual.data());
        ExpectSameBits(actual, expected, "rows");
        want.rows_f32(floats.data(), stride, tokens, width, stored, expected.data());
        got.rows_f32(floats.data(), stride, tokens, width, stored, actual.data());
        ExpectSameBits(actual, expected, "rows_f32");
    }
    {
        const auto before = random.Values<T>(EvenFor<T>(tokens) * stored);
        const int64_t first = random.Between(0, width - 1), columns = width - first;
        const int64_t skip = first * EvenFor<T>(1);
        Guarded<T> expected(before), actual(before);
        want.columns_f32(floats.data(), tokens, std::min(columns, count), stored,
                         expected.data() + skip);
        got.columns_f32(floats.data(), tokens, std::min(columns, count), stored,
                        actual.data() + skip);
        ExpectSameBits(actual, expected, "columns_f32");
    }
    {
        const int64_t rows = EvenFor<T>(tokens), columns = width;
        auto panel = random.Values<T>(rows * stored);
        const int out_width = static_cast<int>(std::min<int64_t>(tokens, 64)),
                  out_stored = (out_width + 15) / 16 * 16;
        for (int64_t column = 0; column < stored; ++column)  // the row after an odd last one
            if (rows > tokens) panel[PackedIndex<T>(tokens, column, stored)] = T{};
        Guarded<T> expected(EvenFor<T>(columns) * out_stored),
            actual(EvenFor<T>(columns) * out_stored);
        want.panel_transposed(panel.data(), stored, columns, out_width, out_stored,
                              expected.data());
        got.panel_transposed(panel.data(), stored, columns, out_width, out_stored, actual.data());
        ExpectSameBits(actual, expected, "panel_transposed");
    }
}

TYPED_TEST(PackingTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    for (const auto& kernel : testkit::Runnable(PackKernels<T>())) {
        for (const uint64_t seed : TestSeeds(60)) {
            SCOPED_TRACE(testing::Message() << kernel.name << " seed " << seed);
            Random random(seed);
            CompareToReference<T>(kernel.functions, PackKernels<T>().reference(), random);
        }
    }
}

// The layouts by hand: pairs along K for bf16, plain rows for float.
TEST(Packing, LayoutsOfAMatrix) {
    const float source[2][3] = {{1, 2, 3}, {4, 5, 6}};
    for (const auto& kernel : testkit::Runnable(PackKernels<float>())) {
        float rows[2 * 16];
        kernel.functions.rows(source[0], 3, 2, 3, 16, rows);
        EXPECT_EQ(rows[2], 3);
        EXPECT_EQ(rows[3], 0);
        EXPECT_EQ(rows[16], 4);
    }
    for (const auto& kernel : testkit::Runnable(PackKernels<bf16>())) {
        bf16 rows[2 * 16], columns[4 * 16] = {};
        kernel.functions.rows_f32(source[0], 3, 2, 3, 16, rows);
        EXPECT_EQ(ToFloat(rows[0]), 1);
        EXPECT_EQ(ToFloat(rows[1]), 4);
        EXPECT_EQ(ToFloat(rows[5]), 6);
        EXPECT_EQ(ToFloat(rows[6]), 0);
        kernel.functions.columns_f32(source[0], 3, 2, 16, columns);
        EXPECT_EQ(ToFloat(columns[1]), 2);
        EXPECT_EQ(ToFloat(columns[2]), 4);
        EXPECT_EQ(ToFloat(columns[32]), 3);
        EXPECT_EQ(ToFloat(columns[33]), 0);
        EXPECT_EQ(ToFloat(columns[34]), 6);
    }
}

}  // namespace
}  // namespace hone
