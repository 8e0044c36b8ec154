#include "data/read/row_reader.h"

#include <gmock/gmock.h>

#include "base/files/file.h"
#include "base/limits.h"
#include "data/read/test_support.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

// Every row as JSON, or "line:column reason" where it is bad.
std::vector<std::string> ReadAll(const std::string& path, std::string_view forced = "",
                                 const std::string& cache = "") {
    auto format = DetectFileFormat(path, forced);
    if (!format.ok()) return {std::string(format.status().message())};
    auto reader = RowReader::Open(path, *format, {.cache_folder = cache});
    if (!reader.ok()) return {std::string(reader.status().message())};
    std::vector<std::string> rows;
    RawRow raw;
    for (;;) {
        auto any = (*reader)->Next(&raw);
        if (!any.ok()) {
            rows.push_back(std::string(any.status().message()));
            return rows;
        }
        if (!*any) return rows;
        ordered_json row;
        ParseProblem problem{raw.line, raw.column, raw.error};
        if (raw.error.empty() && (*reader)->ParseRow(raw, &row, &problem)) {
            rows.push_back(row.dump());
        } else {
            rows.push_back(fmt::format("{}:{} {}", problem.line, problem.column, problem.reason));
        }
    }
}

using RowTexts = std::vector<std::string>;

TEST(RowReader, JsonLines) {
    TestFolder folder;
    EXPECT_EQ(ReadAll(folder.Write("a.jsonl",
                                   "{\"b\":1,\"a\":[null,true,-2.5]}\n\n  \r\n{\"x\":\"é\"}\r\n")),
              (RowTexts{R"({"b":1,"a":[null,true,-2.5]})", R"({"x":"é"})"}));
    // No line end at the end, a byte order mark at the start, numbers beyond 64 bits, equal keys.
    EXPECT_EQ(ReadAll(folder.Write(
                  "b.jsonl", "\xEF\xBB\xBF{\"n\":123456789012345678901234567890,\"a\":1,\"a\":2}")),
              (RowTexts{R"({"n":1.2345678901234568e+29,"a":2})"}));
    EXPECT_EQ(ReadAll(folder.Write("empty.jsonl", "")), RowTexts());
}

TEST(RowReader, JsonLinesSayWhereTheyAreBroken) {
    TestFolder folder;
    const RowTexts rows = ReadAll(folder.Write("a.jsonl",
                                               "{\"a\":1}\n"
                                               "{\"a\":nul}\n"
                                               "[1]\n"
                                               "{\"a\":1} x\n"
                                               "\"text\"\n"
                                               "{\"a\":\"\xFF\"}\n"
                                               "{\"a\":\n"
                                               "{\"a\":2}\n"));
    ASSERT_EQ(rows.size(), 8u);
    EXPECT_EQ(rows[0], R"({"a":1})");
    EXPECT_EQ(rows[1].substr(0, 35), "2:9 malformed JSON: invalid literal");
    EXPECT_EQ(rows[2].substr(0, 34), "3:1 a row must be a JSON object, t");
    EXPECT_EQ(rows[3].substr(0, 20), "4:9 malformed JSON: ");
    EXPECT_EQ(rows[4], "5:1 a row must be a JSON object, this is a string");
    EXPECT_EQ(rows[5].substr(0, 20), "6:7 malformed JSON: ") << rows[5];
    EXPECT_NE(rows[5].find("UTF-8"), std::string::npos) << rows[5];
    EXPECT_EQ(rows[6].substr(0, 20), "7:6 malformed JSON: ") << rows[6];
    EXPECT_EQ(rows[7], R"({"a":2})");
}

