// Runs with objectives that compare answers, on a tiny random Llama.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>

#include "adapt/lora.h"
#include "data/load/token_store.h"
#include "train/loop/checkpoint.h"
#include "train/loop/engine_learner.h"
#include "train/loop/scorer.h"
#include "train/loop/trainer.h"
#include "train/method/lora.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

Json Message(const char* role, const std::string& content) {
    return {{"role", role}, {"content", content}};
}

// A row of pairs, or with `judged` of one answer.
Json PreferenceRow(int i, bool judged) {
    const Json prompt = Json::array({Message("user", fmt::format("word {}", i % 9))});
    const std::string good = fmt::format("good answer {}", i % 5), bad = fmt::format("bad {}", i);
    if (judged)
        return {{"prompt", prompt},
                {"completion", Json::array({Message("assistant", i % 2 == 0 ? good : bad)})},
                {"label", i % 2 == 0}};
    return {{"prompt", prompt},
            {"chosen", Json::array({Message("assistant", good)})},
            {"rejected", Json::array({Message("assistant", bad)})}};
}

struct PreferenceJob : Job {
    PreferenceJob(const TestFolder& folder, const std::string& name, const std::string& objective)
        : Job(folder, name) {
        std::string rows;
        for (int i = 0; i < 24; ++i) rows += PreferenceRow(i, objective == "kto").dump() + "\n";
        data = folder / fmt::format("{}.jsonl", objective);
        EXPECT_TRUE(WriteFileAtomic(data, rows).ok());
        options.data.data_name = data;
        options.objective = objective;
        options.lora.lora_dropout = 0;
        options.preference.beta = objective == "simpo" ? 2 : 0.5;
        options.micro_batch_tokens = 90;
        options.per_device_train_batch_size = 4;
    }
};

std::string ResultHash(const Job& job) {
    const std::string model = job.options.output_path + "/model/model.safetensors";
    return Sha256File(std::filesystem::exists(model)
                          ? model
                          : job.options.output_path + "/adapter/adapter_model.safetensors")
        .value();
}

std::vector<Json> MetricsOf(const Job& job) {
    std::vector<Json> rows;
    std::istringstream lines(ReadFile(job.options.output_path + "/metrics.jsonl").value());
    for (std::string line; std::getline(lines, line);) rows.push_back(Json::parse(line));
    return rows;
}

// The documents of rows of both kinds, without text.
std::shared_ptr<const Dataset> RandomRows(RowKind kind, uint64_t seed) {
    TestRandom random(seed);
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows.jsonl"};
    std::vector<int64_t> indices;
    for (int row = 0; row < 6; ++row) {
        Example example;
        const auto add = [&](int64_t prompt, int64_t answer) {
            for (int64_t i = 0; i < prompt + answer; ++i) {
                example.tokens.push_back(static_cast<int32_t>(random.Between(1, 380)));
                example.weights.push_back(i < prompt ? 0.0f : 1.0f);
            }
        };
        add(random.Between(2, 6), random.Between(2, 7));
        if (kind == RowKind::kPairs) {
            example.second = static_cast<int64_t>(example.tokens.size());
            add(random.Between(2, 6), random.Between(2, 7));
        }
        example.undesired = kind == RowKind::kJudged && row % 3 == 1;
        indices.push_back(store->Append(example, 0, row + 1).value());
    }
    EXPECT_TRUE(store->Finish().ok());
    return std::make_shared<Dataset>(store, indices);
}

// A model with an adapter that is no longer at its start.
struct Trained {
    explicit Trained(const Context& context) {
        files = OpenModel(kTinyModel).value();
        LoadOptions load;
        load.compute = ComputeType::kF32;
        model = Model::Load(*files, load, context).value();
        LoraConfig config{.r = 3, .target_modules = {"all-linear"}};
        EXPECT_TRUE(ApplyLora(*model, config, 7, context).ok());
        TestRandom random(11);
        for (float& value : model->parameters().values()) value += 0.05f * random.Normal();
        model->ParametersChanged(context);
        EXPECT_TRUE(model->PrepareTraining(64, false).ok());
        learner = std::make_unique<LoraLearner>(*model, config, true, context);
    }
    std::unique_ptr<ModelFiles> files;
    std::unique_ptr<Model> model;
    std::unique_ptr<LoraLearner> learner;
};

