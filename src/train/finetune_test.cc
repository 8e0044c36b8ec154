// Whole runs on a tiny random Llama.
#include "train/finetune.h"

#include <gtest/gtest.h>

#include "train/loop/checkpoint.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

TEST(Finetune, MakesEverythingItPromises) {
    TestFolder folder;
    Job job(folder);
    job.options.data.eval_split = std::nullopt;
    job.options.data.eval_fraction = 0.25;
    job.options.eval_steps = 4;
    ASSERT_TRUE(job.Run().ok());
    ASSERT_TRUE(job.heard.result);
    ASSERT_EQ(job.heard.plans.size(), 1u);
    const RunPlan& plan = job.heard.plans[0];
    EXPECT_EQ(plan.total_steps, 8);
    EXPECT_GT(plan.trainable_parameters, 0);
    EXPECT_GT(plan.estimated_seconds, 0);
    EXPECT_GT(plan.needed_bytes, plan.memory.activations);
    // What is to come is compared with what is free: the weights are there, so in neither.
    EXPECT_GE(plan.to_come_bytes, plan.memory.activations + plan.memory.workspace);
    EXPECT_LE(plan.to_come_bytes,
              plan.memory.parameters + plan.memory.activations + plan.memory.workspace);
    // Checkpoints of steps 2 to 8, of which three stay and one more lies beside them.
    const size_t trained = static_cast<size_t>(plan.trainable_parameters) * 4;
    EXPECT_EQ(plan.disk_bytes, 4 * 3 * trained + trained);
    EXPECT_GT(plan.free_disk_bytes, plan.disk_bytes);
    EXPECT_EQ(job.heard.steps.size(), 8u);
    EXPECT_EQ(job.heard.evals.size(), 2u);
    EXPECT_LT(job.heard.steps.back().step_loss, job.heard.steps.front().step_loss);
    for (const char* name :
         {"adapter/adapter_config.json", "adapter/adapter_model.safetensors", "metrics.jsonl",
          "run.json", "README.md", "loss.svg", "checkpoints/step-8/manifest.json"})
        EXPECT_TRUE(std::filesystem::exists(folder / (std::string("out/") + name))) << name;
    const Json run = job.RunJson();
    EXPECT_EQ(run["status"], "done");
    EXPECT_EQ(run["adapter"]["sha256"], job.AdapterHash());
    EXPECT_EQ(run["data"]["train_sha256"].get<std::string>().size(), 64u);
}

TEST(Finetune, SamplesOfTheEvaluationRowsChangeNoBitOfTheResult) {
    TestFolder folder;
    Job plain(folder, "plain"), sampled(folder, "sampled");
    for (Job* job : {&plain, &sampled}) {
        job->options.data.eval_split = std::nullopt;
        job->options.data.eval_fraction = 0.25;
        job->options.eval_sample_steps = job == &sampled ? 2 : 0;
        ASSERT_TRUE(job->Run().ok());
    }
    EXPECT_EQ(plain.AdapterHash(), sampled.AdapterHash());
    std::vector<double> losses;
    for (const StepReport& step : sampled.heard.steps) {
        EXPECT_EQ(step.eval_sample.has_value(), step.step % 2 == 0) << step.step;
        if (step.eval_sample) losses.push_back(step.eval_sample->loss);
    }
    ASSERT_EQ(losses.size(), 4u);
    EXPECT_NE(losses[0], losses[1]);  // of other rows
    for (const double loss : losses) EXPECT_TRUE(loss > 0 && std::isfinite(loss));
    const std::string metrics = ReadFile(folder / "sampled/metrics.jsonl").value();
    EXPECT_NE(metrics.find("\"eval_sample_loss\":"), std::string::npos);
    for (const StepReport& step : plain.heard.steps) EXPECT_FALSE(step.eval_sample);
    Job none(folder, "none");
    none.options.eval_sample_steps = 2;
    const absl::Status refused = none.Run();
    EXPECT_NE(refused.message().find("--eval_sample_steps needs evaluation rows"),
              absl::string_view::npos)
        << refused;
}