TEST(RowReader, DepthAndWidthHaveLimits) {
    auto parse = [](const std::string& text) {
        RawRow raw;
        raw.line = 7;
        raw.text = text;
        ordered_json row;
        ParseProblem problem;
        return ParseJsonRow(raw, &row, &problem)
                   ? std::string("ok")
                   : fmt::format("{}:{} {}", problem.line, problem.column, problem.reason);
    };
    auto nested = [](size_t depth) {
        return "{\"a\":" + std::string(depth - 1, '[') + "1" + std::string(depth - 1, ']') + "}";
    };
    EXPECT_EQ(parse(nested(kMaxJsonDepth)), "ok");
    EXPECT_EQ(parse(nested(kMaxJsonDepth + 1)), "7:1 nested more than 128 levels deep");
    EXPECT_EQ(parse(nested(1'000'000)), "7:1 nested more than 128 levels deep");
    EXPECT_EQ(parse("{\"a\":" + std::string(1'000'000, '[')),
              "7:1 nested more than 128 levels deep");
    auto wide = [](size_t members, std::string_view last) {
        std::string text = "{";
        for (size_t i = 0; i < members; ++i) text += fmt::format("\"{}\":{},", i, last);
        text.back() = '}';
        return text;
    };
    EXPECT_EQ(parse(wide(kMaxRowFields, "1")), "ok");
    EXPECT_NE(parse(wide(kMaxRowFields + 1, "1")).find("more than 4096 members"),
              std::string::npos);
    // The slow path, which numbers beyond 64 bits take, has the same limit.
    EXPECT_EQ(parse(wide(kMaxRowFields, "99999999999999999999")), "ok");
    EXPECT_NE(parse(wide(kMaxRowFields + 1, "99999999999999999999")).find("more than 4096 members"),
              std::string::npos);
}

TEST(RowReader, LongestLine) {
    TestFolder folder;
    auto row = [](size_t bytes) {
        return fmt::format("{{\"a\":\"{}\"}}", std::string(bytes - 8, 'x'));
    };
    const std::string path = folder.Write(
        "a.jsonl", row(kMaxLineBytes) + "\n" + row(kMaxLineBytes + 1) + "\n{\"a\":1}\n");
    const RowTexts rows = ReadAll(path);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].size(), kMaxLineBytes);
    EXPECT_EQ(rows[1], "2:1 longer than the limit of 64 MiB for one row");
    EXPECT_EQ(rows[2], R"({"a":1})");
    const std::string array = folder.Write(
        "a.json", "[" + row(kMaxLineBytes) + "," + row(kMaxLineBytes + 1) + "\n,{\"a\":1}]");
    const RowTexts elements = ReadAll(array);
    ASSERT_EQ(elements.size(), 3u);
    EXPECT_EQ(elements[0].size(), kMaxLineBytes);
    EXPECT_EQ(elements[1],
              fmt::format("1:{} longer than the limit of 64 MiB for one row", kMaxLineBytes + 3));
    EXPECT_EQ(elements[2], R"({"a":1})");
}