// The gradient that a step leaves is the slope of the objective's loss, micro-batches and negative
// weights included.
TEST(Preference, TheGradientOfAStepIsTheSlopeOfItsLoss) {
    const Context context(2);
    for (const Objective* objective : Objectives()) {
        SCOPED_TRACE(objective->name());
        TestFolder folder;
        Watched watched;
        Trained trained(context);
        const auto rows = RandomRows(objective->rows(), 5);
        BatcherOptions batcher{.batch_size = 3, .gradient_accumulation_steps = 2};
        StepPlan plan = StepPlan::Create(rows, batcher).value();
        TrainerOptions options;
        options.total_steps = 1;
        options.schedule.total_steps = 1;
        options.schedule.learning_rate = 0;  // the parameters stay
        options.objective = objective;
        options.preference = {.beta = 0.4, .label_smoothing = 0.1};
        options.batch_rows = 3;
        options.micro_batch_tokens = 40;
        options.checkpoints = folder / "checkpoints";
        auto trainer = Trainer::Create(options, *trained.learner, plan, nullptr, watched.events,
                                       watched.poll, context);
        ASSERT_TRUE(trainer.ok()) << trainer.status();
        ASSERT_TRUE((*trainer)->Run().ok());
        ParameterSet& parameters = trained.model->parameters();
        const std::vector<float> gradient(parameters.gradients().begin(),
                                          parameters.gradients().end());

        Scorer scorer(*objective, *trained.learner, rows, nullptr,
                      {.batch_rows = 3, .micro_batch_tokens = 40});
        const std::vector<int64_t> order = plan.StepRows({});
        std::vector<Example> examples;
        for (int64_t row : order) examples.push_back(rows->Get(row));
        // How far the model has moved is no part of KTO's gradient.
        std::optional<std::vector<Answer>> unrelated;
        const auto loss = [&] {
            trained.model->ParametersChanged(context);
            const auto go_on = [](int64_t) { return true; };
            ScoredRows scored =
                scorer.Score(*rows, order, CutMicroBatches(examples, 40), go_on).value();
            if (unrelated) scored.unrelated = *unrelated;
            unrelated = scored.unrelated;
            std::vector<double> slopes(scored.answers.size());
            return objective->Loss(options.preference, scored, 3, slopes).MeanLoss();
        };
        EXPECT_NEAR((*trainer)->result().train_loss, loss(), 1e-6);
        double largest = 0;
        for (float slope : gradient) largest = std::max(largest, double{std::abs(slope)});
        EXPECT_GT(largest, 0);
        TestRandom random(3);
        for (int i = 0; i < 10; ++i) {
            const auto at =
                static_cast<size_t>(random.Between(0, static_cast<int64_t>(gradient.size()) - 1));
            float& value = parameters.values()[at];
            const float before = value;
            constexpr float kStep = 4e-3f;
            value = before + kStep;
            const double above = loss();
            value = before - kStep;
            const double below = loss();
            value = before;
            EXPECT_NEAR((above - below) / (2 * double{kStep}), gradient[at], 0.02 * largest) << at;
        }
    }
}

TEST(Preference, WithoutTheDeltasTheModelIsItsBase) {
    const Context context(1);
    Trained trained(context);
    const auto rows = RandomRows(RowKind::kPairs, 6);
    Batch batch;
    for (int64_t row = 0; row < rows->size(); ++row) batch.Append(rows->Get(row));
    auto base = Model::Load(*trained.files, {.compute = ComputeType::kF32}, context).value();
    std::vector<LossSums> with, without, again, expected;
    ASSERT_TRUE(trained.model->Evaluate(context, batch, &with).ok());
    trained.learner->UseTrained(false);
    ASSERT_TRUE(trained.model->Evaluate(context, batch, &without).ok());
    trained.learner->UseTrained(true);
    ASSERT_TRUE(trained.model->Evaluate(context, batch, &again).ok());
    ASSERT_TRUE(base->Evaluate(context, batch, &expected).ok());
    ASSERT_EQ(without.size(), 2U * static_cast<size_t>(rows->size()));
    for (size_t d = 0; d < with.size(); ++d) {
        EXPECT_EQ(without[d].loss, expected[d].loss);
        EXPECT_EQ(again[d].loss, with[d].loss);
        EXPECT_NE(with[d].loss, without[d].loss);
    }
}

TEST(Preference, EveryObjectiveLearnsWhichAnswerIsBetter) {
    TestFolder folder;
    for (const char* objective : {"dpo", "ipo", "orpo", "kto", "simpo"}) {
        SCOPED_TRACE(objective);
        PreferenceJob job(folder, objective, objective);
        job.options.data.eval_split.reset();
        job.options.data.eval_fraction = 0.3;
        job.options.eval_on_start = true;
        job.options.max_steps = 12;
        ASSERT_TRUE(job.Run().ok());
        std::vector<double> margins, losses;
        for (const Json& row : MetricsOf(job)) {
            if (row.contains("eval_rewards/margins"))
                margins.push_back(row["eval_rewards/margins"].get<double>());
            if (row.contains("loss")) losses.push_back(row["loss"].get<double>());
        }
        ASSERT_GE(margins.size(), 2U);
        EXPECT_GT(margins.back(), margins.front() + 0.05);
        EXPECT_LT(losses.back(), losses.front());
        EXPECT_EQ(losses.size(), 12U);
        const RunPlan& plan = job.heard.plans[0];
        EXPECT_NE(plan.objective.find(objective), std::string::npos) << plan.objective;
        EXPECT_EQ(job.RunJson()["options"]["objective"], objective);
        EXPECT_EQ(job.RunJson()["options"].contains("simpo_gamma"),
                  std::string_view(objective) == "simpo");
        EXPECT_GT(plan.estimated_seconds, 0);
        const bool reference = std::filesystem::exists(
            job.options.output_path + "/checkpoints/step-12/reference.safetensors");
        EXPECT_FALSE(reference);
    }
}

