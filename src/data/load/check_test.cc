#include "data/load/check.h"

#include <gmock/gmock.h>

#include "data/format/test_support.h"

namespace hone {
namespace {

using testing::HasSubstr;

DataCheck Check(const DataOptions& options) {
    auto check = CheckData(options, TestEncoder(), Context(2));
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? *check : DataCheck();
}

TEST(DataCheck, FindsEverything) {
    TestFolder folder;
    std::string rows;
    for (int i = 0; i < 100; ++i) rows += ChatRow(fmt::format("q {}", i), "a");  // lines 1 to 100
    rows += ChatRow("q 7", "a");                                                 // 101 repeats 8
    rows += "not json\n";                                                        // 102
    rows += "{\"text\":\"x\"}\n";                                                // 103
    rows += ChatRow("long", std::string(500, 'x'));                              // 104
    rows += ChatRow(std::string(500, 'y'), "late");  // 105: its answer is cut
    const std::string path = folder.Write("rows.jsonl", rows);
    const DataCheck check = Check({.data_name = path,
                                   .train_split = "train[:8]+train[50:]",
                                   .eval_split = "train[5:50]",
                                   .max_seq_len = 100});
    EXPECT_FALSE(check.ok());
    EXPECT_EQ(check.rows, 105);
    EXPECT_EQ(check.good_rows, 103);
    EXPECT_EQ(check.format, "chat messages");
    ASSERT_EQ(check.bad_row_count, 2);
    EXPECT_EQ(check.bad_rows[0].place.line, 102);
    EXPECT_EQ(check.bad_rows[1].place.line, 103);
    ASSERT_EQ(check.over_length_count, 2);
    EXPECT_EQ(check.over_length[0].line, 104);
    ASSERT_EQ(check.masked_row_count, 1);
    EXPECT_EQ(check.masked_rows[0].place.line, 105);
    ASSERT_EQ(check.duplicate_count, 1);
    EXPECT_EQ(check.duplicates[0].place.line, 101);
    EXPECT_EQ(check.duplicates[0].first.line, 8);
    EXPECT_EQ(check.in_both_splits_count, 3);  // rows 5, 6, 7
    EXPECT_EQ(check.answers, 103);
    EXPECT_EQ(check.ended_answers, 103);
    EXPECT_GT(check.label_tokens, 206);
    EXPECT_LT(check.label_tokens, check.tokens);
    EXPECT_LE(check.lengths.p50, check.lengths.p90);
    EXPECT_LE(check.lengths.p90, check.lengths.p99);
    EXPECT_LT(check.lengths.p99, check.lengths.max + 1);
    EXPECT_GT(check.lengths.max, 100);
    const std::string text = check.ToText();
    EXPECT_THAT(text, HasSubstr("rows.jsonl, line 102, column 2: malformed JSON"));
    EXPECT_THAT(text, HasSubstr("rows.jsonl, line 101 repeats " + path + ", line 8"));
    EXPECT_THAT(text, HasSubstr("103 of 103 trained answers (100.0 %)"));
    const auto json = check.ToJson();
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["bad_rows"][1]["line"], 103);
    EXPECT_EQ(json["duplicates"][0]["first"]["line"], 8);
}

TEST(DataCheck, CopiesAcrossFiles) {
    TestFolder folder;
    folder.Write("set/train.jsonl", ChatRow("a", "b") + ChatRow("c", "d") + ChatRow("e", "f"));
    folder.Write("set/validation.jsonl", ChatRow("x", "y") + ChatRow("c", "d"));
    const DataCheck check = Check({.data_name = folder / "set"});
    EXPECT_TRUE(check.ok());
    EXPECT_EQ(check.duplicate_count, 0);
    ASSERT_EQ(check.in_both_splits_count, 1);
    EXPECT_THAT(check.in_both_splits[0].place.file, HasSubstr("validation.jsonl"));
    EXPECT_EQ(check.in_both_splits[0].place.line, 2);
    EXPECT_THAT(check.in_both_splits[0].first.file, HasSubstr("train.jsonl"));
    EXPECT_EQ(check.files.size(), 2u);
}

TEST(DataCheck, Percentiles) {
    TestFolder folder;
    std::string rows;
    for (int i = 1; i <= 100; ++i) {
        rows += "{\"input_ids\":[";
        for (int t = 0; t < i; ++t) rows += t > 0 ? ",5" : "5";
        rows += "]}\n";
    }
    const DataCheck check = Check({.data_name = folder.Write("rows.jsonl", rows)});
    EXPECT_EQ(check.lengths.p50, 50);
    EXPECT_EQ(check.lengths.p90, 90);
    EXPECT_EQ(check.lengths.p99, 99);
    EXPECT_EQ(check.lengths.max, 100);
    EXPECT_EQ(check.tokens, 5050);
    EXPECT_EQ(check.masked_row_count, 1);  // one token predicts nothing
    EXPECT_EQ(check.ended_answers, 0);     // none ends with an end token
    EXPECT_EQ(check.answers, 100);
}

TEST(DataCheck, NothingGood) {
    TestFolder folder;
    DataCheck check = Check({.data_name = folder.Write("empty.jsonl", "")});
    EXPECT_FALSE(check.ok());
    EXPECT_EQ(check.rows, 0);
    check = Check({.data_name = folder.Write("bad.jsonl", "{\n{\n")});
    EXPECT_FALSE(check.ok());
    EXPECT_EQ(check.bad_row_count, 2);
    EXPECT_EQ(check.format, "unknown");
    EXPECT_FALSE(CheckData({.data_name = folder / "none.jsonl"}, TestEncoder(), Context(1)).ok());
}

TEST(DataCheck, WhatTheTemplateLeavesOutIsCounted) {
    TestFolder folder;
    const std::string call =
        R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,)"
        R"("tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]})"
        "\n";
    const std::string tools =
        R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],)"
        R"("tools":[{"type":"function","function":{"name":"f"}}]})"
        "\n";
    const DataCheck check =
        Check({.data_name = folder.Write("rows.jsonl", ChatRow("a", "b") + call + tools),
               .eval_split = "none"});
    EXPECT_EQ(check.good_rows, 2);
    ASSERT_EQ(check.bad_row_count, 1);
    EXPECT_EQ(check.bad_rows[0].place.line, 2);
    ASSERT_EQ(check.left_out_row_count, 1);
    EXPECT_EQ(check.left_out_rows[0].place.line, 3);
    EXPECT_THAT(check.ToText(), HasSubstr("line 3: the chat template does not show the row's tools"));
    EXPECT_EQ(check.ToJson()["left_out_row_count"], 1);
    auto loaded =
        LoadData({.data_name = folder / "rows.jsonl", .eval_split = "none", .skip_bad_rows = true},
                 TestEncoder(), Context(1));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->report.left_out_row_count, 1);
    EXPECT_THAT(loaded->report.ToText(), HasSubstr("line 3: the chat template does not show the row's tools"));
}

