#include "platform/conduct/recipe.h"

#include <gmock/gmock.h>

#include "base/files/testing.h"
#include "platform/conduct/job_log.h"

namespace hone::platform {
namespace {

TEST(Recipe, AutomaticHyperparametersFollowTheRule) {
    const auto resolved = [](int64_t examples) { return ResolveAuto({}, "supervised", examples); };
    // Real jobs of the API: 10 examples had 10 epochs, 80 and 100 had 3.
    const std::vector<std::pair<int64_t, int64_t>> epochs = {
        {1, 25}, {4, 25},  {5, 20},   {10, 10},  {33, 3},     {34, 3},
        {80, 3}, {100, 3}, {8333, 3}, {8334, 2}, {20'000, 1}, {1'000'000, 1}};
    for (const auto& [examples, expected] : epochs)
        EXPECT_EQ(resolved(examples).n_epochs, expected) << examples;
    EXPECT_EQ(resolved(10).batch_size, 1);
    EXPECT_EQ(resolved(999).batch_size, 1);
    EXPECT_EQ(resolved(1000).batch_size, 2);
    EXPECT_EQ(resolved(1'000'000).batch_size, 256);
    EXPECT_EQ(resolved(10).learning_rate_multiplier, 2);
    EXPECT_FALSE(resolved(10).beta.has_value());
    EXPECT_EQ(ResolveAuto({}, "dpo", 10).beta, 0.1);
    // What was asked for stays.
    const auto asked = ResolveAuto({4, 0.5, 7, {}}, "supervised", 10);
    EXPECT_EQ(asked.batch_size, 4);
    EXPECT_EQ(asked.learning_rate_multiplier, 0.5);
    EXPECT_EQ(asked.n_epochs, 7);
}

TEST(Recipe, LargerModelsLearnSlower) {
    double before = 1;
    for (const int64_t parameters : {int64_t{135'000'000}, int64_t{1'100'000'000},
                                     int64_t{3'000'000'000}, int64_t{8'000'000'000}}) {
        const double rate = BaseLearningRate("supervised", parameters);
        EXPECT_LT(rate, before);
        EXPECT_LT(BaseLearningRate("dpo", parameters), rate);
        before = rate;
    }
    EXPECT_EQ(BaseLearningRate("supervised", 300'000'000), 2e-4);
    EXPECT_EQ(BaseLearningRate("supervised", 300'000'001), 1.5e-4);
}

TEST(Recipe, AnEpochEndsWithAShorterStep) {
    EXPECT_EQ(EpochSteps(10, 1), 10);
    EXPECT_EQ(EpochSteps(10, 4), 3);
    EXPECT_EQ(EpochSteps(12, 4), 3);
}

TEST(Recipe, OptionsAreThoseOfTheJob) {
    Job job;
    job.created_at = 1'700'000'000;
    job.seed = 7;
    job.hyperparameters = {4, 3, 2, {}};
    RunPlaces places;
    places.base_path = "/base";
    places.training_file = "/job/training.jsonl";
    places.output = "/job/run";
    const FinetuneOptions options = MakeOptions(job, 5, {135'000'000, 2048}, places);
    EXPECT_EQ(options.per_device_train_batch_size, 4);
    EXPECT_EQ(options.num_train_epochs, 2);
    EXPECT_DOUBLE_EQ(options.learning_rate, 6e-4);
    EXPECT_EQ(options.seed, 7u);
    EXPECT_EQ(options.save_steps, 5);
    EXPECT_EQ(options.data.max_seq_len, 2048);
    EXPECT_EQ(options.data.eval_split, "none");
    EXPECT_EQ(options.data.template_date, "2023-11-14");
    EXPECT_TRUE(ValidateOptions(options).ok()) << ValidateOptions(options);
    EXPECT_EQ(MakeOptions(job, 5, {135'000'000, 100'000}, places).data.max_seq_len, 4096);
    places.validation_file = "/job/validation.jsonl";
    const FinetuneOptions evaluated = MakeOptions(job, 5, {135'000'000, 2048}, places);
    EXPECT_FALSE(evaluated.data.eval_split.has_value());
    EXPECT_TRUE(ValidateOptions(evaluated).ok()) << ValidateOptions(evaluated);
    EXPECT_EQ(evaluated.objective, "sft");
    job.method = "dpo";
    job.hyperparameters.beta = 0.3;
    const FinetuneOptions preferring = MakeOptions(job, 5, {135'000'000, 2048}, places);
    EXPECT_EQ(preferring.objective, "dpo");
    EXPECT_EQ(preferring.preference.beta, 0.3);
    EXPECT_TRUE(ValidateOptions(preferring).ok()) << ValidateOptions(preferring);
}

TEST(Recipe, TheFactsOfAModelAreInItsFiles) {
    const auto facts = ReadBaseFacts(HONE_SOURCE_DIR "/tests/golden/models/tied");
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_GT(facts->parameters, 1000);
    EXPECT_GT(facts->context, 0);
    EXPECT_FALSE(ReadBaseFacts("/no/such/model").ok());
}

TEST(Metrics, BecomeAResultFile) {
    TestFolder folder;
    const std::string path =
        folder.Write("metrics.jsonl",
                     "{\"step\":1,\"loss\":2.5,\"token_accuracy\":0.25}\n"
                     "{\"step\":2,\"loss\":1.23456789,\"token_accuracy\":0.5,"
                     "\"eval_sample_loss\":3,\"eval_sample_token_accuracy\":0.125}\n"
                     "{\"step\":2,\"eval_loss\":4,\"eval_token_accuracy\":0.25}\n"
                     "{\"step\":3,\"lo");  // broken off
    const auto steps = ReadMetrics(path).value();
    EXPECT_EQ(MetricsCsv(steps),
              "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
              "1,2.50000,0.25000,,\n"
              "2,1.23457,0.50000,3.00000,0.12500\n");
    EXPECT_FALSE(ReadMetrics(folder / "none").ok());
}

}  // namespace
}  // namespace hone::platform