TEST(Finetune, ThreadsAndCheckpointingNeverChangeABit) {
    TestFolder folder;
    Job one(folder, "one"), two(folder, "two"), other(folder, "other");
    two.options.threads = 3;
    two.options.gradient_checkpointing = "true";
    two.options.save_steps = 0;
    other.options.seed = 43;
    for (Job* job : {&one, &two, &other}) ASSERT_TRUE(job->Run().ok());
    EXPECT_EQ(one.AdapterHash(), two.AdapterHash());
    EXPECT_NE(one.AdapterHash(), other.AdapterHash());
}

TEST(Finetune, InterruptedBeforeAStepNothingIsLeft) {
    TestFolder folder;
    Job job(folder);
    job.control.Stop();
    absl::Status status = job.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kInterrupted);
    EXPECT_NE(status.message().find("interrupted before a step was done"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(Finetune, OddSettingsAreSaidBeforeItStarts) {
    TestFolder folder;
    Job job(folder);
    job.options.max_steps = 1;
    job.options.lr_scheduler_type = "linear";
    ASSERT_TRUE(job.Run().ok());
    ASSERT_EQ(job.heard.warnings.size(), 1u);
    EXPECT_NE(job.heard.warnings[0].find("The learning rate is 0 at every step"),
              std::string::npos);
}

TEST(Finetune, InterruptedItGoesOnWithTheSameBits) {
    TestFolder folder;
    Job whole(folder, "whole"), first(folder), second(folder);
    ASSERT_TRUE(whole.Run().ok());
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) first.control.Stop();
    };
    absl::Status status = first.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kInterrupted);
    EXPECT_EQ(first.RunJson()["status"], "interrupted");
    EXPECT_FALSE(std::filesystem::exists(folder / "out/adapter"));
    ASSERT_TRUE(second.Run().ok());
    EXPECT_EQ(second.heard.plans[0].start_step, 3);
    EXPECT_EQ(second.heard.steps.size(), 5u);
    EXPECT_EQ(second.AdapterHash(), whole.AdapterHash());
    // Once more: all steps are done, and the result stands.
    Job third(folder);
    ASSERT_TRUE(third.Run().ok());
    EXPECT_TRUE(third.heard.steps.empty());
    EXPECT_EQ(third.AdapterHash(), whole.AdapterHash());
}

TEST(Finetune, ABrokenCheckpointFallsBackToTheOneBefore) {
    TestFolder folder;
    Job whole(folder, "whole"), first(folder), second(folder);
    ASSERT_TRUE(whole.Run().ok());
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 5) first.control.Stop();
    };
    ASSERT_FALSE(first.Run().ok());
    const std::string newest = folder / "out/checkpoints/step-5";
    std::filesystem::resize_file(newest + "/optimizer.safetensors", 100);
    Job explicitly(folder);
    explicitly.options.resume_from_checkpoint = newest;
    EXPECT_EQ(KindOf(explicitly.Run()), ErrorKind::kTraining);
    ASSERT_TRUE(second.Run().ok());
    EXPECT_EQ(second.heard.plans[0].start_step, 4);
    ASSERT_FALSE(second.heard.warnings.empty());
    EXPECT_NE(second.heard.warnings[0].find("optimizer.safetensors"), std::string::npos);
    EXPECT_EQ(second.AdapterHash(), whole.AdapterHash());
}

TEST(Finetune, AnotherConfigurationOrDataIsRefusedByName) {
    TestFolder folder;
    Job first(folder);
    ASSERT_TRUE(first.Run().ok());
    auto refused = [&](auto change) {
        Job job(folder);
        change(job);
        absl::Status status = job.Run();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << status;
        return std::string(status.message());
    };
    EXPECT_NE(refused([](Job& job) { job.options.learning_rate = 1e-3; }).find("learning_rate"),
              std::string::npos);
    EXPECT_NE(refused([](Job& job) { job.options.lora.r = 8; }).find("lora.r"), std::string::npos);
    EXPECT_NE(refused([](Job& job) { job.options.max_steps = 9; }).find("total_steps"),
              std::string::npos);
    EXPECT_NE(
        refused([](Job& job) { job.options.resume_from_checkpoint = "none"; }).find("checkpoints"),
        std::string::npos);
    EXPECT_NE(
        refused([](Job& job) { job.options.resume_from_checkpoint = "nowhere"; }).find("nowhere"),
        std::string::npos);
    EXPECT_NE(refused([](Job& job) {
                  EXPECT_TRUE(WriteFileAtomic(job.data, Job::Row(1) + Job::Row(2)).ok());
              }).find("train_data"),
              std::string::npos);
    // What does not change the result does not matter.
    Job same(folder);
    same.options.logging_steps = 7;
    same.options.threads = 2;
    EXPECT_TRUE(same.Run().ok());
}

