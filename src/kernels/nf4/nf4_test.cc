#include "kernels/nf4/nf4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

Nf4Matrix Quantized(int64_t rows, int64_t columns, const std::vector<float>& values,
                    bool double_quant, FourBits kind = FourBits::kNf4) {
    Nf4Matrix weight(rows, columns, double_quant, kind);
    for (int64_t row = 0; row < rows; row += 64)
        weight.SetRows(row, std::min<int64_t>(64, rows - row), &values[row * columns]);
    weight.Finish();
    return weight;
}

// By the definition: the reference's values of all blocks.
template <typename T>
std::vector<T> ValuesOf(const Nf4Matrix& weight) {
    const int64_t elements = weight.rows() * weight.columns(),
                  blocks = (elements + kNf4Block - 1) / kNf4Block;
    std::vector<float> absmax(static_cast<size_t>(blocks));
    weight.Absmax(0, blocks, absmax.data());
    std::vector<T> values(static_cast<size_t>(blocks * kNf4Block));
    Nf4Kernels<T>().reference().values(blocks, weight.codes(0), absmax.data(),
                                       FourBitValues(weight.kind()), values.data());
    values.resize(static_cast<size_t>(elements));
    return values;
}

TEST(Nf4, EachNumberBecomesTheNearestValue) {
    testkit::Random random(3);
    const int64_t rows = 7, columns = 100;  // blocks across rows, the last of 60
    const auto numbers = random.Values<float>(rows * columns, 0.02f);
    for (const FourBits kind : {FourBits::kNf4, FourBits::kFp4}) {
        const Nf4Matrix weight = Quantized(rows, columns, numbers, false, kind);
        const auto values = ValuesOf<float>(weight);
        for (size_t i = 0; i < numbers.size(); ++i) {
            const size_t begin = i / kNf4Block * kNf4Block,
                         end = std::min(numbers.size(), begin + kNf4Block);
            float absmax = 0, nearest = INFINITY;
            for (size_t j = begin; j < end; ++j) absmax = std::max(absmax, std::abs(numbers[j]));
            for (float value : std::span(FourBitValues(kind), 16))
                nearest = std::min(nearest, std::abs(numbers[i] - value * absmax));
            EXPECT_LE(std::abs(numbers[i] - values[i]), nearest + 1e-7f * absmax) << i;
        }
    }
}

TEST(Nf4, DoubleQuantisationTakesHalfAByteAndALittle) {
    testkit::Random random(4);
    const int64_t rows = 320, columns = 192;
    const auto numbers = random.Values<float>(rows * columns);
    const Nf4Matrix one = Quantized(rows, columns, numbers, false),
                    twice = Quantized(rows, columns, numbers, true);
    const double weights = static_cast<double>(rows * columns);
    EXPECT_NEAR(static_cast<double>(one.bytes()) / weights, 0.5625, 1e-3);
    EXPECT_NEAR(static_cast<double>(twice.bytes()) / weights, 0.516, 1e-3);
    // The same codes; the absmax off by half a step of the 8 bits, at most 1 / 128 of the largest
    // distance from the mean.
    const int64_t blocks = rows * columns / kNf4Block;
    EXPECT_EQ(std::memcmp(one.codes(0), twice.codes(0), blocks * kNf4BlockBytes), 0);
    std::vector<float> exact(blocks), coded(blocks);
    one.Absmax(0, blocks, exact.data());
    twice.Absmax(0, blocks, coded.data());
    const auto [low, high] = std::minmax_element(exact.begin(), exact.end());
    for (int64_t i = 0; i < blocks; ++i) EXPECT_NEAR(coded[i], exact[i], (*high - *low) / 128);
    EXPECT_NE(exact, coded);
}

