#include "model/weights/dequantize.h"

#include <gtest/gtest.h>

#include <cstring>

#include "model/weights/gguf.h"

namespace hone {
namespace {

// Made by tools/golden/quants.py with the Python package gguf.
class Quants : public testing::TestWithParam<StorageType> {};

TEST_P(Quants, SameBitsAsTheReference) {
    auto file = GgufFile::Open(HONE_SOURCE_DIR "/src/model/testdata/quants.gguf");
    ASSERT_TRUE(file.ok()) << file.status();
    std::string name(StorageTypeName(GetParam()));
    const StoredTensor* stored = (*file)->Find(name);
    const StoredTensor* expected = (*file)->Find(name + ".expected");
    ASSERT_NE(stored, nullptr);
    ASSERT_NE(expected, nullptr);
    EXPECT_EQ(stored->type, GetParam());
    EXPECT_EQ(stored->type_name, name);
    ASSERT_EQ(stored->shape, (std::vector<int64_t>{2, 512}));
    auto values = ReadTensor(*stored);
    ASSERT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(std::memcmp(values->data(), expected->bytes.data(), expected->bytes.size()), 0);

    // One row, with a guard after it.
    std::vector<float> row(513, 42);
    ASSERT_TRUE(ReadRows(*stored, 1, 2, row.data()).ok());
    EXPECT_EQ(std::memcmp(row.data(), values->data() + 512, 512 * sizeof(float)), 0);
    EXPECT_EQ(row[512], 42);
}

INSTANTIATE_TEST_SUITE_P(AllTypes, Quants,
                         testing::Values(StorageType::kF32, StorageType::kF16, StorageType::kBF16,
                                         StorageType::kQ8_0, StorageType::kQ4_0, StorageType::kQ4_1,
                                         StorageType::kQ5_0, StorageType::kQ5_1, StorageType::kQ2_K,
                                         StorageType::kQ3_K, StorageType::kQ4_K, StorageType::kQ5_K,
                                         StorageType::kQ6_K, StorageType::kIQ4_NL,
                                         StorageType::kIQ4_XS),
                         [](const auto& info) { return std::string(StorageTypeName(info.param)); });

}  // namespace
}  // namespace hone
