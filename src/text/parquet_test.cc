#include "text/parquet.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/files/testing.h"
#include "base/limits.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

std::string Path(const std::string& name) {
    return std::string(HONE_SOURCE_DIR) + "/src/text/testdata/" + name;
}

absl::StatusOr<std::vector<std::string>> AllRows(const std::string& path, size_t batch) {
    HONE_ASSIGN_OR_RETURN(auto reader, ParquetReader::Open(path));
    std::vector<std::string> rows;
    while (true) {
        HONE_ASSIGN_OR_RETURN(std::vector<std::string> some, reader->ReadBatch(batch));
        EXPECT_LE(some.size(), batch);
        if (some.empty()) return rows;
        rows.insert(rows.end(), some.begin(), some.end());
    }
}

class ParquetLayout : public testing::TestWithParam<const char*> {};

TEST_P(ParquetLayout, RowsAreTheJsonThatPythonWrites) {
    const std::string path = Path(fmt::format("rows.{}.parquet", GetParam()));
    const auto expected =
        nlohmann::json::parse(*ReadFile(Path("rows.jsonl.json"))).get<std::vector<std::string>>();
    for (const size_t batch : {size_t{1}, size_t{7}, size_t{25}, size_t{1000}}) {
        auto rows = AllRows(path, batch);
        ASSERT_TRUE(rows.ok()) << rows.status();
        EXPECT_EQ(*rows, expected) << "batch " << batch;
    }
    auto reader = ParquetReader::Open(path);
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->num_rows(), 40);
    EXPECT_EQ((*reader)->columns(),
              (std::vector<std::string>{"id", "text", "score", "good", "messages", "meta"}));
}

INSTANTIATE_TEST_SUITE_P(All, ParquetLayout,
                         testing::Values("none", "snappy", "gzip", "zstd", "lz4", "brotli",
                                         "delta_v1", "delta_v2"));

TEST(ParquetTest, RarerTypes) {
    auto rows = AllRows(Path("types.parquet"), 10);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ(
        (*rows)[0],
        R"({"i8":-128,"u64":18446744073709551615,"f32":0.1,"f64":1e300,"day":"2024-02-29",)"
        R"("time":"2024-02-29T01:02:03.450","price":-12.30,"bytes":"café","map":{"k":1,"l":2}})");
    EXPECT_EQ((*rows)[1], R"({"i8":null,"u64":0,"f32":null,"f64":null,"day":"1969-12-31",)"
                          R"("time":null,"price":0.07,"bytes":"","map":{}})");
}

TEST(ParquetTest, BytesThatAreNotUtf8AreAnErrorWithTheRow) {
    auto reader = ParquetReader::Open(Path("not_utf8.parquet"));
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_TRUE((*reader)->ReadBatch(1).ok());
    const auto rows = (*reader)->ReadBatch(1);
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ(KindOf(rows.status()), ErrorKind::kData);
    EXPECT_NE(rows.status().message().find("row 2: column 'raw': not UTF-8"), std::string::npos)
        << rows.status();
    EXPECT_FALSE((*reader)->ReadBatch(1).ok()) << "after an error nothing more is read";
}

TEST(ParquetTest, NoParquetFile) {
    for (const std::string_view bytes :
         {std::string_view(""), std::string_view("PAR1"), std::string_view("PAR1PAR1"),
          std::string_view("PAR1\xff\xff\xff\x7fPAR1"),
          std::string_view("{\"a\": 1}\n{\"a\": 2}\n")}) {
        const TestFolder folder;
        const std::string path = folder.Write("made.parquet", bytes);
        const auto reader = ParquetReader::Open(path);
        ASSERT_FALSE(reader.ok());
        EXPECT_EQ(KindOf(reader.status()), ErrorKind::kData);
        EXPECT_NE(reader.status().message().find(path), std::string::npos);
    }
    EXPECT_FALSE(ParquetReader::Open("/no/such/file").ok());
    EXPECT_FALSE(ParquetReader::Open("/tmp").ok());
}

// A file without rows whose one column, an INT32, lies within so many groups.
std::string NestedParquet(size_t groups) {
    std::string footer("\x15\x02\x19\xfc", 4);  // version 1; a list of structs, the schema
    size_t count = groups + 2;
    for (; count > 0x7f; count >>= 7) footer += static_cast<char>(count | 0x80);
    footer += static_cast<char>(count);
    footer += std::string("\x48\x01r\x15\x02\x00", 6);  // the root "r": 1 child
    for (size_t i = 0; i < groups; ++i)
        footer += std::string("\x35\x02\x18\x01g\x15\x02\x00", 8);  // optional, "g", 1 child
    footer += std::string("\x15\x02\x25\x00\x18\x01x\x00", 8);      // INT32, required, "x"
    footer += std::string("\x16\x00\x19\x0c\x00", 5);               // 0 rows, no row groups
    std::string length(4, '\0');
    for (int i = 0; i < 4; ++i) length[i] = static_cast<char>(footer.size() >> (8 * i));
    return "PAR1" + footer + length + "PAR1";
}

TEST(ParquetTest, SchemasNestAsDeepAsTheLimit) {
    const TestFolder folder;
    const std::string path = folder.Write("made.parquet", NestedParquet(kMaxParquetDepth));
    auto reader = ParquetReader::Open(path);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ((*reader)->columns(), std::vector<std::string>{"g"});
    auto rows = (*reader)->ReadBatch(1);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE(rows->empty());
}

// A hundred thousand are more than a stack holds.
TEST(ParquetTest, SchemasThatNestDeeperAreRefused) {
    for (const size_t groups : {kMaxParquetDepth + 1, size_t{100'000}}) {
        const TestFolder folder;
        const std::string path = folder.Write("made.parquet", NestedParquet(groups));
        const auto reader = ParquetReader::Open(path);
        ASSERT_FALSE(reader.ok()) << groups;
        EXPECT_EQ(KindOf(reader.status()), ErrorKind::kData);
        EXPECT_NE(reader.status().message().find("nests deeper than 128 groups"), std::string::npos)
            << reader.status();
    }
}

// A file of 4 KB, found by the fuzzer, whose dictionary says that it holds 1.7 billion values.
TEST(ParquetTest, DictionariesThatClaimMoreThanTheyHoldAreRefused) {
    auto rows =
        AllRows(std::string(HONE_SOURCE_DIR) + "/src/text/corpus/parquet_fuzz/huge_dictionary", 10);
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ(KindOf(rows.status()), ErrorKind::kData);
    EXPECT_NE(rows.status().message().find("a dictionary of "), std::string::npos) << rows.status();
}

TEST(ParquetTest, DamagedBytesAreAnErrorOrOtherRows) {
    const std::string good = *ReadFile(Path("rows.zstd.parquet"));
    TestRandom random(99);
    const TestFolder folder;
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        std::string bytes = good;
        for (int flips = round % 4; flips >= 0; --flips) {
            bytes[random.Next() % bytes.size()] = static_cast<char>(random.Next());
        }
        if (round % 10 == 0) bytes.resize(random.Next() % bytes.size());
        auto rows = AllRows(folder.Write("damaged.parquet", bytes), 16);
        if (!rows.ok()) {
            ++refused;
            EXPECT_EQ(KindOf(rows.status()), ErrorKind::kData);
            continue;
        }
        for (const std::string& row : *rows) EXPECT_TRUE(nlohmann::json::accept(row)) << row;
    }
    EXPECT_GT(refused, 40);
}

}  // namespace
}  // namespace hone
