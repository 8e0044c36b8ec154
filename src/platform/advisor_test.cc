#include "platform/advise/advisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/testing.h"
#include "platform/platform.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::HasSubstr;

std::string Row(const std::string& question, const std::string& answer) {
    return nlohmann::json{{"messages",
                           {{{"role", "user"}, {"content", question}},
                            {{"role", "assistant"}, {"content", answer}}}}}
               .dump() +
           "\n";
}

class AdvisorTest : public testing::Test {
  protected:
    void SetUp() override {
        PlatformOptions options{.data_dir = folder / "data"};
        options.models = {{"tiny", std::string(HONE_SOURCE_DIR) + "/tests/golden/models/tied"}};
        options.aliases = {{"gpt-4o-mini", "tiny"}};
        auto opened = Platform::Open(options);
        ASSERT_TRUE(opened.ok()) << opened.status();
        platform = *std::move(opened);
        const auto key = platform->keys().CreateFirst();
        ASSERT_TRUE(key.ok() && *key);
        caller = Operator((*key)->key.project);
    }

    std::string Store(const std::string& text) {
        auto writer = platform->files().Begin(caller);
        EXPECT_TRUE((*writer)->Append(text).ok());
        const auto file = (*writer)->Finish({.filename = "a.jsonl", .purpose = "fine-tune"});
        EXPECT_TRUE(file.ok()) << file.status();
        return file->id;
    }

    FileLines Lines(const std::string& file, const LinesRequest& request) {
        auto lines = platform->advisor().Lines(caller, file, request);
        EXPECT_TRUE(lines.ok()) << lines.status();
        return lines.ok() ? *lines : FileLines{};
    }

    TestFolder folder;
    std::unique_ptr<Platform> platform;
    Caller caller;
};

TEST_F(AdvisorTest, SaysWhatTheBasesAre) {
    const auto bases = platform->advisor().DescribeBases();
    ASSERT_EQ(bases.size(), 1U);
    const BaseDescription& base = bases.front();
    EXPECT_EQ(base.name, "tiny");
    EXPECT_EQ(base.aliases, std::vector<std::string>{"gpt-4o-mini"});
    EXPECT_EQ(base.licence, "");
    EXPECT_GT(base.parameters, 0);
    EXPECT_GT(base.context, 0);
    EXPECT_GT(base.bytes, base.parameters);
    EXPECT_FALSE(base.fetched);
}

TEST_F(AdvisorTest, ShowsLinesByNumberAndByPage) {
    const std::string file = Store(Row("a", "b") + "\nnot json\n" + Row("c", "d") + Row("e", "f"));
    const FileLines wanted = Lines(file, {.numbers = {3, 5}});
    ASSERT_EQ(wanted.lines.size(), 2U);
    EXPECT_EQ(wanted.lines[0].text, "not json");
    EXPECT_EQ(wanted.lines[1].line, 5);
    const FileLines page = Lines(file, {.after = 1, .limit = 2});
    ASSERT_EQ(page.lines.size(), 2U);
    EXPECT_EQ(page.lines[0].line, 3);
    EXPECT_TRUE(page.has_more);
    EXPECT_FALSE(Lines(file, {.after = 3, .limit = 2}).has_more);
}

TEST_F(AdvisorTest, ALongLineIsShortened) {
    const std::string file = Store(Row("a", std::string(kMaxLineText * 2, 'x')));
    const FileLines found = Lines(file, {.model = "tiny"});
    ASSERT_EQ(found.lines.size(), 1U);
    EXPECT_EQ(found.lines[0].text.size(), kMaxLineText);
    EXPECT_TRUE(found.lines[0].shortened);
    size_t bytes = 0;
    for (const TextPiece& piece : found.lines[0].pieces) bytes += piece.text.size();
    EXPECT_LE(bytes, kMaxLineText);
}

TEST_F(AdvisorTest, WithAModelThePartsThatAreTrainedAreTold) {
    const FileLines found =
        Lines(Store(Row("a question", "an answer") + "bad\n"), {.model = "gpt-4o-mini"});
    ASSERT_EQ(found.lines.size(), 2U);
    std::string trained, other;
    for (const TextPiece& piece : found.lines[0].pieces)
        (piece.trained ? trained : other) += piece.text;
    EXPECT_THAT(trained, HasSubstr("an answer"));
    EXPECT_THAT(other, HasSubstr("a question"));
    EXPECT_EQ(trained.find("question"), std::string::npos);
    EXPECT_GT(found.lines[0].tokens, 2);
    EXPECT_TRUE(found.lines[1].pieces.empty());
    EXPECT_FALSE(platform->advisor().Lines(caller, "file-none", {}).ok());
}

TEST_F(AdvisorTest, EstimatesAJob) {
    std::string rows;
    for (int i = 0; i < 20; ++i) rows += Row("q", std::string(static_cast<size_t>(i + 1), 'a'));
    const JobRequest request{.model = "tiny", .training_file = Store(rows + "bad\n")};
    const auto estimate = platform->advisor().Estimate(caller, request);
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    EXPECT_EQ(estimate->examples, 21);
    EXPECT_EQ(estimate->bad_lines, 1);
    EXPECT_EQ(estimate->hyperparameters.n_epochs, 4);  // 100 / 21
    EXPECT_EQ(estimate->hyperparameters.batch_size, 1);
    EXPECT_EQ(estimate->steps, 84);
    EXPECT_DOUBLE_EQ(estimate->learning_rate, 4e-4);
    const TokenCounts& tokens = estimate->tokens;
    EXPECT_EQ(tokens.examples, 20);
    EXPECT_LE(tokens.lengths.p50, tokens.lengths.p90);
    EXPECT_LE(tokens.lengths.p90, tokens.lengths.max);
    EXPECT_GT(tokens.mean, tokens.mean_trained);
    EXPECT_GT(tokens.mean_trained, 0);
    EXPECT_THAT(estimate->command,
                ::testing::StartsWith("hone finetune --model_name_or_path tiny "));
    for (const char* words :
         {" --data_name a.jsonl", " --num_train_epochs 4", " --learning_rate 0.0004",
          " --lr_scheduler_type linear", " --output_path out"})
        EXPECT_THAT(estimate->command, HasSubstr(words));
    EXPECT_EQ(estimate->command.find("--seed"), std::string::npos);
}

}  // namespace
}  // namespace hone::platform