// Cut after step 3, on other threads and with checkpointing.
void ExpectTheSameBits(const TestFolder& folder, const std::string& objective,
                       const std::function<void(FinetuneOptions&)>& change) {
    PreferenceJob whole(folder, objective + "-whole", objective),
        first(folder, objective + "-cut", objective), second(folder, objective + "-cut", objective);
    for (PreferenceJob* job : {&whole, &first, &second}) change(job->options);
    second.options.threads = 3;
    second.options.gradient_checkpointing = "true";
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) first.control.Stop();
    };
    ASSERT_TRUE(whole.Run().ok());
    EXPECT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
    ASSERT_TRUE(second.Run().ok());
    EXPECT_EQ(second.heard.plans[0].start_step, 3);
    EXPECT_EQ(ResultHash(second), ResultHash(whole));
    const std::vector<Json> a = MetricsOf(whole), b = MetricsOf(second);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
        for (const char* number : {"loss", "grad_norm", "logps/chosen", "rewards/margins"})
            EXPECT_EQ(a[i].value(number, Json()), b[i].value(number, Json())) << number << " " << i;
}

TEST(Preference, ThreadsCheckpointingAndInterruptionsNeverChangeABit) {
    TestFolder folder;
    for (const char* objective : {"dpo", "kto", "orpo"})
        ExpectTheSameBits(folder, objective, [](FinetuneOptions&) {});
}

// With every weight trained the reference is gone after step 1: its scores are in the checkpoints.
TEST(Preference, TheReferenceOfAFullRunIsKept) {
    TestFolder folder;
    for (const char* objective : {"dpo", "kto"}) {
        ExpectTheSameBits(folder, objective, [](FinetuneOptions& options) {
            options.method = "full";
            options.lora = LoraConfig();
            options.learning_rate = 1e-3;
        });
        const std::string out = folder / fmt::format("{}-cut", objective);
        EXPECT_TRUE(std::filesystem::exists(out + "/checkpoints/step-8/reference.safetensors"));
    }
}

// An adapter that was trained before is the reference of what comes after it.
TEST(Preference, GoesOnFromAnAdapterAsItsReference) {
    TestFolder folder;
    Job sft(folder, "sft");
    ASSERT_TRUE(sft.Run().ok());
    PreferenceJob dpo(folder, "dpo", "dpo");
    dpo.options.adapter_path = sft.options.output_path + "/adapter";
    dpo.options.lora = LoraConfig();
    dpo.options.max_steps = 1;
    ASSERT_TRUE(dpo.Run().ok());
    const std::vector<Json> rows = MetricsOf(dpo);
    EXPECT_NEAR(rows[0]["loss"].get<double>(), std::log(2.0), 1e-4);
    EXPECT_NEAR(rows[0]["rewards/margins"].get<double>(), 0, 1e-4);
    const LoraConfig config = ReadAdapterConfig(dpo.options.output_path + "/adapter").value();
    EXPECT_EQ(config.lora_dropout, 0);
}

TEST(Preference, RowsOfAnotherKindAreRefusedWithTheFlag) {
    TestFolder folder;
    PreferenceJob pairs(folder, "a", "dpo"), judged(folder, "b", "kto");
    pairs.options.objective = "sft";
    pairs.options.preference = {};
    judged.options.objective = "simpo";
    for (const auto& [job, part] :
         {std::pair<Job*, const char*>{&pairs, "`hone finetune --objective dpo`"},
          {&judged, "--objective simpo learns from two answers"}}) {
        const absl::Status refused = job->Run();
        EXPECT_EQ(KindOf(refused), ErrorKind::kData);
        EXPECT_NE(std::string(refused.message()).find(part), std::string::npos) << refused;
    }
    PreferenceJob other(folder, "c", "dpo");
    ASSERT_TRUE(other.Run().ok());
    other.options.preference.beta = 0.2;
    other.options.max_steps = 9;
    const absl::Status changed = other.Run();
    EXPECT_EQ(KindOf(changed), ErrorKind::kUsage);
    EXPECT_NE(std::string(changed.message()).find("beta: 0.5 there, 0.2 here"), std::string::npos)
        << changed;
}

}  // namespace
}  // namespace hone
