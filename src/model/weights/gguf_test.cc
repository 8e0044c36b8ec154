#include "model/weights/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "model/weights/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testkit::Bytes;
using testkit::Floats;
using testkit::GgufBuilder;
using testkit::Raw;

constexpr uint32_t kF32Type = 0, kQ4_1Type = 3;

std::string GgufError(const std::string& file) {
    auto parsed = ParseGguf(Bytes(file), "m.gguf");
    EXPECT_FALSE(parsed.ok());
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kModel);
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("m.gguf"));
    return std::string(parsed.status().message());
}
std::string GgufError(const GgufBuilder& builder) { return GgufError(builder.Build()); }

GgufBuilder SmallGguf() {
    GgufBuilder builder;
    builder.String("general.architecture", "llama").U32("llama.block_count", 2);
    builder.Tensor("a", {3, 2}, kF32Type, Floats({1, 2, 3, 4, 5, 6}))
        .Tensor("b", {1}, kF32Type, Floats({7}));
    return builder;
}

TEST(Gguf, ReadsTensorsOutermostFirst) {
    for (uint32_t version : {2, 3}) {
        std::string file = SmallGguf().Build(version);
        auto parsed = ParseGguf(Bytes(file), "m.gguf");
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        ASSERT_EQ(parsed->tensors.size(), 2u);
        EXPECT_EQ(parsed->tensors[0].shape, (std::vector<int64_t>{2, 3}));
        EXPECT_EQ(*ReadTensor(parsed->tensors[0]), (std::vector<float>{1, 2, 3, 4, 5, 6}));
        EXPECT_EQ(*ReadTensor(parsed->tensors[1]), std::vector<float>{7});
    }
}

TEST(Gguf, EveryValueType) {
    GgufBuilder builder;
    builder.Key("u8", 0, Raw<uint8_t>(200))
        .Key("i8", 1, Raw<int8_t>(-3))
        .Key("u16", 2, Raw<uint16_t>(60000));
    builder.Key("i16", 3, Raw<int16_t>(-300))
        .U32("u32", 4000000000u)
        .Key("i32", 5, Raw<int32_t>(-70000));
    builder.F32("f32", 1e-5f)
        .Bool("yes", true)
        .String("text", "h\xc3\xa9")
        .Key("u64", 10, Raw<uint64_t>(1));
    builder.Key("i64", 11, Raw<int64_t>(-5)).Key("f64", 12, Raw<double>(0.1));
    builder.Strings("list", {"x", "y"}).List("empty", 4, 0, "");
    builder.List("nested", 9, 2,
                 Raw<uint32_t>(4) + Raw<uint64_t>(1) + Raw<uint32_t>(9) + Raw<uint32_t>(7) +
                     Raw<uint64_t>(2) + Raw<uint8_t>(1) + Raw<uint8_t>(0));
    std::string file = builder.Build();
    auto parsed = ParseGguf(Bytes(file), "m.gguf");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->metadata.dump(),
              "{\"u8\":200,\"i8\":-3,\"u16\":60000,\"i16\":-300,\"u32\":4000000000,\"i32\":-70000,"
              "\"f32\":1e-05,"
              "\"yes\":true,\"text\":\"h\xc3\xa9\",\"u64\":1,\"i64\":-5,\"f64\":0.1,\"list\":["
              "\"x\",\"y\"],"
              "\"empty\":[],\"nested\":[[9],[true,false]]}");
}

