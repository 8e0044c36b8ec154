#include "answer/asking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using testing::HasSubstr;

TEST(Asking, OptionsWinOverTheRun) {
    TrainedForm text;
    text.run_json = "out/run.json";
    text.prompt_template = "Q: {q}\\nA:";
    TrainedForm chat;
    chat.run_json = "out/run.json";
    chat.system_prompt = "be brief";
    const auto choose = [](std::optional<bool> raw, std::optional<std::string> system,
                           const std::optional<TrainedForm>& form) {
        AskOptions options;
        options.raw = raw;
        options.system_prompt = std::move(system);
        return Asking::Choose(options, form).value();
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
    AskOptions both;
    both.raw = true;
    both.system_prompt = "x";
    EXPECT_EQ(ExitCode(Asking::Choose(both, chat).status()), 2);
}

}  // namespace
}  // namespace hone
