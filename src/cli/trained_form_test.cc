#include "cli/trained_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing.h"
#include "cli/flags/cli11.h"

namespace hone {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// A run's folder: OUTPUT with run.json, and the folders of what it made.
class RunFolder {
  public:
    RunFolder(const std::string& options, const std::string& data, bool full = false) {
        for (const char* folder : {"adapter", "model", "checkpoints/step-2"})
            fs::create_directories(folder_ / folder);
        const std::string made = full ? R"(, "fine_tuned_model": {"path": "model"})" : "";
        const std::string text =
            "{\"options\": " + options + ", \"data\": " + data + made + "}";
        folder_.Write("run.json", text);
    }
    std::string In(const std::string& name) const { return folder_ / name; }

  private:
    TestFolder folder_;
};

constexpr char kOptions[] =
    R"({"text_template": "Q: {q}\\nA: {a}", "max_seq_len": 64, "use_chat_template": null})";
constexpr char kData[] = R"({"prompt_template": "Q: {q}\\nA:", "system_prompt": ""})";

TEST(FindTrainedForm, IsBesideTheAdapterItsCheckpointsAndTheModel) {
    const RunFolder run(kOptions, kData);
    for (const char* folder : {"adapter", "adapter/", "checkpoints/step-2"}) {
        const auto form = FindTrainedForm(run.In(folder), "");
        ASSERT_TRUE(form) << folder;
        EXPECT_EQ(form->data.text_template, "Q: {q}\\nA: {a}");
        EXPECT_EQ(form->data.max_seq_len, 64);
        EXPECT_FALSE(form->data.use_chat_template);
        EXPECT_EQ(form->prompt_template, "Q: {q}\\nA:");
    }
    // The run made an adapter; its base and what lies elsewhere are not its own.
    EXPECT_FALSE(FindTrainedForm("", run.In("model")));
    EXPECT_FALSE(FindTrainedForm("", "smollm2"));
    EXPECT_FALSE(FindTrainedForm("no-such-folder", ""));
    const RunFolder full(kOptions, kData, true);
    EXPECT_TRUE(FindTrainedForm("", full.In("model")));
    EXPECT_FALSE(FindTrainedForm(full.In("adapter"), ""));
}

TEST(FindTrainedForm, IsNoneWhereTheFileSaysNothing) {
    const RunFolder run("7", kData);
    EXPECT_FALSE(FindTrainedForm(run.In("adapter"), ""));
    const RunFolder older(kOptions, "{}");
    EXPECT_EQ(FindTrainedForm(older.In("adapter"), "")->prompt_template, "");
}

// A command with the flags of rows.
struct Command {
    CLI::App root{"", "hone"};
    CLI::App* app = AddCommand(root, "evaluate", "");
    DataOptions data;
    DataFlags rows;

    explicit Command(std::vector<std::string> arguments) {
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
    Command plain({});
    EXPECT_EQ(ReadRowsAsTrained(form, *plain.app, plain.data),
              "--text_template \"{a} {b}\" --max_seq_len 64");
    EXPECT_EQ(plain.data.text_template, "{a} {b}");
    EXPECT_EQ(plain.data.max_seq_len, 64);
    // One of three ways to say what a row is sets all three aside.
    Command other({"--text_field", "a", "--max_seq_len", "32"});
    EXPECT_EQ(ReadRowsAsTrained(form, *other.app, other.data), "");
    EXPECT_EQ(other.data.text_template, "");
    EXPECT_EQ(other.data.max_seq_len, 32);
    Command none({"--text_template", ""});
    EXPECT_EQ(ReadRowsAsTrained(form, *none.app, none.data), "--max_seq_len 64");
}

TEST(ReadRowsAsTrained, TakesColumnsAndTheDay) {
    const RunFolder run(
        R"({"columns": {"prompt": "Question", "completion": "Answer"}, "csv_separator": ";",
            "use_chat_template": true, "template_date": "2026-11-26"})",
        "{}");
    const TrainedForm form = FindTrainedForm(run.In("adapter"), "").value();
    Command plain({});
    EXPECT_EQ(ReadRowsAsTrained(form, *plain.app, plain.data),
              "--use_chat_template true --columns prompt=Question,completion=Answer "
              "--csv_separator ; --template_date 2026-11-26");
    EXPECT_EQ(plain.data.columns, form.data.columns);
    EXPECT_EQ(plain.data.template_date, "2026-11-26");
    // Other columns are the same rows under other names.
    Command other({"--columns", "prompt=q", "--csv_separator", ",", "--template_date", "2024-02-29"});
    EXPECT_EQ(ReadRowsAsTrained(form, *other.app, other.data), "--use_chat_template true");
    EXPECT_EQ(other.data.columns[0].second, "q");
    // A text names its own.
    Command text({"--text_field", "a"});
    EXPECT_EQ(ReadRowsAsTrained(form, *text.app, text.data),
              "--csv_separator ; --template_date 2026-11-26");
    // A run of texts knows nothing of columns that are named now.
    TrainedForm texts;
    texts.data.text_template = "{a} {b}";
    Command columns({"--columns", "prompt=q,completion=a"});
    EXPECT_EQ(ReadRowsAsTrained(texts, *columns.app, columns.data), "");
}

TEST(Asking, FlagsWinOverTheRun) {
    TrainedForm text;
    text.run_json = "out/run.json";
    text.prompt_template = "Q: {q}\\nA:";
    TrainedForm chat;
    chat.run_json = "out/run.json";
    chat.system_prompt = "be brief";
    const auto choose = [](std::optional<bool> raw, std::optional<std::string> system,
                           const std::optional<TrainedForm>& form) {
        AskFlags flags;
        flags.raw = raw;
        flags.system_prompt = std::move(system);
        return Asking::Choose(flags, form).value();
    };
    EXPECT_FALSE(choose({}, {}, {}).raw());
    EXPECT_TRUE(choose(true, {}, {}).raw());
    EXPECT_TRUE(choose({}, {}, text).raw());
    EXPECT_THAT(choose({}, {}, text).note(), HasSubstr("out/run.json"));
    EXPECT_FALSE(choose(false, {}, text).raw());
    EXPECT_FALSE(choose({}, "be loud", text).raw());
    EXPECT_EQ(choose(true, {}, text).note(), "");
    EXPECT_EQ(choose({}, {}, chat).system_prompt(), "be brief");
    EXPECT_THAT(choose({}, {}, chat).note(), HasSubstr("be brief"));
    EXPECT_EQ(choose({}, "be loud", chat).system_prompt(), "be loud");
    EXPECT_EQ(choose({}, "", chat).system_prompt(), "");
    EXPECT_EQ(choose({}, "", chat).note(), "");
    EXPECT_EQ(choose(true, {}, chat).system_prompt(), "");
    AskFlags both;
    both.raw = true;
    both.system_prompt = "x";
    EXPECT_EQ(ExitCode(Asking::Choose(both, chat).status()), 2);
}

}  // namespace
}  // namespace hone