TEST(Finetune, GoesOnFromAnAdapter) {
    TestFolder folder;
    Job first(folder, "first"), second(folder, "second");
    ASSERT_TRUE(first.Run().ok());
    second.options.adapter_path = folder / "first/adapter";
    second.options.lora.r = 64;  // the adapter's own rank counts
    ASSERT_TRUE(second.Run().ok());
    EXPECT_LT(second.heard.steps[0].step_loss, first.heard.steps[0].step_loss);
    EXPECT_EQ(ReadAdapterConfig(folder / "second/adapter")->r, 4);
}

TEST(Finetune, SavedModulesAreTrainedAndWritten) {
    TestFolder folder;
    Job job(folder);
    job.options.lora.modules_to_save = {"lm_head"};
    ASSERT_TRUE(job.Run().ok());
    const std::string text = ReadFile(folder / "out/adapter/adapter_model.safetensors").value();
    EXPECT_NE(text.find("\"base_model.model.lm_head.weight\""), std::string::npos);
    Job next(folder, "next");
    next.options.adapter_path = folder / "out/adapter";
    EXPECT_TRUE(next.Run().ok());
}

// A run of a job over a compressed base, cut after step 3, goes on with other threads and with
// checkpointing to the bits of a run that was not cut; one over the native base does not go on from
// it.
template <typename CompressedJob>
void ExpectTheSameBitsWhenInterrupted() {
    TestFolder folder;
    for (const char* dtype : {"bfloat16", "float32"}) {
        SCOPED_TRACE(dtype);
        const std::string out = std::string("out-") + dtype;
        CompressedJob whole(folder, std::string("whole-") + dtype), first(folder, out),
            second(folder, out);
        Job native(folder, out);
        for (Job* job : std::initializer_list<Job*>{&whole, &first, &second, &native})
            job->options.torch_dtype = dtype;
        second.options.threads = 3;
        second.options.gradient_checkpointing = "true";
        first.heard.on_step = [&](const StepReport& report) {
            if (report.step == 3) first.control.Stop();
        };
        ASSERT_TRUE(whole.Run().ok());
        EXPECT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
        absl::Status status = native.Run();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
        EXPECT_NE(std::string(status.message()).find("base_weights"), std::string::npos) << status;
        ASSERT_TRUE(second.Run().ok());
        EXPECT_EQ(second.heard.plans[0].start_step, 3);
        EXPECT_EQ(second.AdapterHash(), whole.AdapterHash());
    }
}

// A compressed layer is refused as a module to save with the message `held`; what is not
// compressed may be one.
template <typename CompressedJob>
void ExpectNotTrainedInFull(const std::string& held) {
    TestFolder folder;
    CompressedJob refused(folder, "refused"), head(folder, "head");
    refused.options.lora.modules_to_save = {"o_proj"};
    const absl::Status status = refused.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_NE(std::string(status.message()).find(held), std::string::npos) << status;
    head.options.lora.modules_to_save = {"lm_head", "norm"};
    EXPECT_TRUE(head.Run().ok());
}

// A job over a base in NF4.
struct QloraJob : Job {
    explicit QloraJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.method = "qlora";
    }
};

