#include "model/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "model/weights/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testkit::Bytes;
using testkit::SafetensorsOf;

std::string Error(std::string_view header, std::string_view data) {
    std::string file = SafetensorsOf(header, data);
    auto parsed = ParseSafetensors(Bytes(file), "m.safetensors");
    EXPECT_FALSE(parsed.ok()) << header.substr(0, 200);
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kModel);
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("m.safetensors"));
    return std::string(parsed.status().message());
}

std::string Entry(std::string_view name, std::string_view dtype, std::string_view shape,
                  int64_t begin, int64_t end) {
    return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype,
                       shape, begin, end);
}

TEST(Safetensors, ReadsWhatItWrites) {
    TestFolder folder;
    std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
    std::vector<bf16> row = {ToBF16(0.5f), ToBF16(-2)};
    std::vector<f16> half = {ToF16(0.25f)};
    auto bytes = [](const auto& values) {
        return std::span(reinterpret_cast<const uint8_t*>(values.data()),
                         values.size() * sizeof(values[0]));
    };
    std::string path = folder / "model.safetensors";
    ASSERT_TRUE(WriteSafetensors(path,
                                 {{"z \"quoted\"", {2, 3}, DType::kF32, bytes(matrix)},
                                  {"a", {2}, DType::kBF16, bytes(row)},
                                  {"empty", {0, 4}, DType::kF32, {}},
                                  {"scalar", {}, DType::kF16, bytes(half)}},
                                 {{"format", "pt"}})
                    .ok());
    std::string file = testkit::Get(path);
    uint64_t header_bytes;
    std::memcpy(&header_bytes, file.data(), 8);
    EXPECT_EQ(header_bytes % 8, 0u);
    auto parsed = ParseSafetensors(Bytes(file), path);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->metadata.at("format"), "pt");

    auto weights = OpenSafetensors(path);
    ASSERT_TRUE(weights.ok()) << weights.status();
    ASSERT_EQ((*weights)->tensors().size(), 4u);
    EXPECT_EQ((*weights)->Find("none"), nullptr);
    const StoredTensor* stored = (*weights)->Find("z \"quoted\"");
    ASSERT_NE(stored, nullptr);
    EXPECT_EQ(stored->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(*ReadTensor(*stored), matrix);
    float second[3];
    ASSERT_TRUE(ReadRows(*stored, 1, 2, second).ok());
    EXPECT_EQ(second[0], 4);
    EXPECT_EQ(*ReadTensor(*(*weights)->Find("a")), (std::vector<float>{0.5f, -2}));
    EXPECT_EQ(*ReadTensor(*(*weights)->Find("scalar")), std::vector<float>{0.25f});
    EXPECT_TRUE(ReadTensor(*(*weights)->Find("empty"))->empty());
    (*weights)->DropPages();
    EXPECT_EQ(*ReadTensor(*stored), matrix);
}

TEST(Safetensors, HeaderPaddedWithSpacesAndTensorsInAnyOrder) {
    std::string header =
        "{" + Entry("b", "F32", "[1]", 4, 8) + "," + Entry("a", "F32", "[1]", 0, 4) + "}   ";
    std::string file = SafetensorsOf(header, testkit::Floats({1, 2}));
    auto parsed = ParseSafetensors(Bytes(file), "m");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->tensors[0].name, "a");
    EXPECT_EQ(*ReadTensor(parsed->tensors[1]), std::vector<float>{2});
}

TEST(Safetensors, TheFrameMustHold) {
    for (size_t size : {0, 7}) {
        std::string file(size, '\0');
        EXPECT_FALSE(ParseSafetensors(Bytes(file), "m").ok());
    }
    // A header larger than the file, at the limit on headers and one past it.
    std::string at = testkit::Raw<uint64_t>(kMaxHeaderBytes) + "{}";
    EXPECT_THAT(std::string(ParseSafetensors(Bytes(at), "m").status().message()),
                HasSubstr("cut short"));
    std::string past = testkit::Raw<uint64_t>(kMaxHeaderBytes + 1) + "{}";
    EXPECT_THAT(std::string(ParseSafetensors(Bytes(past), "m").status().message()),
                HasSubstr("the limit is"));
    EXPECT_THAT(Error("", ""), HasSubstr("does not start with"));
    EXPECT_THAT(Error(" {}", ""), HasSubstr("does not start with"));
    EXPECT_THAT(Error("{\"a\"", ""), HasSubstr("not valid JSON"));
    EXPECT_THAT(Error("{}", "1"), HasSubstr("end at byte 0 of 1"));
    std::string empty = SafetensorsOf("{}", "");
    EXPECT_TRUE(ParseSafetensors(Bytes(empty), "m").ok());
}

TEST(Safetensors, EveryPrefixOfAFileIsRefused) {
    std::string file =
        SafetensorsOf("{" + Entry("a", "F32", "[2]", 0, 8) + "}", testkit::Floats({1, 2}));
    for (size_t size = 0; size < file.size(); ++size)
        EXPECT_FALSE(ParseSafetensors(Bytes(file).first(size), "m").ok()) << size;
    EXPECT_TRUE(ParseSafetensors(Bytes(file), "m").ok());
}

