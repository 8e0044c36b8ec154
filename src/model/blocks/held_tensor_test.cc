#include "model/blocks/held_tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

StoredTensor Tensor(StorageType type, std::vector<int64_t> shape, std::span<const uint8_t> bytes) {
    StoredTensor tensor{"x", std::move(shape), type, StorageTypeName(type), bytes};
    return tensor;
}

TEST(HeldTensor, KeepsItsNumbersWhenTheFileIsGone) {
    std::vector<float> numbers(130 * 3);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<float>(i));
    const std::vector<float> before = numbers;
    const std::span bytes(reinterpret_cast<const uint8_t*>(numbers.data()),
                          numbers.size() * sizeof(float));
    auto exact = HeldTensor::Copy(Tensor(StorageType::kF32, {130, 3}, bytes), false);
    auto rounded = HeldTensor::Copy(Tensor(StorageType::kF32, {130, 3}, bytes), true);
    ASSERT_TRUE(exact.ok() && rounded.ok());
    std::fill(numbers.begin(), numbers.end(), 0.0f);
    EXPECT_EQ(exact->bytes(), 130 * 3 * sizeof(float));
    EXPECT_EQ(rounded->bytes(), 130 * 3 * sizeof(bf16));
    float row[6];
    ASSERT_TRUE(exact->ReadRows(128, 130, row).ok());
    for (int i = 0; i < 6; ++i) EXPECT_EQ(row[i], before[384 + i]);
    ASSERT_TRUE(rounded->ReadRows(128, 130, row).ok());
    for (int i = 0; i < 6; ++i) EXPECT_EQ(row[i], ToFloat(ToBF16(before[384 + i])));
}

TEST(HeldTensor, BringsNumbersWithStridesIntoTheirOrder) {
    const std::vector<float> numbers = {0, 1, 2, 3, 4, 5};
    StoredTensor tensor =
        Tensor(StorageType::kF32, {2, 3},
               {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size() * sizeof(float)});
    tensor.strides = {1, 2};
    for (bool as_bf16 : {false, true}) {
        auto held = HeldTensor::Copy(tensor, as_bf16);
        ASSERT_TRUE(held.ok()) << held.status();
        std::vector<float> read(6);
        ASSERT_TRUE(held->ReadRows(0, 2, read.data()).ok());
        EXPECT_EQ(read, (std::vector<float>{0, 2, 4, 1, 3, 5}));
    }
}

TEST(HeldTensor, TellsOfEachPiece) {
    // 80 MiB are two pieces, the second a part of one.
    std::vector<float> numbers(20 << 20);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % 251);
    const auto rows = static_cast<int64_t>(numbers.size()) / 1024;
    const StoredTensor tensor =
        Tensor(StorageType::kF32, {rows, 1024},
               {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size() * sizeof(float)});
    for (bool as_bf16 : {false, true}) {
        int pieces = 0;
        auto held = HeldTensor::Copy(tensor, as_bf16, [&] { ++pieces; });
        ASSERT_TRUE(held.ok()) << held.status();
        EXPECT_EQ(pieces, as_bf16 ? 1 : 2);
        std::vector<float> last(1024);
        for (int64_t row : {int64_t{0}, rows * 4 / 5, rows - 1}) {
            ASSERT_TRUE(held->ReadRows(row, row + 1, last.data()).ok());
            EXPECT_TRUE(std::equal(last.begin(), last.end(), numbers.begin() + row * 1024)) << row;
        }
    }
}

TEST(HeldTensor, HoldsFewerBitsAsTheyAre) {
    const uint8_t bytes[] = {0x80, 0x3f, 0, 0xc0};  // bf16 1 and -2
    auto held = HeldTensor::Copy(Tensor(StorageType::kBF16, {2, 1}, bytes), true);
    ASSERT_TRUE(held.ok());
    float numbers[2];
    ASSERT_TRUE(held->ReadRows(0, 2, numbers).ok());
    EXPECT_EQ(numbers[0], 1.0f);
    EXPECT_EQ(numbers[1], -2.0f);
    EXPECT_FALSE(HeldTensor::Copy(Tensor(StorageType::kOther, {2, 1}, {}), true).ok());
}

}  // namespace
}  // namespace hone