TEST(Gguf, TheLongListsOfTheTokenizerLieApart) {
    GgufBuilder builder;
    builder.Strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>"})
        .Strings("tokenizer.ggml.merges", {"a b"});
    builder.List("tokenizer.ggml.scores", 6, 3, Floats({0, -1, -2}));
    builder.List("tokenizer.ggml.token_type", 5, 3,
                 Raw<int32_t>(2) + Raw<int32_t>(3) + Raw<int32_t>(3));
    builder.U32("tokenizer.ggml.bos_token_id", 1);
    std::string file = builder.Build();
    auto parsed = ParseGguf(Bytes(file), "m.gguf");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const GgufTokenLists& lists = parsed->token_lists;
    EXPECT_EQ(lists.tokens, (std::vector<std::string>{"<unk>", "<s>", "</s>"}));
    EXPECT_EQ(lists.scores, (std::vector<float>{0, -1, -2}));
    EXPECT_EQ(lists.token_types, (std::vector<int32_t>{2, 3, 3}));
    EXPECT_EQ(lists.merges, std::vector<std::string>{"a b"});
    EXPECT_EQ(parsed->metadata.dump(), "{\"tokenizer.ggml.bos_token_id\":1}");
    EXPECT_THAT(GgufError(GgufBuilder().List("tokenizer.ggml.tokens", 4, 1, Raw<uint32_t>(1))),
                HasSubstr("not a list of strings"));
    EXPECT_THAT(GgufError(GgufBuilder().List("tokenizer.ggml.scores", 5, 1, Raw<int32_t>(1))),
                HasSubstr("value type 5"));
}

TEST(Gguf, NoGgufAndUnknownVersions) {
    EXPECT_THAT(GgufError(std::string()), HasSubstr("no GGUF file"));
    EXPECT_THAT(GgufError(std::string("GGML\3\0\0\0", 8)), HasSubstr("no GGUF file"));
    EXPECT_THAT(GgufError(SmallGguf().Build(1)), HasSubstr("GGUF version 1"));
    EXPECT_THAT(GgufError(SmallGguf().Build(4)), HasSubstr("GGUF version 4"));
    EXPECT_THAT(GgufError(SmallGguf().Build(0x03000000)), HasSubstr("big-endian"));
}

TEST(Gguf, EveryPrefixOfAFileIsRefused) {
    std::string file = SmallGguf().Build();
    for (size_t size = 0; size < file.size(); ++size)
        EXPECT_FALSE(ParseGguf(Bytes(file).first(size), "m").ok()) << size;
    EXPECT_TRUE(ParseGguf(Bytes(file), "m").ok());
}

TEST(Gguf, TensorsThatLie) {
    std::string four = Floats({1});
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {1}, kF32Type, four, 8)),
                HasSubstr("multiple of the alignment"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {1}, kF32Type, four, 32)),
                HasSubstr("cut short"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {2}, kF32Type, four)),
                HasSubstr("takes 8 bytes"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {1}, kF32Type, four, uint64_t{1} << 63)),
                HasSubstr("cut short"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {0}, kF32Type, four)),
                HasSubstr("none may be 0"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {33}, kQ4_1Type, std::string(40, '\0'))),
                HasSubstr("blocks of 32"));
    EXPECT_THAT(
        GgufError(GgufBuilder().Tensor("a", {1}, kF32Type, four).Tensor("a", {1}, kF32Type, four)),
        HasSubstr("comes twice"));
    EXPECT_THAT(GgufError(GgufBuilder()
                              .Tensor("a", {9}, kF32Type, std::string(36, 0))
                              .Tensor("b", {1}, kF32Type, four, 32)),
                HasSubstr("\"a\" and \"b\" overlap"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("", {1}, kF32Type, four)),
                HasSubstr("name has 0 bytes"));
}