TEST(RowReader, JsonArrays) {
    TestFolder folder;
    EXPECT_EQ(ReadAll(folder.Write("a.json", " [ {\"a\": \"],[\\\"\"} ,\n{\"b\":[{},[]]}\n]\n")),
              (RowTexts{R"({"a":"],[\""})", R"({"b":[{},[]]})"}));
    EXPECT_EQ(ReadAll(folder.Write("b.json", "[]")), RowTexts());
    EXPECT_EQ(ReadAll(folder.Write("c.json", "")), RowTexts());
    EXPECT_EQ(ReadAll(folder.Write("d.json", "  \n")), RowTexts());
    // JSON lines under the name of .json, as the Python library writes them.
    EXPECT_EQ(ReadAll(folder.Write("e.json", "{\"a\":1}\n{\"a\":2}\n")),
              (RowTexts{R"({"a":1})", R"({"a":2})"}));
}

TEST(RowReader, BrokenJsonArrays) {
    TestFolder folder;
    RowTexts rows = ReadAll(folder.Write("a.json", "[\n {\"a\":1},\n {\"a\":x},\n {\"a\":3}\n]"));
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1].substr(0, 20), "3:7 malformed JSON: ") << rows[1];
    EXPECT_EQ(rows[2], R"({"a":3})");
    const std::string stop = "; nothing after it was read";
    EXPECT_EQ(
        ReadAll(folder.Write("b.json", "[{\"a\":1}, {\"a\":")),
        (RowTexts{R"({"a":1})",
                  "1:16 malformed JSON: the file ends inside the array: it is cut off" + stop}));
    EXPECT_EQ(ReadAll(folder.Write("c.json", "[{\"a\":1},]")),
              (RowTexts{R"({"a":1})",
                        "1:10 malformed JSON: a row is missing before this character" + stop}));
    EXPECT_EQ(ReadAll(folder.Write("d.json", "[{\"a\":1}]\n5")),
              (RowTexts{R"({"a":1})",
                        "2:1 malformed JSON: something follows the end of the array" + stop}));
    EXPECT_EQ(
        ReadAll(folder.Write("e.json", "[")),
        (RowTexts{"1:2 malformed JSON: the file ends inside the array: it is cut off" + stop}));
    EXPECT_EQ(ReadAll(folder.Write("f.json", "[1, \"a]\"]")),
              (RowTexts{"1:2 a row must be a JSON object, this is a number",
                        "1:5 a row must be a JSON object, this is a string"}));
    // Two lines in one row: the column counts from the line's own start.
    rows = ReadAll(folder.Write("g.json", "[{\"a\":1,\n\"b\" 2}]"));
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].substr(0, 20), "2:5 malformed JSON: ") << rows[0];
}

TEST(RowReader, CsvQuoting) {
    TestFolder folder;
    EXPECT_EQ(ReadAll(folder.Write("a.csv",
                                   "text,label\r\n"
                                   "plain,1\r\n"
                                   "\"a, \"\"b\"\"\nc\",2\r\n"
                                   "\n"
                                   "a 5\" pipe,\"\"\n"
                                   ",x")),
              (RowTexts{R"({"text":"plain","label":"1"})", R"({"text":"a, \"b\"\nc","label":"2"})",
                        R"({"text":"a 5\" pipe","label":""})", R"({"text":"","label":"x"})"}));
    EXPECT_EQ(ReadAll(folder.Write("b.tsv", "a\tb\n1,2\t\"x\ty\"\n")),
              (RowTexts{R"({"a":"1,2","b":"x\ty"})"}));
    EXPECT_EQ(ReadAll(folder.Write("c.csv", "\xEF\xBB\xBF\"text\",\n1,2\n")),
              (RowTexts{R"({"text":"1","column 2":"2"})"}));
    EXPECT_EQ(ReadAll(folder.Write("empty.csv", "")), RowTexts());
    EXPECT_EQ(ReadAll(folder.Write("header.csv", "a,b\n")), RowTexts());
}

TEST(RowReader, BrokenCsv) {
    TestFolder folder;
    EXPECT_EQ(
        ReadAll(folder.Write("a.csv", "a,b\n1\n1,2,3\n\"x\"y,2\n\"p\nq\"z,2\n3,\xFFz\n4,5\n")),
        (RowTexts{
            "2:0 1 fields where the header has 2", "3:0 3 fields where the header has 2",
            "4:4 a quoted field goes on after its closing quote (a quote inside a quoted field "
            "is written twice)",
            "6:3 a quoted field goes on after its closing quote (a quote inside a quoted field "
            "is written twice)",
            "7:3 this byte is not UTF-8 (0xFF): save the file as UTF-8", R"({"a":"4","b":"5"})"}));
    EXPECT_EQ(ReadAll(folder.Write("b.csv", "a,b\n1,2\n3,\"never\nclosed\n")),
              (RowTexts{R"({"a":"1","b":"2"})",
                        "3:3 this quote is never closed; nothing after it was read"}));
    const RowTexts twice = ReadAll(folder.Write("c.csv", "a,a\n1,2\n"));
    ASSERT_EQ(twice.size(), 1u);
    EXPECT_NE(twice[0].find("two columns are called \"a\""), std::string::npos);
}

