// Runs of --method freeze on a tiny random Llama with a tied embedding and head.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "train/method/freeze.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct FreezeJob : Job {
    explicit FreezeJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.method = "freeze";
        options.lora = LoraConfig();
        options.freeze.trainable_layers = 1;
        options.learning_rate = 1e-3;
    }
    std::string Weights() const { return options.output_path + "/model/model.safetensors"; }
};

// The tensors of the delivered model whose numbers are not the base's.
std::set<std::string> Changed(const FreezeJob& job) {
    const auto base = OpenModel(kTinyModel).value();
    const auto tuned = OpenModel(job.options.output_path + "/model").value();
    EXPECT_EQ(tuned->tensors.size(), base->tensors.size());
    std::set<std::string> changed;
    for (size_t i = 0; i < base->tensors.size(); ++i)
        if (ReadTensor(*base->tensors[i].stored).value() !=
            ReadTensor(*tuned->tensors[i].stored).value())
            changed.insert(base->tensors[i].hf_name);
    return changed;
}

TEST(Freeze, TrainsTheLastLayersAndLeavesTheRestAsItIs) {
    TestFolder folder;
    FreezeJob job(folder);
    ASSERT_TRUE(job.Run().ok());
    const std::set<std::string> changed = Changed(job);
    EXPECT_GE(changed.size(), 7U);
    for (const std::string& name : changed) EXPECT_THAT(name, HasSubstr("model.layers.1."));
    EXPECT_LT(job.heard.steps.back().step_loss, job.heard.steps.front().step_loss);
    EXPECT_THAT(job.heard.plans[0].method, HasSubstr("freeze, 9 of 20 tensors"));
    EXPECT_EQ(job.RunJson()["options"]["freeze_trainable_layers"], 1);
    EXPECT_THAT(*ReadFile(job.options.output_path + "/README.md"), HasSubstr("some of its weights"));
}

TEST(Freeze, TrainsModulesByNameAndKeepsATiedHead) {
    TestFolder folder;
    for (const char* extra : {"embed_tokens", "lm_head"}) {
        FreezeJob job(folder, extra);
        job.options.freeze = {.trainable_layers = -1,
                              .trainable_modules = {"mlp"},
                              .extra_modules = {extra, "norm"}};
        ASSERT_TRUE(job.Run().ok());
        for (const std::string& name : Changed(job))
            EXPECT_TRUE(name.starts_with("model.layers.0.mlp.") ||
                        name == "model.embed_tokens.weight" || name == "model.norm.weight")
                << name;
        EXPECT_TRUE(Changed(job).contains("model.embed_tokens.weight"));
        EXPECT_TRUE(OpenModel(job.options.output_path + "/model")
                        .value()
                        ->config.tie_word_embeddings);
    }
}

TEST(Freeze, GoesOnAfterAnInterruptionToTheSameBits) {
    TestFolder folder;
    FreezeJob whole(folder, "whole"), first(folder, "cut"), second(folder, "cut"),
        other(folder, "cut");
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) first.control.Stop();
    };
    second.options.threads = 2;
    other.options.freeze.trainable_layers = 2;
    ASSERT_TRUE(whole.Run().ok());
    EXPECT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
    const absl::Status changed = other.Run();
    EXPECT_EQ(KindOf(changed), ErrorKind::kUsage);
    EXPECT_THAT(std::string(changed.message()), HasSubstr("trained_tensors"));
    ASSERT_TRUE(second.Run().ok());
    EXPECT_EQ(Sha256File(second.Weights()).value(), Sha256File(whole.Weights()).value());
}

TEST(Freeze, AllLayersAndExtrasAreTheFullMethod) {
    TestFolder folder;
    FreezeJob freeze(folder, "freeze"), full(folder, "full");
    freeze.options.freeze = {.trainable_layers = 2, .extra_modules = {"embed_tokens", "norm"}};
    full.options.method = "full";
    full.options.freeze = FreezeOptions();
    ASSERT_TRUE(freeze.Run().ok());
    ASSERT_TRUE(full.Run().ok());
    EXPECT_EQ(Sha256File(freeze.Weights()).value(), Sha256File(full.Weights()).value());
}

TEST(Freeze, WhatIsNotThereIsRefused) {
    const auto files = OpenModel(kTinyModel).value();
    const auto error = [&](const FreezeOptions& options) {
        const auto modules = ModulesToTrain(options, *files);
        EXPECT_EQ(KindOf(modules.status()), ErrorKind::kUsage);
        return std::string(modules.status().message());
    };
    EXPECT_THAT(error({.trainable_layers = 3}), HasSubstr("the model has 2 layers"));
    EXPECT_THAT(error({.trainable_modules = {"q_pro"}}), HasSubstr("did you mean q_proj?"));
    EXPECT_THAT(error({.extra_modules = {"embed_token"}}),
                HasSubstr("--freeze_extra_modules embed_token"));
    EXPECT_THAT(error({.trainable_layers = 0}), HasSubstr("trains nothing"));
    EXPECT_THAT(ModulesToTrain({.trainable_layers = 0, .extra_modules = {"norm"}}, *files).value(),
                ElementsAre("model.norm"));
}

}  // namespace
}  // namespace hone
