#include "answer/trained_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// A run's folder: OUTPUT with run.json, and the folders of what it made.
class RunFolder {
  public:
    RunFolder(const std::string& options, const std::string& data, bool full = false) {
        for (const char* folder : {"adapter", "model", "checkpoints/step-2"})
            fs::create_directories(In(folder));
        const std::string made =
            full ? R"(, "fine_tuned_model": {"path": "model"}, "model": {"name": "org/base"})" : "";
        Write("{\"options\": " + options + ", \"data\": " + data + made + "}");
    }
    std::string In(const std::string& name) const { return folder_ / name; }
    void Write(const std::string& run_json) const { folder_.Write("run.json", run_json); }

  private:
    TestFolder folder_;
};

constexpr char kOptions[] =
    R"({"text_template": "Q: {q}\\nA: {a}", "max_seq_len": 64, "use_chat_template": null})";
constexpr char kData[] = R"({"prompt_template": "Q: {q}\\nA:", "system_prompt": ""})";

std::optional<TrainedForm> Found(const std::string& adapter, const std::string& model) {
    std::vector<std::string> warnings;
    auto form = FindTrainedForm(adapter, model, warnings);
    EXPECT_TRUE(warnings.empty());
    return form;
}

TEST(FindTrainedForm, IsBesideTheAdapterItsCheckpointsAndTheModel) {
    const RunFolder run(kOptions, kData);
    for (const char* folder : {"adapter", "adapter/", "checkpoints/step-2"}) {
        const auto form = Found(run.In(folder), "");
        ASSERT_TRUE(form) << folder;
        EXPECT_EQ(form->data.text_template, "Q: {q}\\nA: {a}");
        EXPECT_EQ(form->data.max_seq_len, 64);
        EXPECT_FALSE(form->data.use_chat_template);
        EXPECT_EQ(form->prompt_template, "Q: {q}\\nA:");
    }
    // The run made an adapter; its base and what lies elsewhere are not its own.
    EXPECT_FALSE(Found("", run.In("model")));
    EXPECT_FALSE(Found("", "smollm2"));
    EXPECT_FALSE(Found("no-such-folder", ""));
    const RunFolder full(kOptions, kData, true);
    EXPECT_EQ(Found("", full.In("model"))->base, "org/base");
    EXPECT_FALSE(Found(full.In("adapter"), ""));
}

TEST(FindTrainedForm, SaysHowRowsWereRead) {
    const RunFolder run(
        R"({"columns": {"prompt": "Question", "completion": "Answer"}, "csv_separator": ";",
            "use_chat_template": true, "template_date": "2026-11-26"})",
        "{}");
    const DataOptions data = Found(run.In("adapter"), "").value().data;
    EXPECT_THAT(data.columns, testing::ElementsAre(testing::Pair("prompt", "Question"),
                                                   testing::Pair("completion", "Answer")));
    EXPECT_EQ(data.csv_separator, ";");
    EXPECT_EQ(data.use_chat_template, true);
    EXPECT_EQ(data.template_date, "2026-11-26");
}

TEST(FindTrainedForm, IsNoneWhereTheFileSaysNothing) {
    const RunFolder run("7", kData);
    EXPECT_FALSE(Found(run.In("adapter"), ""));
    const RunFolder older(kOptions, "{}");
    EXPECT_EQ(Found(older.In("adapter"), "")->prompt_template, "");
    older.Write("{\"options\": ");
    std::vector<std::string> warnings;
    EXPECT_FALSE(FindTrainedForm(older.In("adapter"), "", warnings));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("run.json"));
}

// Of what was made of several adapters: as all of them, or not at all.
TEST(KeepTrainedForm, IsThatOfAllParts) {
    const RunFolder one(kOptions, kData),
        longer(R"({"text_template": "Q: {q}\\nA: {a}", "max_seq_len": 96})", kData),
        other(kOptions, R"({"prompt_template": "", "system_prompt": "be brief"})");
    const TestFolder folder, plain;
    const auto keep = [&](const std::vector<std::string>& parts) {
        return KeepTrainedForm(parts, folder.path()).value();
    };
    const std::string a = one.In("adapter"), b = longer.In("adapter"), c = other.In("adapter");
    EXPECT_THAT(keep({a, b, c}), HasSubstr(c + " were trained with another prompt_template"));
    EXPECT_THAT(keep({plain.path(), a}), HasSubstr("how " + plain.path() + " was trained"));
    EXPECT_EQ(keep({plain.path(), plain.path()}), "");
    EXPECT_FALSE(Found(folder.path(), ""));
    EXPECT_EQ(keep({a, b}), "");
    const auto form = Found(folder.path(), "");
    ASSERT_TRUE(form);
    EXPECT_THAT(form->run_json, HasSubstr("trained_form.json"));
    EXPECT_EQ(form->prompt_template, "Q: {q}\\nA:");
    EXPECT_EQ(form->data.text_template, "Q: {q}\\nA: {a}");
    EXPECT_EQ(form->data.max_seq_len, 96);
    // What was made of that again.
    const TestFolder again;
    EXPECT_EQ(KeepTrainedForm({folder.path(), a}, again.path()).value(), "");
    EXPECT_EQ(Found(again.path(), "")->prompt_template, "Q: {q}\\nA:");
    one.Write("{");
    EXPECT_THAT(keep({a, b}), HasSubstr("run.json"));
}

}  // namespace
}  // namespace hone