// Every row, and what the reader notes about the file behind them.
RowTexts ReadWithNotes(const std::string& path, char separator = 0) {
    RowTexts rows;
    auto reader = RowReader::Open(path, *DetectFileFormat(path, ""), {.csv_separator = separator});
    if (!reader.ok()) return {std::string(reader.status().message())};
    RawRow raw;
    for (;;) {
        auto any = (*reader)->Next(&raw);
        if (!any.ok() || !*any) break;
        ordered_json row;
        ParseProblem problem{raw.line, raw.column, raw.error};
        const bool good = raw.error.empty() && (*reader)->ParseRow(raw, &row, &problem);
        rows.push_back(good ? row.dump() : fmt::format("{} {}", problem.line, problem.reason));
    }
    for (std::string note : (*reader)->notes()) {
        if (const size_t at = note.find(path); at != std::string::npos)
            note.replace(at, path.size(), "FILE");
        rows.push_back(note);
    }
    return rows;
}

TEST(RowReader, CarriageReturnsAloneEndLines) {
    TestFolder folder;
    const std::string note = "The lines of FILE end in CR alone (0x0D).";
    EXPECT_EQ(ReadWithNotes(folder.Write("a.csv", "q,a\rfirst,one\rsecond,\"t\rw\no\"\r")),
              (RowTexts{R"({"q":"first","a":"one"})", R"({"q":"second","a":"t\nw\no"})", note}));
    EXPECT_EQ(
        ReadWithNotes(folder.Write("b.txt", "first\rsecond\r\rthird")),
        (RowTexts{R"({"text":"first"})", R"({"text":"second"})", R"({"text":"third"})", note}));
    EXPECT_EQ(ReadWithNotes(folder.Write("c.jsonl", "{\"a\":1}\r{\"a\":2}\r")),
              (RowTexts{R"({"a":1})", R"({"a":2})", note}));
    // Where LF ends lines, CR is content.
    EXPECT_EQ(ReadWithNotes(folder.Write("d.txt", "10 %\r20 %\nnext\r\n")),
              (RowTexts{R"({"text":"10 %\r20 %"})", R"({"text":"next"})"}));
}