// A template that no row pleases is at fault itself: leaving the rows out is no cure.
TEST(DataCheck, ATemplateThatFailsOnEveryRowIsOneError) {
    TestFolder folder;
    const DataOptions options = {.data_name = folder.Write("rows.jsonl", ChatRow("a", "b") +
                                                                             ChatRow("c", "d")),
                                 .eval_split = "none"};
    auto broken = TestEncoder("{{ messages[0].content + 1 }}");
    const absl::Status statuses[] = {CheckData(options, broken, Context(1)).status(),
                                     LoadData(options, broken, Context(1)).status()};
    for (const absl::Status& status : statuses) {
        EXPECT_EQ(ExitCode(status), 3);
        EXPECT_THAT(std::string(status.message()),
                    HasSubstr("chat template fails on every one of 2 rows"));
        EXPECT_THAT(std::string(status.message()), HasSubstr("rows.jsonl, line 1: the chat"));
        EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("skip_bad_rows")));
    }
}

TEST(DataCheck, TodaysDateIsSaid) {
    TestFolder folder;
    DataOptions options = {.data_name = folder.Write("rows.jsonl", ChatRow("a", "b")),
                           .eval_split = "none"};
    auto dated = TestEncoder("{{ strftime_now('%Y') }}" + std::string(ChatMlTemplate()));
    auto check = CheckData(options, dated, Context(1));
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->ToText(), HasSubstr("shows today's date"));
    options.template_date = "2026-11-26";
    check = CheckData(options, dated, Context(1));
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->ToText(), testing::Not(HasSubstr("shows today's date")));
    options.template_date = "tomorrow";
    EXPECT_EQ(ExitCode(CheckData(options, dated, Context(1)).status()), 2);
}

}  // namespace
}  // namespace hone
