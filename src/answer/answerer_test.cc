#include "answer/answerer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using testing::HasSubstr;

constexpr char kTiedModel[] = HONE_SOURCE_DIR "/tests/golden/models/tied";
constexpr char kTiedAdapter[] = HONE_SOURCE_DIR "/tests/golden/adapters/tied-lora";

// A tiny Llama with random weights: what it says means nothing, but it is always the same.
class AnswererTest : public testing::Test {
  protected:
    std::unique_ptr<Answerer> Open(const std::string& adapter = "") {
        return OpenAnswerer(kTiedModel, adapter, {.compute = ComputeType::kF32}, context_).value();
    }
    static SamplingChoice Short(float temperature = 0, uint64_t seed = 42) {
        SamplingChoice sampling;
        sampling.max_new_tokens = 8;
        sampling.temperature = temperature;
        sampling.seed = seed;
        return sampling;
    }

    Context context_{2};
};

TEST_F(AnswererTest, OnePromptOfManyIsAnsweredAsAlone) {
    const auto answerer = Open();
    const std::vector<Prompt> prompts = {MakePrompt("hello").value(),
                                         MakePrompt("the cat sat").value()};
    const auto results = answerer->Answer(prompts, Short(), 2).value();
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].text, answerer->Answer("hello", Short()).value());
    EXPECT_EQ(results[1].text, answerer->Answer("the cat sat", Short()).value());
    ChatSession chat = answerer->StartChat();
    const SamplingChoice sampling = Short();
    EXPECT_EQ(chat.Say("hello", sampling.Resolve(answerer->loaded().chat->generation)).value().text,
              results[0].text);
}

TEST_F(AnswererTest, EachPromptHasASeedOfItsOwn) {
    const auto answerer = Open();
    const std::vector<Prompt> twice(2, MakePrompt("hello").value());
    const auto results = answerer->Answer(twice, Short(1, 7), 2).value();
    EXPECT_NE(results[0].tokens, results[1].tokens);
    EXPECT_EQ(answerer->Answer({twice[0]}, Short(1, 8)).value()[0].tokens, results[1].tokens);
}

TEST_F(AnswererTest, AnAdapterBesideTheBaseAnswersAsOneThatIsPartOfIt) {
    const auto base = Open(), whole = Open(kTiedAdapter);
    EXPECT_EQ(whole->loaded().chosen.adapter, kTiedAdapter);
    ASSERT_TRUE(base->AddAdapter("tuned", kTiedAdapter, Asking()).ok());
    Prompt prompt = MakePrompt("hello").value();
    const auto without = base->Answer({prompt}, Short()).value()[0].tokens;
    prompt.adapter = "tuned";
    const auto with = base->Answer({prompt}, Short()).value()[0].tokens;
    EXPECT_NE(with, without);
    prompt.adapter.clear();
    EXPECT_EQ(whole->Answer({prompt}, Short()).value()[0].tokens, with);
    prompt.adapter = "other";
    const absl::Status status = base->Answer({prompt}, Short()).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"other\""));
}

TEST(SamplingChoice, TakesTheModelsDefaultsWhereThoseSample) {
    SamplingChoice choice;
    choice.fallback_temperature = 0.7f;
    GenerationDefaults model;
    model.temperature = 0.25f;
    model.top_k = 5;
    model.top_p = 0.5f;
    model.repetition_penalty = 1.5f;
    SamplingOptions sampling = choice.Resolve(model).sampling;
    EXPECT_EQ(sampling.temperature, 0.7f);
    EXPECT_EQ(sampling.top_k, 0);
    EXPECT_EQ(sampling.top_p, 1);
    EXPECT_EQ(sampling.repetition_penalty, 1.5f);
    model.do_sample = true;
    sampling = choice.Resolve(model).sampling;
    EXPECT_EQ(sampling.temperature, 0.25f);
    EXPECT_EQ(sampling.top_k, 5);
    EXPECT_EQ(sampling.top_p, 0.5f);
    choice.temperature = 0.0f;
    choice.top_k = 3;
    choice.repetition_penalty = 1.0f;
    sampling = choice.Resolve(model).sampling;
    EXPECT_EQ(sampling.temperature, 0);
    EXPECT_EQ(sampling.top_k, 3);
    EXPECT_EQ(sampling.repetition_penalty, 1);
}

}  // namespace
}  // namespace hone
