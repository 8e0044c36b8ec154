#include "model/linear/gguf_weight.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/dispatch/testing.h"
#include "model/weights/dequantize.h"

namespace hone {
namespace {

constexpr StorageType kBlockTypes[] = {
    StorageType::kQ4_0, StorageType::kQ4_1, StorageType::kQ5_0,   StorageType::kQ5_1,
    StorageType::kQ8_0, StorageType::kQ2_K, StorageType::kQ3_K,   StorageType::kQ4_K,
    StorageType::kQ5_K, StorageType::kQ6_K, StorageType::kIQ4_NL, StorageType::kIQ4_XS};

// Rows of random blocks whose numbers are finite: an f16 of any two bytes below has an exponent
// that is not the largest.
std::vector<uint8_t> RandomRows(StorageType type, int64_t rows, int64_t in,
                                testkit::Random& random) {
    std::vector<uint8_t> bytes(
        static_cast<size_t>(rows * in / StorageBlockElements(type) * StorageBlockBytes(type)));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Between(0, 255) & 0xaf);
    return bytes;
}

template <typename T>
class GgufWeights : public testing::Test {};
using GgufProducts = testing::Types<float, bf16>;
TYPED_TEST_SUITE(GgufWeights, GgufProducts);

// Products are those, bit by bit, of weights that were read as numbers: of layers side by side in
// different types, one of them in none.
TYPED_TEST(GgufWeights, ProductsAreThoseOfTheNumbersThatTheFileGives) {
    using T = TypeParam;
    for (const uint64_t seed : TestSeeds(20)) {
        testkit::Random random(seed);
        const Context context(static_cast<int>(random.Between(1, 3)));
        const int64_t in = 256 * random.Between(1, 2), m = random.Between(1, 70);
        std::vector<int64_t> outs;
        std::vector<StorageType> types;
        int64_t out = 0;
        for (int64_t i = random.Between(1, 3); i > 0; --i) {
            outs.push_back(2 * random.Between(1, 60));
            out += outs.back();
            types.push_back(kBlockTypes[random.Between(0, std::size(kBlockTypes) - 1)]);
        }
        if (outs.size() == 3) types[1] = StorageType::kF32;
        const auto blocks = MakeGgufWeight<T>(in, outs, types);
        const auto native =
            MakeFrozenWeight<T>("layer", in, outs, types, out, LoadOptions{}).value();
        size_t bytes = 0;
        int64_t column = 0;
        for (size_t i = 0; i < outs.size(); ++i) {
            auto values = random.Values<float>(outs[i] * in);
            if (types[i] == StorageType::kF32) {
                EXPECT_EQ(blocks->StoredRows(i, 0), nullptr);
                blocks->SetRows(i, column, 0, outs[i], values.data());
                bytes += values.size() * sizeof(T);
            } else {
                const std::vector<uint8_t> rows = RandomRows(types[i], outs[i], in, random);
                std::copy(rows.begin(), rows.end(), blocks->StoredRows(i, 0));
                Dequantize(types[i], rows.data(), outs[i] * in, values.data());
                bytes += rows.size();
            }
            native->SetRows(i, column, 0, outs[i], values.data());
            column += outs[i];
        }
        native->Finish(context);
        EXPECT_EQ(blocks->bytes(), bytes);
        EXPECT_TRUE(blocks->unpacked());
        std::vector<T> panels(static_cast<size_t>(
            std::max(blocks->panel_elements(true), native->panel_elements(true))));
        const LinearScratch<T> scratch{.panels = panels.data()};
        const auto x = random.Values<T>(m * in), dy = random.Values<T>(m * out);
        for (const bool forward : {true, false}) {
            std::vector<float> actual(static_cast<size_t>(m * (forward ? out : in))),
                expected(actual);
            GemmArgs<T> args{.m = m,
                             .a = forward ? x.data() : dy.data(),
                             .a_stride = forward ? in : out,
                             .c_stride = forward ? out : in,
                             .output = GemmOutput::kStoreF32};
            for (const auto& [weight, c] :
                 {std::pair(blocks.get(), &actual), std::pair(native.get(), &expected)}) {
                args.c = c->data();
                forward ? weight->Forward(context, args, scratch)
                        : weight->Backward(context, args, scratch);
            }
            EXPECT_EQ(std::memcmp(actual.data(), expected.data(), actual.size() * sizeof(float)), 0)
                << "forward " << forward << ", " << outs.size() << " members, the first in "
                << StorageTypeName(types[0]);
        }
    }
}

}  // namespace
}  // namespace hone