TEST(FinetuneQlora, HoldsTheLayersInHalfAByteAndSaysSo) {
    TestFolder folder;
    QloraJob qlora(folder, "qlora"), once(folder, "once");
    Job lora(folder, "lora");
    once.options.double_quant = false;
    for (Job* job : std::initializer_list<Job*>{&qlora, &once, &lora}) ASSERT_TRUE(job->Run().ok());
    const RunPlan& plan = qlora.heard.plans[0];
    const auto in_layers = [](const Job& job, double head) {
        return static_cast<double>(job.heard.plans[0].memory.weights) - head;
    };
    // The embedding and the head that is tied to it, each in bf16: 384 x 64.
    const double head = 2 * 384 * 64 * 2, weights = 2 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 160 * 3);
    EXPECT_NEAR(in_layers(lora, head) / weights, 2, 0.05);
    EXPECT_LT(in_layers(qlora, head) / weights, 0.53);
    EXPECT_NEAR(in_layers(once, head) / weights, 0.5625, 1e-6);
    EXPECT_NE(plan.method.find("qlora r=4"), std::string::npos) << plan.method;
    EXPECT_NE(plan.method.find("NF4, 4."), std::string::npos) << plan.method;
    EXPECT_EQ(qlora.RunJson()["plan"]["method"], plan.method);
    EXPECT_EQ(qlora.RunJson()["options"]["double_quant"], true);
    EXPECT_NE(ReadFile(folder / "qlora/README.md")->find("NF4"), std::string::npos);
    EXPECT_LT(qlora.heard.steps.back().step_loss, qlora.heard.steps.front().step_loss);
    // Another base each time, though a near one.
    const double loss = lora.heard.steps[0].step_loss;
    EXPECT_NE(qlora.heard.steps[0].step_loss, loss);
    EXPECT_NE(qlora.heard.steps[0].step_loss, once.heard.steps[0].step_loss);
    EXPECT_NEAR(qlora.heard.steps[0].step_loss, loss, 0.05 * loss);
}

TEST(FinetuneQlora, ThreadsCheckpointingAndInterruptionsNeverChangeABit) {
    ExpectTheSameBitsWhenInterrupted<QloraJob>();
}

TEST(FinetuneQlora, WhatIsHeldInFourBitsIsNotTrainedInFull) {
    ExpectNotTrainedInFull<QloraJob>("o_proj is held in NF4");
}

// A job whose products with the frozen layers are in 8-bit integers.
struct Int8Job : Job {
    explicit Int8Job(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.base_compute = "int8";
    }
};

TEST(FinetuneInt8, HoldsTheLayersInAByteAndSaysSo) {
    TestFolder folder;
    Int8Job int8(folder, "int8");
    Job lora(folder, "lora");
    for (Job* job : std::initializer_list<Job*>{&int8, &lora}) ASSERT_TRUE(job->Run().ok());
    const RunPlan& plan = int8.heard.plans[0];
    const double weights = 2 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 160 * 3);
    EXPECT_GT(static_cast<double>(lora.heard.plans[0].memory.weights) -
                  static_cast<double>(plan.memory.weights),
              0.8 * weights);
    EXPECT_NE(plan.method.find("lora r=4"), std::string::npos) << plan.method;
    EXPECT_NE(plan.method.find("8-bit integers"), std::string::npos) << plan.method;
    EXPECT_EQ(int8.RunJson()["options"]["base_compute"], "int8");
    EXPECT_NE(ReadFile(folder / "int8/README.md")->find("8-bit integers"), std::string::npos);
    EXPECT_LT(int8.heard.steps.back().step_loss, int8.heard.steps.front().step_loss);
    const double loss = lora.heard.steps[0].step_loss;
    EXPECT_NE(int8.heard.steps[0].step_loss, loss);
    EXPECT_NEAR(int8.heard.steps[0].step_loss, loss, 0.005 * loss);
}

TEST(FinetuneInt8, ThreadsCheckpointingAndInterruptionsNeverChangeABit) {
    ExpectTheSameBitsWhenInterrupted<Int8Job>();
}

TEST(FinetuneInt8, WhatIsHeldInEightBitsIsNotTrainedInFull) {
    ExpectNotTrainedInFull<Int8Job>("o_proj is held in 8 bits");
}

// A job that trains every weight.
struct FullJob : Job {
    explicit FullJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.method = "full";
        options.lora = {};
        options.learning_rate = 1e-3;
    }
    std::string ModelHash() const {
        return Sha256File(options.output_path + "/model/model.safetensors").value();
    }
};