TEST(Gguf, MetadataThatLies) {
    EXPECT_THAT(GgufError(GgufBuilder().U32("a", 1).U32("a", 1)), HasSubstr("comes twice"));
    EXPECT_THAT(GgufError(GgufBuilder().Key("a", 13, "")), HasSubstr("unknown value type 13"));
    EXPECT_THAT(GgufError(GgufBuilder().Key("a", 7, Raw<uint8_t>(2))),
                HasSubstr("bool of value 2"));
    EXPECT_THAT(GgufError(GgufBuilder().String("a", "\xff")), HasSubstr("not UTF-8"));
    EXPECT_THAT(GgufError(GgufBuilder().String("a", "\xed\xa0\x80")), HasSubstr("not UTF-8"));
    EXPECT_THAT(GgufError(GgufBuilder().Key("a", 8, Raw<uint64_t>(UINT64_MAX))),
                HasSubstr("in the middle of a"));
    EXPECT_THAT(GgufError(GgufBuilder().List("a", 8, UINT64_MAX / 8, "")),
                HasSubstr("the file ends in the middle of a"));
    EXPECT_THAT(GgufError(GgufBuilder().List("a", 13, 1, "")), HasSubstr("unknown value type 13"));
    for (uint32_t alignment : {0u, 4u, 33u, 131072u})
        EXPECT_THAT(GgufError(GgufBuilder().U32("general.alignment", alignment)),
                    HasSubstr("power of two"));
    EXPECT_THAT(GgufError(GgufBuilder().String("general.alignment", "32")),
                HasSubstr("power of two"));
}

TEST(Gguf, LimitsAtAndPast) {
    // Rank.
    std::string four = Floats({1});
    std::vector<uint64_t> ones(kMaxTensorRank, 1);
    std::string file = GgufBuilder().Tensor("a", ones, kF32Type, four).Build();
    EXPECT_TRUE(ParseGguf(Bytes(file), "m").ok());
    ones.push_back(1);
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", ones, kF32Type, four)),
                HasSubstr("dimensions"));
    // Elements: at the limit the file is what is too small.
    uint64_t most = static_cast<uint64_t>(kMaxTensorElements);
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {most}, kF32Type, four)), HasSubstr("takes"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {most + 1}, kF32Type, four)),
                HasSubstr("the product at most"));
    EXPECT_THAT(GgufError(GgufBuilder().Tensor("a", {most, 2}, kF32Type, four)),
                HasSubstr("the product at most"));
    // Names.
    file = GgufBuilder().Tensor(std::string(kMaxNameBytes, 'n'), {1}, kF32Type, four).Build();
    EXPECT_TRUE(ParseGguf(Bytes(file), "m").ok());
    EXPECT_THAT(
        GgufError(GgufBuilder().Tensor(std::string(kMaxNameBytes + 1, 'n'), {1}, kF32Type, four)),
        HasSubstr("1025 bytes"));
    // Lists inside lists.
    auto nested = [](int depth) {
        std::string value = Raw<uint32_t>(0) + Raw<uint64_t>(0);
        for (int i = 1; i < depth; ++i) value = Raw<uint32_t>(9) + Raw<uint64_t>(1) + value;
        return GgufBuilder().Key("a", 9, value);
    };
    file = nested(4).Build();
    EXPECT_TRUE(ParseGguf(Bytes(file), "m").ok());
    EXPECT_THAT(GgufError(nested(5)), HasSubstr("nests lists"));
    // Elements of all lists.
    std::string million(size_t{1} << 20, '\1');
    file = GgufBuilder().List("a", 0, million.size(), million).Build();
    EXPECT_TRUE(ParseGguf(Bytes(file), "m").ok());
    EXPECT_THAT(GgufError(GgufBuilder().List("a", 0, million.size(), million).List("b", 0, 1, "1")),
                HasSubstr("\"b\", have more than the limit"));
}

TEST(Gguf, CountsAtTheLimitAndPastIt) {
    auto counts = [](uint64_t tensors, uint64_t keys) {
        return "GGUF" + Raw<uint32_t>(3) + Raw(tensors) + Raw(keys);
    };
    EXPECT_THAT(GgufError(counts(kMaxTensors, 0)), HasSubstr("file ends"));
    EXPECT_THAT(GgufError(counts(kMaxTensors + 1, 0)),
                HasSubstr("100001 tensors, more than the limit"));
    EXPECT_THAT(GgufError(counts(0, 4096)), HasSubstr("file ends"));
    EXPECT_THAT(GgufError(counts(0, 4097)), HasSubstr("4097 metadata keys, more than the limit"));
}