TEST(Safetensors, EntriesThatLie) {
    std::string eight(8, '\0');
    EXPECT_THAT(Error("{" + Entry("a", "F99", "[2]", 0, 8) + "}", eight),
                HasSubstr("unknown dtype"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[3]", 0, 8) + "}", eight),
                HasSubstr("takes 12 bytes"));
    EXPECT_THAT(Error("{" + Entry("a", "BF16", "[2]", 0, 8) + "}", eight),
                HasSubstr("takes 4 bytes"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[-2]", 0, 8) + "}", eight),
                HasSubstr("not a list of counts"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[2.0]", 0, 8) + "}", eight),
                HasSubstr("not a list of counts"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "2", 0, 8) + "}", eight),
                HasSubstr("no \"shape\" array"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[2]", 8, 0) + "}", eight),
                HasSubstr("lies at bytes 8 to 0"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[2]", 0, 9) + "}", eight), HasSubstr("cut short"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[2]", -4, 4) + "}", eight),
                HasSubstr("data_offsets"));
    EXPECT_THAT(Error("{\"a\": 3}", eight), HasSubstr("not described by an object"));
    EXPECT_THAT(Error("{\"a\": {}}", eight), HasSubstr("no \"dtype\""));
    EXPECT_THAT(Error("{\"\": {}}", eight), HasSubstr("name has 0 bytes"));
    EXPECT_THAT(Error("{\"__metadata__\": {\"a\": 1}}", ""), HasSubstr("not a string"));
    EXPECT_THAT(Error("{\"__metadata__\": []}", ""), HasSubstr("not an object"));
}

TEST(Safetensors, OverlapsHolesAndDuplicates) {
    std::string data(12, '\0');
    EXPECT_THAT(
        Error("{" + Entry("a", "F32", "[2]", 0, 8) + "," + Entry("b", "F32", "[2]", 4, 12) + "}",
              data),
        HasSubstr("overlap"));
    EXPECT_THAT(
        Error("{" + Entry("a", "F32", "[1]", 0, 4) + "," + Entry("b", "F32", "[1]", 8, 12) + "}",
              data),
        HasSubstr("hole"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[1]", 4, 8) + "}", data), HasSubstr("hole"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[2]", 0, 8) + "}", data),
                HasSubstr("end at byte 8 of 12"));
    EXPECT_THAT(
        Error("{" + Entry("a", "F32", "[1]", 0, 4) + "," + Entry("a", "F32", "[2]", 4, 12) + "}",
              data),
        HasSubstr("comes twice"));
}

TEST(Safetensors, RankElementsAndNamesAtTheLimitAndPastIt) {
    auto file_of = [](const std::string& entry, std::string_view data) {
        return SafetensorsOf("{" + entry + "}", data);
    };
    auto ones = [](size_t rank) {
        std::string shape = "[1";
        for (size_t i = 1; i < rank; ++i) shape += ",1";
        return shape + "]";
    };
    std::string four(4, '\0');
    std::string good = file_of(Entry("a", "F32", ones(kMaxTensorRank), 0, 4), four);
    EXPECT_TRUE(ParseSafetensors(Bytes(good), "m").ok());
    EXPECT_THAT(Error("{" + Entry("a", "F32", ones(kMaxTensorRank + 1), 0, 4) + "}", four),
                HasSubstr("dimensions"));

    // At the limit on elements the bytes are what is wrong.
    EXPECT_THAT(
        Error("{" + Entry("a", "F32", fmt::format("[{}]", kMaxTensorElements), 0, 4) + "}", four),
        HasSubstr("its data_offsets span 4"));
    EXPECT_THAT(
        Error("{" + Entry("a", "F32", fmt::format("[{}]", kMaxTensorElements + 1), 0, 4) + "}",
              four),
        HasSubstr("more elements than the limit"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[4294967296,4294967296]", 0, 4) + "}", four),
                HasSubstr("more elements than the limit"));
    EXPECT_THAT(Error("{" + Entry("a", "F32", "[18446744073709551615]", 0, 4) + "}", four),
                HasSubstr("more elements than the limit"));

    std::string named = file_of(Entry(std::string(kMaxNameBytes, 'n'), "F32", "[1]", 0, 4), four);
    EXPECT_TRUE(ParseSafetensors(Bytes(named), "m").ok());
    EXPECT_THAT(
        Error("{" + Entry(std::string(kMaxNameBytes + 1, 'n'), "F32", "[1]", 0, 4) + "}", four),
        HasSubstr("name has 1025 bytes"));
}

TEST(Safetensors, TensorsAtTheLimitAndPastIt) {
    auto many = [](size_t count) {
        std::string header = "{";
        for (size_t i = 0; i < count; ++i)
            header += (i == 0 ? "" : ",") + Entry(std::to_string(i), "U8", "[0]", 0, 0);
        return SafetensorsOf(header + "}", "");
    };
    std::string at = many(kMaxTensors), past = many(kMaxTensors + 1);
    EXPECT_TRUE(ParseSafetensors(Bytes(at), "m").ok());
    EXPECT_THAT(std::string(ParseSafetensors(Bytes(past), "m").status().message()),
                HasSubstr("more than the limit"));
}

TEST(Safetensors, OtherElementTypesAreListedButNotRead) {
    std::string file =
        SafetensorsOf("{" + Entry("ids", "I64", "[1]", 0, 8) + "}", std::string(8, '\0'));
    auto parsed = ParseSafetensors(Bytes(file), "m");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->tensors[0].type, StorageType::kOther);
    auto values = ReadTensor(parsed->tensors[0]);
    EXPECT_THAT(std::string(values.status().message()), HasSubstr("stored as I64"));
}

TEST(Safetensors, AFullDiskLeavesNoFile) {
    TestFolder folder;
    std::string path = folder / "model.safetensors";
    SetFileFault([](std::string_view operation, const std::string&) {
        return operation == "write" ? ENOSPC : 0;
    });
    std::vector<float> value = {1};
    absl::Status status = WriteSafetensors(
        path,
        {{"a", {1}, DType::kF32, std::span(reinterpret_cast<const uint8_t*>(value.data()), 4)}},
        {});
    SetFileFault(nullptr);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace hone