TEST(FinetuneFull, MakesAModelAndPlansItsMemory) {
    TestFolder folder;
    FullJob job(folder);
    ASSERT_TRUE(job.Run().ok());
    const RunPlan& plan = job.heard.plans.at(0);
    EXPECT_EQ(plan.trainable_parameters, plan.base_parameters);
    EXPECT_EQ(plan.memory.parameters, 16u * static_cast<size_t>(plan.base_parameters));
    EXPECT_TRUE(plan.method.starts_with("full")) << plan.method;
    EXPECT_LT(job.heard.steps.back().step_loss, job.heard.steps.front().step_loss);
    EXPECT_EQ(job.heard.result->artifact_path, folder / "out/model");
    EXPECT_EQ(job.RunJson()["fine_tuned_model"]["sha256"], job.ModelHash());
    EXPECT_FALSE(std::filesystem::exists(folder / "out/adapter"));
    EXPECT_NE(
        ReadFile(folder / "out/README.md")->find("--model_name_or_path " + (folder / "out/model")),
        std::string::npos);
    // It is a base: an adapter can be trained on it.
    Job next(folder, "next");
    next.options.model_name_or_path = folder / "out/model";
    ASSERT_TRUE(next.Run().ok());
    EXPECT_NEAR(next.heard.steps[0].step_loss, job.heard.steps.back().step_loss, 1.0);
}

TEST(FinetuneFull, InterruptedItGoesOnWithTheSameBits) {
    TestFolder folder;
    FullJob whole(folder, "whole"), first(folder), second(folder);
    ASSERT_TRUE(whole.Run().ok());
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) first.control.Stop();
    };
    EXPECT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
    second.options.threads = 2;
    ASSERT_TRUE(second.Run().ok());
    EXPECT_EQ(second.heard.plans[0].start_step, 3);
    EXPECT_EQ(second.ModelHash(), whole.ModelHash());
    // An adapter's run does not go on from such a checkpoint.
    Job lora(folder);
    absl::Status status = lora.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_NE(std::string(status.message()).find("method"), std::string::npos) << status;
}

TEST(FinetuneFull, AFullDiskFailsWithoutAModel) {
    TestFolder folder;
    for (const char* name : {"master_weights", ".model-new/model.safetensors",
                             ".model-new/config.json", ".model-new/tokenizer.json"}) {
        std::filesystem::remove_all(folder / "out");
        FullJob job(folder);
        FaultGuard guard([&](std::string_view operation, const std::string& path) {
            return operation == "write" && path.find(name) != std::string::npos ? ENOSPC : 0;
        });
        absl::Status status = job.Run();
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining) << name << ": " << status;
        EXPECT_FALSE(std::filesystem::exists(folder / "out/model")) << name;
        EXPECT_FALSE(std::filesystem::exists(folder / "out/.model-new")) << name;
    }
}

TEST(Finetune, WrongTargetsAreUsageErrors) {
    TestFolder folder;
    Job job(folder);
    job.options.lora.target_modules = {"no_such_proj"};
    absl::Status status = job.Run();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_NE(std::string(status.message()).find("q_proj"), std::string::npos);
}

TEST(Finetune, DryRunWritesItsConfigurationAlone) {
    TestFolder folder;
    Job job(folder);
    job.options.dry_run = true;
    ASSERT_TRUE(job.Run().ok());
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "out"), {}), 1);
    const Json json = Json::parse(ReadFile(folder / "out/config.json").value());
    EXPECT_EQ(OptionsToJson(OptionsFromJson(json["options"]).value()), OptionsToJson(job.options));
    EXPECT_TRUE(job.heard.plans.empty());
    Job next(folder);  // the folder is a run's own now
    EXPECT_TRUE(next.Run().ok());
}

TEST(Finetune, AFullDiskAnywhereFailsWithoutAnAdapter) {
    TestFolder folder;
    for (const char* name :
         {"metrics.jsonl", "tfevents", "run.json", "step-4-", ".adapter-new", "README.md"}) {
        std::filesystem::remove_all(folder / "out");
        Job job(folder);
        FaultGuard guard([&](std::string_view operation, const std::string& path) {
            return operation == "write" && path.find(name) != std::string::npos ? ENOSPC : 0;
        });
        absl::Status status = job.Run();
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining) << name << ": " << status;
        EXPECT_FALSE(job.heard.result) << name;
    }
}

}  // namespace
}  // namespace hone