TEST(RowReader, SeparatorsAreFound) {
    TestFolder folder;
    auto note = [](std::string_view name) {
        return fmt::format("The columns of FILE are separated by {}.", name);
    };
    EXPECT_EQ(ReadWithNotes(folder.Write("a.csv", "q;a\n1,5?;yes, \"it\" is\n\"x;y\";z\n")),
              (RowTexts{R"({"q":"1,5?","a":"yes, \"it\" is"})", R"({"q":"x;y","a":"z"})",
                        note("semicolons")}));
    EXPECT_EQ(ReadWithNotes(folder.Write("b.csv", "q\ta\r\n1,5\t2\r\n")),
              (RowTexts{R"({"q":"1,5","a":"2"})", note("tabs")}));
    EXPECT_EQ(ReadWithNotes(folder.Write("c.csv", "sep=;\nq;a\n1;2\n")),
              (RowTexts{R"({"q":"1","a":"2"})", note("semicolons")}));
    EXPECT_EQ(ReadWithNotes(folder.Write("d.tsv", "q,a\n1,2\n")),
              (RowTexts{R"({"q":"1","a":"2"})", note("commas")}));
    // Semicolons in the texts of a comma's file, one column of texts, a broken row.
    EXPECT_EQ(ReadWithNotes(folder.Write("e.csv", "q,a\n1;2;3,4\n5;6;7,8\n")),
              (RowTexts{R"({"q":"1;2;3","a":"4"})", R"({"q":"5;6;7","a":"8"})"}));
    EXPECT_EQ(ReadWithNotes(folder.Write("f.csv", "text\na;b\nc\n")),
              (RowTexts{R"({"text":"a;b"})", R"({"text":"c"})"}));
    EXPECT_EQ(ReadWithNotes(folder.Write("g.csv", "q,a\n1;2,3\n4\n")),
              (RowTexts{R"({"q":"1;2","a":"3"})", "3 1 fields where the header has 2"}));
    // A large file is seen up to a record that is cut off.
    std::string large = "q;a\n";
    while (large.size() < (size_t{1} << 18) - 20'000) large += std::string(50'000, 'x') + ";y\n";
    large += std::string(50'000, 'x') + ";y\n";
    EXPECT_EQ(ReadWithNotes(folder.Write("i.csv", large)).back(), note("semicolons"));
    large = "q,a\n";
    while (large.size() < (size_t{1} << 18) - 20'000) large += std::string(50'000, ';') + ",y\n";
    large += std::string(50'000, ';') + ",y\n";
    EXPECT_THAT(ReadWithNotes(folder.Write("j.csv", large)).back(),
                testing::EndsWith(R"("a":"y"})"));
    // Or said.
    EXPECT_EQ(ReadWithNotes(folder.Write("h.csv", "q,x#a\n1#2\n"), '#'),
              (RowTexts{R"({"q,x":"1","a":"2"})", note("\"#\"")}));
}

TEST(RowReader, OtherEncodings) {
    TestFolder folder;
    EXPECT_EQ(
        ReadWithNotes(folder.Write("a.csv", "q,a\nCaf\xE9 \x80 5,na\xEFve \x93x\x94\n")),
        (RowTexts{
            R"({"q":"Café € 5","a":"naïve “x”"})",
            "FILE was read as Windows-1252 (\"Café\"); if that is wrong, save it as UTF-8."}));
    std::string utf16 = "\xFF\xFE";
    for (char c : std::string("{\"a\":\"x\"}\n")) utf16 += {c, '\0'};
    utf16.insert(utf16.size() - 6, {'\x3D', '\xD8', '\x00', '\xDE'});  // U+1F600 behind the x
    EXPECT_EQ(ReadWithNotes(folder.Write("b.jsonl", utf16)),
              (RowTexts{"{\"a\":\"x\xF0\x9F\x98\x80\"}", "FILE was read as UTF-16."}));
    std::string big = "\xFE\xFF";
    for (char c : std::string("a,b\r\n1,2\r\n")) big += {'\0', c};
    EXPECT_EQ(ReadWithNotes(folder.Write("c.csv", big)),
              (RowTexts{R"({"a":"1","b":"2"})", "FILE was read as UTF-16."}));
    // JSON is UTF-8 or broken; a file of both is neither; Cyrillic and Polish pages are not
    // Western.
    EXPECT_THAT(ReadWithNotes(folder.Write("d.jsonl", "{\"a\":\"caf\xE9\"}\n")),
                testing::ElementsAre(testing::HasSubstr("UTF-8")));
    EXPECT_THAT(ReadWithNotes(folder.Write("e.txt", "caf\xC3\xA9\ncaf\xE9 x\n")),
                testing::ElementsAre(R"({"text":"café"})",
                                     testing::HasSubstr("as Windows-1252 it would be \"café\"")));
    EXPECT_THAT(ReadWithNotes(folder.Write("f.txt", "\xEF\xF0\xE8\xE2\xE5\xF2 x\n")),
                testing::ElementsAre("1 this byte is not UTF-8 (0xEF): save the file as UTF-8"));
    EXPECT_THAT(ReadWithNotes(folder.Write("g.txt", "g\xB3owa kot\n")),
                testing::ElementsAre("1 this byte is not UTF-8 (0xB3): save the file as UTF-8"));
}

TEST(RowReader, IndentedAndWrappedJson) {
    TestFolder folder;
    const RowTexts both = {R"({"a":{"b":1}})", R"({"a":2})"};
    EXPECT_EQ(
        ReadWithNotes(folder.Write("a.jsonl", "{\n \"a\": {\n  \"b\": 1\n }\n}{\n\"a\":2\n}\n")),
        both);
    EXPECT_EQ(ReadWithNotes(folder.Write("b.json", "{\n\"a\":{\"b\":1}\n},\n{\n\"a\":2\n}")), both);
    EXPECT_EQ(ReadWithNotes(folder.Write("c.jsonl", "[{\"a\":{\"b\":1}},\n{\"a\":2}]")), both);
    const std::string note = "The rows of FILE were taken from its member \"data\"";
    EXPECT_EQ(ReadWithNotes(folder.Write("d.json", "{\"data\": [{\"a\":{\"b\":1}},{\"a\":2}]}")),
              (RowTexts{both[0], both[1], note + "."}));
    EXPECT_EQ(ReadWithNotes(folder.Write("e.json",
                                         "{\n\"version\": [1],\n\"data\": [\n{\"a\":{\"b\":1}},\n"
                                         "{\"a\":2}\n],\n\"test\": [{\"a\":3}]\n}\n")),
              (RowTexts{both[0], both[1], note + "; not read: \"version\", \"test\"."}));
    // So in a large one whose first piece ends inside a text.
    const std::string text(size_t{1} << 19, 'x');
    EXPECT_EQ(ReadWithNotes(folder.Write(
                  "j.json", "{\"data\":[{\"a\":\"" + text + "\"},{\"a\":2}],\"n\":1}")),
              (RowTexts{"{\"a\":\"" + text + "\"}", both[1], note + "; not read: \"n\"."}));
    EXPECT_EQ(ReadWithNotes(folder.Write("k.json", "{\"a\":\"" + text + "\"}\n{\"a\":2}\n")),
              (RowTexts{"{\"a\":\"" + text + "\"}", both[1]}));
    // A member of that name that holds no rows is a member.
    EXPECT_EQ(ReadWithNotes(folder.Write("f.json", "{\n\"data\": [1],\n\"a\": 2\n}")),
              (RowTexts{R"({"data":[1],"a":2})"}));
    const std::string stop = "; nothing after it was read";
    EXPECT_EQ(
        ReadWithNotes(folder.Write("g.json", "{\n\"a\": 1\n}\n{\n\"a\":")),
        (RowTexts{
            R"({"a":1})",
            "5 malformed JSON: the file ends inside the object of line 4: it is cut off" + stop}));
    EXPECT_EQ(ReadWithNotes(folder.Write("h.json", "{\"data\":\n[{\"a\":1}]} 5")),
              (RowTexts{R"({"a":1})",
                        "2 malformed JSON: something follows the object that holds the rows" + stop,
                        note + "."}));
    // A first line that is cut off does not take the others with it.
    EXPECT_THAT(
        ReadWithNotes(folder.Write("i.jsonl", "{\"a\":[{\n{\"a\":2}\n{\"a\":3}\n")),
        testing::ElementsAre(testing::HasSubstr("1 malformed"), R"({"a":2})", R"({"a":3})"));
}

TEST(RowReader, WhatOtherToolsWriteHasASentence) {
    TestFolder folder;
    EXPECT_THAT(
        ReadAll(folder.Write("a.jsonl",
                             "{'a': 'b'}\n{\"a\": NaN}\n{\"a\": -Infinity}\n{\"a\": None}\n"
                             "{\"a\": 1},\n")),
        testing::ElementsAre(
            testing::HasSubstr(
                "this is Python's repr, with single quotes; write rows with json.dumps"),
            testing::HasSubstr("NaN is no JSON, though Python's json.dumps writes it"),
            testing::HasSubstr("Infinity is no JSON"), testing::HasSubstr("None is Python's word"),
            testing::HasSubstr("a comma follows the row")));
}

TEST(RowReader, GitLfsPointersAreNamed) {
    TestFolder folder;
    const RowTexts rows = ReadAll(folder.Write(
        "a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"));
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_THAT(rows[0], testing::HasSubstr("a.csv is a Git LFS pointer, not the file"));
}

TEST(RowReader, CsvLimits) {
    TestFolder folder;
    auto header = [](size_t columns) {
        std::string text;
        for (size_t i = 0; i < columns; ++i) text += fmt::format("c{},", i);
        text.pop_back();
        return text + "\n";
    };
    EXPECT_EQ(ReadAll(folder.Write("a.csv", header(kMaxRowFields))), RowTexts());
    const RowTexts wide = ReadAll(folder.Write("b.csv", header(kMaxRowFields + 1)));
    ASSERT_EQ(wide.size(), 1u);
    EXPECT_NE(wide[0].find("more than 4096 columns"), std::string::npos) << wide[0];
    const RowTexts longest =
        ReadAll(folder.Write("c.csv", "a\n" + std::string(kMaxLineBytes, 'x') + "\n" +
                                          std::string(kMaxLineBytes + 1, 'y') + "\nz\n"));
    ASSERT_EQ(longest.size(), 3u);
    EXPECT_EQ(longest[0].size(), kMaxLineBytes + 8);
    EXPECT_EQ(longest[1], "3:1 longer than the limit of 64 MiB for one row");
    EXPECT_EQ(longest[2], R"({"a":"z"})");
}

TEST(RowReader, Text) {
    TestFolder folder;
    EXPECT_EQ(ReadAll(folder.Write("a.txt", "one\n\n two \r\nth\xC3ree\nfour")),
              (RowTexts{R"({"text":"one"})", R"({"text":" two "})",
                        "4:3 this byte is not UTF-8 (0xC3): save the file as UTF-8",
                        R"({"text":"four"})"}));
}

TEST(RowReader, Parquet) {
    const std::string path = std::string(HONE_SOURCE_DIR) + "/src/data/testdata/rows.parquet";
    const RowTexts rows = ReadAll(path);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1],
              R"({"messages":[{"role":"user","content":"What is 1 + 1?"},{"role":"assistant",)"
              R"("content":"2"}],"source":"counting"})");
    TestFolder folder;
    auto bytes = ReadFile(path);
    ASSERT_TRUE(bytes.ok());
    const std::string packed = WriteGzip(folder, "rows.parquet.gz", *bytes);
    EXPECT_EQ(ReadAll(packed, "", folder / "cache"), rows);
    EXPECT_TRUE(std::filesystem::is_empty(folder / "cache"));
    EXPECT_NE(ReadAll(packed)[0].find("no cache folder"), std::string::npos);
    const RowTexts cut = ReadAll(folder.Write("cut.parquet", bytes->substr(0, bytes->size() / 2)));
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_NE(cut[0].find("cut.parquet"), std::string::npos) << cut[0];
}