TEST(Gguf, TypesThatAreNotReadAreListed) {
    std::string file = GgufBuilder()
                           .Tensor("a", {256}, 21, std::string(110, '\0'))
                           .Tensor("b", {1}, 99, "")
                           .Build();
    auto parsed = ParseGguf(Bytes(file), "m.gguf");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->tensors[0].type, StorageType::kOther);
    EXPECT_THAT(std::string(ReadTensor(parsed->tensors[0]).status().message()),
                HasSubstr("stored as IQ3_S"));
    EXPECT_FALSE(ReadTensor(parsed->tensors[1]).ok());
}

// Each part is read by its own name, in whatever type the whole is stored.
TEST(Gguf, ATensorOfSeveralIsTakenApart) {
    constexpr uint32_t kQ8_0Type = 8;
    std::string rows;  // five of 64 numbers: two blocks of a scale and 32 bytes
    for (int block = 0; block < 10; ++block) {
        rows += Raw<uint16_t>(0x3c00);  // 1
        for (int i = 0; i < 32; ++i) rows += static_cast<char>(block * 10 + i % 7);
    }
    const TestFolder folder;
    const auto open = [&](const GgufBuilder& builder) {
        return GgufFile::Open(folder.Write("m.gguf", builder.Build())).value();
    };
    const auto file = open(GgufBuilder()
                               .Tensor("qkv", {64, 5}, kQ8_0Type, rows)
                               .Tensor("bias", {3}, kF32Type, Raw(1.0f) + Raw(2.0f) + Raw(3.0f)));
    const std::vector<float> whole = ReadTensor(*file->Find("qkv")).value();
    ASSERT_TRUE(file->SplitRows("qkv", {{"q", 2}, {"k", 1}, {"v", 2}}).ok());
    ASSERT_TRUE(file->SplitRows("bias", {{"b", 1}, {"c", 2}}).ok());
    EXPECT_TRUE(file->SplitRows("other", {{"x", 1}}).ok());
    EXPECT_EQ(file->Find("qkv"), nullptr);
    std::vector<float> joined;
    for (const auto& [name, count] : {std::pair("q", 2), std::pair("k", 1), std::pair("v", 2)}) {
        EXPECT_EQ(file->Find(name)->shape, (std::vector<int64_t>{count, 64}));
        const std::vector<float> part = ReadTensor(*file->Find(name)).value();
        joined.insert(joined.end(), part.begin(), part.end());
    }
    EXPECT_EQ(joined, whole);
    EXPECT_EQ(ReadTensor(*file->Find("c")).value(), (std::vector<float>{2, 3}));
    const auto error = [&](const std::vector<std::pair<std::string, int64_t>>& parts) {
        const auto twice = open(GgufBuilder()
                                    .Tensor("qkv", {64, 5}, kQ8_0Type, rows)
                                    .Tensor("k", {1}, kF32Type, Raw(1.0f))
                                    .Tensor("flat", {64}, kQ8_0Type, rows.substr(0, 68)));
        EXPECT_TRUE(twice->SplitRows("qkv", {}).ok());
        EXPECT_THAT(std::string(twice->SplitRows("flat", {{"f", 64}}).message()),
                    HasSubstr("cannot be cut"));
        const absl::Status status = twice->SplitRows("qkv", parts);
        EXPECT_EQ(KindOf(status), ErrorKind::kModel);
        return std::string(status.message());
    };
    EXPECT_THAT(error({{"q", 2}, {"v", 2}}), HasSubstr("shape [5, 64] cannot be cut into 4 rows"));
    EXPECT_THAT(error({{"q", 2}, {"k", 3}}), HasSubstr("tensor \"k\" beside \"qkv\""));
}

}  // namespace
}  // namespace hone
