// Runs that train a LoRA on the embedding.
#include <gmock/gmock.h>

#include "adapt/lora.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using testing::HasSubstr;

struct EmbeddingLoraJob : Job {
    explicit EmbeddingLoraJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.lora.target_modules = {"embed_tokens", "o_proj"};
    }
};

TEST(FinetuneEmbeddingLora, ThreadsAndInterruptionsNeverChangeABit) {
    TestFolder folder;
    EmbeddingLoraJob whole(folder, "whole"), cut(folder), rest(folder);
    ASSERT_TRUE(whole.Run().ok());
    EXPECT_THAT(whole.heard.plans[0].method, HasSubstr("lora r=4 alpha=16 on 3 layers"));
    EXPECT_LT(whole.heard.steps.back().step_loss, whole.heard.steps.front().step_loss);
    cut.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) cut.control.Stop();
    };
    rest.options.threads = 3;
    rest.options.gradient_checkpointing = "true";
    EXPECT_EQ(KindOf(cut.Run()), ErrorKind::kInterrupted);
    ASSERT_TRUE(rest.Run().ok());
    EXPECT_EQ(rest.heard.plans[0].start_step, 3);
    EXPECT_EQ(rest.AdapterHash(), whole.AdapterHash());
    // It goes on as an adapter to start from.
    Job next(folder, "next");
    next.options.adapter_path = folder / "out/adapter";
    ASSERT_TRUE(next.Run().ok());
    EXPECT_LT(next.heard.steps[0].step_loss, whole.heard.steps[0].step_loss);
    EXPECT_EQ(ReadAdapterConfig(folder / "next/adapter")->target_modules,
              (std::vector<std::string>{"o_proj", "embed_tokens"}));
}

TEST(FinetuneEmbeddingLora, LoraPlusIsForLinearLayers) {
    TestFolder folder;
    EmbeddingLoraJob job(folder);
    job.options.loraplus_lr_ratio = 16;
    const absl::Status status = job.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_THAT(std::string(status.message()), HasSubstr("--loraplus_lr_ratio"));
}

}  // namespace
}  // namespace hone