TEST(Nf4, ZerosStayZerosAndWhatIsNotFiniteStaysSo) {
    std::vector<float> numbers(4 * 64, 0.0f);
    const auto zeros = ValuesOf<float>(Quantized(4, 64, numbers, true));
    EXPECT_EQ(zeros, numbers);
    for (float wrong : {std::nanf(""), -std::nanf(""), INFINITY, -INFINITY}) {
        numbers[70] = wrong;
        const auto values = ValuesOf<float>(Quantized(4, 64, numbers, true));
        EXPECT_FALSE(std::isfinite(values[70])) << wrong;
    }
}

template <typename T>
class Nf4Values : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(Nf4Values, Types);

TYPED_TEST(Nf4Values, EveryImplementationGivesTheReferencesBits) {
    testkit::Random random(5);
    for (const auto& kernel : testkit::Runnable(Nf4Kernels<TypeParam>())) {
        for (int64_t blocks : {1, 2, 7}) {
            std::vector<uint8_t> codes(static_cast<size_t>(blocks * kNf4BlockBytes));
            for (uint8_t& code : codes) code = static_cast<uint8_t>(random.Between(0, 255));
            auto absmax = random.Values<float>(blocks);
            absmax[0] = std::numeric_limits<float>::quiet_NaN();
            testkit::Guarded<TypeParam> actual(blocks * kNf4Block), expected(blocks * kNf4Block);
            const float* table = FourBitValues(blocks == 2 ? FourBits::kFp4 : FourBits::kNf4);
            kernel.functions.values(blocks, codes.data(), absmax.data(), table, actual.data());
            Nf4Kernels<TypeParam>().reference().values(blocks, codes.data(), absmax.data(), table,
                                                       expected.data());
            EXPECT_EQ(
                std::memcmp(actual.data(), expected.data(), expected.size() * sizeof(TypeParam)), 0)
                << kernel.name << ", " << blocks << " blocks";
        }
    }
}

// Panels of the codes equal a packed matrix that was filled with the values, padding included.
TYPED_TEST(Nf4Values, PanelsAreThoseOfTheValues) {
    using T = TypeParam;
    for (const uint64_t seed : TestSeeds(30)) {
        testkit::Random random(seed);
        const Context context(static_cast<int>(random.Between(1, 3)));
        const int64_t columns = random.Size(200, 64);
        std::vector<int64_t> groups;
        std::vector<Nf4Matrix> weights;
        int64_t rows = 0;
        for (int64_t i = random.Between(1, 3); i > 0; --i) {
            groups.push_back(random.Size(150, 64));
            rows += groups.back();
            weights.push_back(Quantized(groups.back(), columns,
                                        random.Values<float>(groups.back() * columns),
                                        random.Between(0, 1) == 1));
        }
        PackedMatrix<T> forward(columns, groups), backward(rows, {columns});
        int64_t row = 0;
        for (const Nf4Matrix& weight : weights) {
            std::vector<float> values;
            for (T value : ValuesOf<T>(weight)) values.push_back(ToFloat(value));
            forward.SetColumns(row, weight.rows(), values.data());
            backward.SetRows(row, weight.rows(), values.data(), columns);
            row += weight.rows();
        }
        const T rubbish = FromFloat<T>(99.0f);
        testkit::Guarded<T> panels(forward.elements(), rubbish),
            back_panels(backward.elements(), rubbish);
        Nf4ToForwardPanels<T>(context, weights, PackedMatrix<T>::Layout(columns, groups),
                              panels.data());
        Nf4ToBackwardPanels<T>(context, weights, PackedMatrix<T>::Layout(rows, {columns}),
                               back_panels.data());
        EXPECT_EQ(std::memcmp(panels.data(), forward.panel_data(forward.panels()[0]),
                              panels.size() * sizeof(T)),
                  0);
        EXPECT_EQ(std::memcmp(back_panels.data(), backward.panel_data(backward.panels()[0]),
                              back_panels.size() * sizeof(T)),
                  0);
    }
}

}  // namespace
}  // namespace hone