TEST(RowReader, ParquetOfDatasetsNamesItsClasses) {
    const std::string folder = std::string(HONE_SOURCE_DIR) + "/src/data/testdata/";
    const auto reader = [&](const char* name) {
        return RowReader::Open(folder + name, FileFormat::kParquet, {}).value();
    };
    const auto classes = reader("classes.parquet");
    EXPECT_EQ(classes->ClassNames("label"), (std::vector<std::string>{"neg", "pos"}));
    EXPECT_TRUE(classes->ClassNames("text").empty());
    EXPECT_TRUE(classes->ClassNames("other").empty());
    EXPECT_TRUE(reader("rows.parquet")->ClassNames("source").empty());
}

TEST(RowReader, Gzip) {
    TestFolder folder;
    EXPECT_EQ(ReadAll(WriteGzip(folder, "a.jsonl.gz", "{\"a\":1}\n{\"a\":2}\n")),
              (RowTexts{R"({"a":1})", R"({"a":2})"}));
    EXPECT_EQ(ReadAll(WriteGzip(folder, "b.CSV.GZ", "a\n1\n")), (RowTexts{R"({"a":"1"})"}));
    EXPECT_EQ(ReadAll(WriteGzip(folder, "c.json.gz", "[{\"a\":1}]")), (RowTexts{R"({"a":1})"}));
    EXPECT_EQ(ReadAll(WriteGzip(folder, "empty.jsonl.gz", "")), RowTexts());
    // Recognised by its bytes, not by its name; not unpacked because of its name.
    EXPECT_EQ(ReadAll(WriteGzip(folder, "d.jsonl", "{\"a\":1}\n")), (RowTexts{R"({"a":1})"}));
    EXPECT_EQ(ReadAll(folder.Write("e.jsonl.gz", "{\"a\":1}\n")), (RowTexts{R"({"a":1})"}));
    // Two members, one after the other.
    auto first = ReadFile(folder / "a.jsonl.gz"), second = ReadFile(folder / "d.jsonl");
    EXPECT_EQ(ReadAll(folder.Write("f.jsonl.gz", *first + *second)).size(), 3u);
    // A larger file, cut off and damaged.
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += fmt::format("{{\"a\":{}}}\n", i * 7919);
    WriteGzip(folder, "g.jsonl.gz", text);
    EXPECT_EQ(ReadAll(folder / "g.jsonl.gz").size(), 50'000u);
    auto whole = ReadFile(folder / "g.jsonl.gz");
    RowTexts rows = ReadAll(folder.Write("h.jsonl.gz", whole->substr(0, whole->size() / 2)));
    EXPECT_NE(rows.back().find("cut off"), std::string::npos) << rows.back();
    std::string damaged = *whole;
    damaged[damaged.size() / 2] ^= 0x55;
    rows = ReadAll(folder.Write("i.jsonl.gz", damaged));
    EXPECT_NE(rows.back().find("damaged gzip"), std::string::npos) << rows.back();
}

TEST(RowReader, FilesThatAreNotData) {
    TestFolder folder;
    EXPECT_NE(ReadAll(folder.Write("a.docx", "x"))[0].find(".jsonl, .json, .csv"),
              std::string::npos);
    EXPECT_EQ(ReadAll(folder.Write("rows", "{\"a\":1}"), "json"), (RowTexts{R"({"a":1})"}));
    EXPECT_EQ(ReadAll(folder.Write("table", "a\n1\n"), "csv"), (RowTexts{R"({"a":"1"})"}));
    EXPECT_EQ(ReadAll(folder.Write("words", "a b\n"), "text"), (RowTexts{R"({"text":"a b"})"}));
    EXPECT_NE(ReadAll(folder / "missing.jsonl")[0].find("No such file"), std::string::npos);
    EXPECT_NE(
        ReadAll(folder.Write("b.txt", std::string_view("\xFF\xFEx\0y", 5))).back().find("UTF-16"),
        std::string::npos);
    std::filesystem::create_directories(folder / "c.jsonl");
    EXPECT_NE(ReadAll(folder / "c.jsonl")[0].find("is a folder"), std::string::npos);
}

// Pieces of the file end anywhere: inside a row, a quote, a character.
TEST(RowReader, RowsAcrossPieces) {
    TestFolder folder;
    std::string lines, csv = "a,b\n", array = "[";
    for (int i = 0; i < 40'000; ++i) {
        const std::string value(static_cast<size_t>(i % 37), 'x');
        lines += fmt::format("{{\"a\":\"é{}\",\"b\":{}}}\n", value, i);
        csv += fmt::format("\"é\"\"\n{}\",{}\n", value, i);
        array += fmt::format("{}{{\"a\":\"[é{}\",\"b\":{}}}", i > 0 ? ",\n" : "", value, i);
    }
    for (const std::string& path : {folder.Write("a.jsonl", lines), folder.Write("a.csv", csv),
                                    folder.Write("a.json", array + "]")}) {
        const RowTexts rows = ReadAll(path);
        ASSERT_EQ(rows.size(), 40'000u) << path;
        for (size_t i = 0; i < rows.size(); ++i) {
            const auto row = ordered_json::parse(rows[i], nullptr, false);
            ASSERT_TRUE(row.is_object()) << path << " " << rows[i];
            const std::string number =
                row["b"].is_string() ? row["b"].get<std::string>() : row["b"].dump();
            ASSERT_EQ(number, std::to_string(i)) << path;
        }
    }
}

}  // namespace
}  // namespace hone
