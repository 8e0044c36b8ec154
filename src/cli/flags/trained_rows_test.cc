#include "cli/flags/trained_rows.h"

#include <gtest/gtest.h>

#include "cli/flags/cli11.h"
#include "cli/flags/common_flags.h"

namespace hone {
namespace {

// A command with the flags of rows.
struct ParsedCommand {
    CLI::App root{"", "hone"};
    CLI::App* app = AddCommand(root, "evaluate", "");
    DataOptions data;
    DataFlags rows;

    explicit ParsedCommand(std::vector<std::string> arguments) {
        Flags flags(*app);
        rows.AddRows(flags, data);
        arguments.insert(arguments.begin(), "evaluate");
        std::string help;
        EXPECT_TRUE(ParseArguments(root, arguments, &help).ok());
    }
};

TEST(ReadRowsAsTrained, TakesWhatNoFlagSays) {
    TrainedForm form;
    form.data.text_template = "{a} {b}";
    form.data.max_seq_len = 64;
    ParsedCommand plain({});
    EXPECT_EQ(ReadRowsAsTrained(form, *plain.app, plain.data),
              "--text_template \"{a} {b}\" --max_seq_len 64");
    EXPECT_EQ(plain.data.text_template, "{a} {b}");
    EXPECT_EQ(plain.data.max_seq_len, 64);
    // One of three ways to say what a row is sets all three aside.
    ParsedCommand other({"--text_field", "a", "--max_seq_len", "32"});
    EXPECT_EQ(ReadRowsAsTrained(form, *other.app, other.data), "");
    EXPECT_EQ(other.data.text_template, "");
    EXPECT_EQ(other.data.max_seq_len, 32);
    ParsedCommand none({"--text_template", ""});
    EXPECT_EQ(ReadRowsAsTrained(form, *none.app, none.data), "--max_seq_len 64");
}

TEST(ReadRowsAsTrained, TakesTheNamesOfLabels) {
    TrainedForm form;
    form.data.label_names = {"no", "yes"};
    ParsedCommand plain({});
    EXPECT_EQ(ReadRowsAsTrained(form, *plain.app, plain.data), "--label_names no,yes");
    EXPECT_EQ(plain.data.label_names, form.data.label_names);
    for (const char* flag : {"--text_field", "--label_names"}) {
        ParsedCommand other({flag, "a"});
        EXPECT_EQ(ReadRowsAsTrained(form, *other.app, other.data), "") << flag;
    }
}

TEST(ReadRowsAsTrained, TakesColumnsAndTheDay) {
    TrainedForm form;
    form.data.columns = {{"prompt", "Question"}, {"completion", "Answer"}};
    form.data.csv_separator = ";";
    form.data.use_chat_template = true;
    form.data.template_date = "2026-11-26";
    ParsedCommand plain({});
    EXPECT_EQ(ReadRowsAsTrained(form, *plain.app, plain.data),
              "--use_chat_template true --columns prompt=Question,completion=Answer "
              "--csv_separator ; --template_date 2026-11-26");
    EXPECT_EQ(plain.data.columns, form.data.columns);
    EXPECT_EQ(plain.data.template_date, "2026-11-26");
    // Other columns are the same rows under other names.
    ParsedCommand other(
        {"--columns", "prompt=q", "--csv_separator", ",", "--template_date", "2024-02-29"});
    EXPECT_EQ(ReadRowsAsTrained(form, *other.app, other.data), "--use_chat_template true");
    EXPECT_EQ(other.data.columns[0].second, "q");
    // A text names its own.
    ParsedCommand text({"--text_field", "a"});
    EXPECT_EQ(ReadRowsAsTrained(form, *text.app, text.data),
              "--csv_separator ; --template_date 2026-11-26");
    // A run of texts knows nothing of columns that are named now.
    TrainedForm texts;
    texts.data.text_template = "{a} {b}";
    ParsedCommand columns({"--columns", "prompt=q,completion=a"});
    EXPECT_EQ(ReadRowsAsTrained(texts, *columns.app, columns.data), "");
}

}  // namespace
}  // namespace hone
