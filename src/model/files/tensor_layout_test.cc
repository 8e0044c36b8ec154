#include "model/files/tensor_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/testing.h"

namespace hone {
namespace {

using testing::ElementsAre;

constexpr TensorLayout kLayouts[] = {TensorLayout::kPlain, TensorLayout::kTransposed,
                                     TensorLayout::kRotaryPairs, TensorLayout::kPlusOne};

TEST(TensorLayout, PermutedRowsAreAPermutationOfEachHead) {
    // llama.cpp: w.reshape(heads, 2, head_dim / 2, columns).swapaxes(1, 2): rows 0 1 2 3 of a head
    // become 0 2 1 3.
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < 8; ++row) rows.push_back(RotaryPairsRow(row, 4));
    EXPECT_THAT(rows, ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
}

TEST(TensorLayout, KnownNumbers) {
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    EXPECT_THAT(ToStored(TensorLayout::kTransposed, {2, 3}, 2, values),
                ElementsAre(1, 4, 2, 5, 3, 6));
    EXPECT_THAT(ToStored(TensorLayout::kPlusOne, {6}, 2, values), ElementsAre(2, 3, 4, 5, 6, 7));
    EXPECT_THAT(StoredShape(TensorLayout::kTransposed, {2, 3}), ElementsAre(3, 2));
    EXPECT_THAT(StoredShape(TensorLayout::kRotaryPairs, {2, 3}), ElementsAre(2, 3));
}

// What is written is read back: whole, and any rows of it from a file's bytes.
TEST(TensorLayout, BothWays) {
    for (const uint64_t seed : TestSeeds(20)) {
        TestRandom random(seed);
        const int64_t head_dim = 2 * random.Between(1, 4), rows = head_dim * random.Between(1, 5),
                      columns = random.Between(1, 9);
        for (const TensorLayout layout : kLayouts) {
            for (const std::vector<int64_t>& plain :
                 {std::vector<int64_t>{rows, columns}, std::vector<int64_t>{rows}}) {
                if (plain.size() == 1 && layout == TensorLayout::kTransposed) continue;
                SCOPED_TRACE(fmt::format("seed={} layout={} rank={}", seed,
                                         static_cast<int>(layout), plain.size()));
                std::vector<float> values(
                    static_cast<size_t>(plain.size() == 1 ? rows : rows * columns));
                for (float& value : values)
                    value = 0.25f * static_cast<float>(random.Between(-40, 40));
                const std::vector<float> stored = ToStored(layout, plain, head_dim, values);
                EXPECT_EQ(FromStored(layout, plain, head_dim, stored), values);
                StoredTensor tensor;
                tensor.name = "t";
                tensor.shape = StoredShape(layout, plain);
                tensor.type = StorageType::kF32;
                tensor.bytes = {reinterpret_cast<const uint8_t*>(stored.data()),
                                stored.size() * sizeof(float)};
                const int64_t last = plain.size() == 1 ? 1 : rows;
                const int64_t begin = random.Between(0, last - 1),
                              end = plain.size() == 1 ? 1 : random.Between(begin, last);
                const int64_t width = plain.back();
                std::vector<float> read(static_cast<size_t>((end - begin) * width));
                const absl::Status status =
                    ReadPlainRows(tensor, layout, head_dim, begin, end, read.data());
                ASSERT_TRUE(status.ok()) << status;
                EXPECT_TRUE(std::equal(read.begin(), read.end(), values.begin() + begin * width));
            }
        }
    }
}

TEST(TensorLayout, BlocksAreNotTransposed) {
    StoredTensor tensor;
    tensor.name = "blocks";
    tensor.shape = {32, 32};
    tensor.type = StorageType::kQ8_0;
    tensor.type_name = "Q8_0";
    float out[32];
    const absl::Status status = ReadPlainRows(tensor, TensorLayout::kTransposed, 2, 0, 1, out);
    EXPECT_EQ(KindOf(status), ErrorKind::kModel);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("Q8_0"));
}

}  // namespace
}  // namespace hone
