// Runs over the blocks of a GGUF file: --method qlora --quant_type gguf.
#include <gmock/gmock.h>

#include "model/files/golden_testing.h"
#include "model/files/stored_rows.h"
#include "train/run/fit_check.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using testing::HasSubstr;

struct GgufJob : Job {
    GgufJob(const TestFolder& folder, const testkit::GoldenGguf& gguf, const std::string& name)
        : Job(folder, name) {
        EXPECT_TRUE(gguf.Open().ok());
        options.model_name_or_path = gguf.folder() + "/model.gguf";
        std::string rows;
        for (int i = 0; i < 24; ++i) rows += fmt::format("{{\"text\": \"word {}\"}}\n", i);
        EXPECT_TRUE(WriteFileAtomic(data, rows).ok());
        options.data.text_field = "text";
        options.method = "qlora";
        options.quant_type = "gguf";
        options.max_steps = 4;
    }
};

TEST(FinetuneGguf, TrainsTheAdapterOfTheBaseThatWasReadAsNumbers) {
    TestFolder folder;
    testkit::GoldenGguf gguf(true);
    gguf.AddTokenizer();
    for (const char* dtype : {"bfloat16", "float32"}) {
        SCOPED_TRACE(dtype);
        const std::string name = dtype;
        GgufJob blocks(folder, gguf, name + "blocks"), native(folder, gguf, name + "native"),
            cut(folder, gguf, name + "cut"), rest(folder, gguf, name + "cut"),
            other(folder, gguf, name + "cut");
        native.options.method = "lora";
        native.options.quant_type = FinetuneOptions().quant_type;
        other.options.quant_type = "nf4";
        for (Job* job : std::initializer_list<Job*>{&blocks, &native, &cut, &rest, &other})
            job->options.torch_dtype = dtype;
        ASSERT_TRUE(blocks.Run().ok());
        ASSERT_TRUE(native.Run().ok());
        EXPECT_EQ(blocks.AdapterHash(), native.AdapterHash());
        const RunPlan &plan = blocks.heard.plans[0], &whole = native.heard.plans[0];
        EXPECT_LT(plan.memory.weights, whole.memory.weights);
        EXPECT_THAT(plan.method, HasSubstr("qlora r=4"));
        EXPECT_THAT(plan.method, HasSubstr("base in its file's blocks, "));

        cut.heard.on_step = [&](const StepReport& report) {
            if (report.step == 2) cut.control.Stop();
        };
        rest.options.threads = 3;
        rest.options.gradient_checkpointing = "true";
        EXPECT_EQ(KindOf(cut.Run()), ErrorKind::kInterrupted);
        EXPECT_THAT(std::string(other.Run().message()), HasSubstr("base_weights"));
        ASSERT_TRUE(rest.Run().ok());
        EXPECT_EQ(rest.heard.plans[0].start_step, 2);
        EXPECT_EQ(rest.AdapterHash(), blocks.AdapterHash());
    }
}

// Before a weight is loaded: the plan is made after that.
TEST(FinetuneGguf, WhatHasNoBlocksIsRefused) {
    TestFolder folder;
    testkit::GoldenGguf numbers, gguf(true);
    for (testkit::GoldenGguf* file : {&numbers, &gguf}) file->AddTokenizer();
    Job safetensors(folder);
    safetensors.options.method = "qlora";
    safetensors.options.quant_type = "gguf";
    GgufJob floats(folder, numbers, "floats"), saved(folder, gguf, "saved");
    saved.options.lora.modules_to_save = {"o_proj"};
    const auto refused = [](Job& job) {
        const absl::Status status = job.Run();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << status;
        EXPECT_TRUE(job.heard.plans.empty());
        return std::string(status.message());
    };
    EXPECT_THAT(refused(safetensors), HasSubstr("tests/golden/models/tied is none"));
    EXPECT_THAT(refused(floats), HasSubstr("model.gguf are in F32"));
    EXPECT_THAT(refused(saved), HasSubstr("o_proj is held in the blocks of its GGUF file"));
}

TEST(FinetuneGguf, BlocksAreHeldAgainstWhatIsFree) {
    testkit::GoldenGguf gguf(true);
    gguf.AddTokenizer();
    const auto files = gguf.Open().value();
    size_t bytes = 0;
    for (const ModelTensor& tensor : files->tensors)
        bytes += HeldInBlocks(*files, tensor) ? tensor.stored->bytes.size()
                                              : static_cast<size_t>(tensor.elements()) * 2;
    FinetuneOptions options;
    options.method = "qlora";
    options.quant_type = "gguf";
    EXPECT_TRUE(CheckWeightsFit(options, *files, bytes).ok());
    const absl::Status status = CheckWeightsFit(options, *files, bytes - 1);
    EXPECT_EQ(KindOf(status), ErrorKind::kMemory);
    EXPECT_THAT(std::string(status.message()), HasSubstr("in its file's blocks and bfloat16"));
}

}  // namespace
}  // namespace hone
