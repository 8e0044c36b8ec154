// Twenty steps of each objective that compares answers, against TRL's trainers.
#include <cmath>

#include "adapt/lora.h"
#include "base/files/testing.h"
#include "golden.h"
#include "steps.h"
#include "train/method/lora.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

// Pairs of answers, or single ones that are judged.
std::vector<Example> PreferenceRows(const Json& values, RowKind kind) {
    std::vector<Example> examples;
    for (const Json& row : values[kind == RowKind::kPairs ? "pairs" : "judged"]) {
        Example& example = examples.emplace_back();
        AppendTokens(row["prompt_ids"], 0, example);
        AppendTokens(row[kind == RowKind::kPairs ? "chosen_ids" : "completion_ids"], 1, example);
        if (kind == RowKind::kPairs) {
            example.second = static_cast<int64_t>(example.tokens.size());
            AppendTokens(row["prompt_ids"], 0, example);
            AppendTokens(row["rejected_ids"], 1, example);
        } else {
            example.undesired = !row["label"].get<bool>();
        }
    }
    return examples;
}

class PreferencesTest : public testing::TestWithParam<std::string> {};

TEST_P(PreferencesTest, TwentyStepsAreThoseOfTrl) {
    const Context context(2);
    const Json values = ReadValues("preferences/steps.json");
    const Json& golden = values["objectives"][GetParam()];
    const Json &arguments = values["arguments"], &settings = golden["settings"];
    const Objective& objective = *FindObjective(GetParam());
    // Its B is zero: without it the model is what TRL's reference is.
    StartedRun run(context);
    const BatcherOptions batcher{.batch_size = arguments["per_device_train_batch_size"],
                                 .shuffle = false};
    TrainerOptions options;
    options.total_steps = arguments["max_steps"];
    options.schedule = {.kind = ScheduleKind::kLinear,
                        .learning_rate = arguments["learning_rate"],
                        .total_steps = options.total_steps};
    options.optimizer.weight_decay = arguments["weight_decay"];
    options.objective = &objective;
    options.preference.beta = settings["beta"];
    options.preference.simpo_gamma = settings.value("simpo_gamma", 0.5);
    options.preference.label_smoothing = settings.value("label_smoothing", 0.0);
    options.batch_rows = batcher.batch_size;
    options.micro_batch_tokens = 64;
    ASSERT_EQ(golden["steps"].size(), 20U);
    ExpectSteps(TakeSteps(PreferenceRows(values, objective.rows()), batcher, std::move(options),
                          *run.learner, context),
                golden["steps"], GetParam(),
                [](const std::string&, double value) { return 5e-4 * std::abs(value) + 5e-5; });
}

// Expects the losses that tools/golden/loraplus.py wrote of a run with these settings and rows.
void ExpectPeftSteps(const std::string& name, const Json& values, Learner& learner,
                     const OptimizerOptions& optimizer, const Context& context) {
    const Json& settings = values["settings"];
    TrainerOptions options;
    options.total_steps = settings["steps"];
    options.schedule = {.learning_rate = settings["learning_rate"],
                        .total_steps = options.total_steps};
    options.optimizer = optimizer;
    options.optimizer.weight_decay = settings["weight_decay"];
    const std::vector<StepValues> ours = TakeSteps(
        LabelledRows(values["rows"]), {.batch_size = settings["batch_size"], .shuffle = false},
        std::move(options), learner, context);
    Json steps = Json::array();
    for (const Json& loss : values["losses"]) steps.push_back({{"loss", loss}});
    ExpectSteps(ours, steps, name, [](const std::string&, double value) { return 1e-4 * value; });
}

TEST(LoraPlusTest, TwentyStepsAreThoseOfPeft) {
    const Context context(2);
    const Json values = ReadValues("preferences/loraplus.json");
    StartedRun run(context);
    ExpectPeftSteps("loraplus", values, *run.learner,
                    {.loraplus_lr_ratio = values["settings"]["loraplus_lr_ratio"]}, context);
}

// Where A and B start decides the whole run. What is delivered is a plain adapter, with the logits
// of the model that was trained.
TEST(PissaTest, TwentyStepsAreThoseOfPeft) {
    const Context context(2);
    const Json values = ReadValues("preferences/pissa.json");
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    LoraConfig config;
    config.r = values["settings"]["lora_r"];
    config.lora_alpha = values["settings"]["lora_alpha"];
    config.target_modules = {"all-linear"};
    config.init_lora_weights = "pissa";
    const Batch batch = Pack(Case("tied-lora").documents());
    const double base = loaded.model->Evaluate(context, batch)->loss;
    ExpectOk(ApplyLora(*loaded.model, config, /*seed=*/5, context));
    ExpectOk(loaded.model->PrepareTraining(128, false));
    EXPECT_NEAR(loaded.model->Evaluate(context, batch)->loss, base, 1e-5 * base);
    LoraLearner learner(*loaded.model, config, true, context);
    ExpectPeftSteps("pissa", values, learner, {}, context);

    const double trained = loaded.model->Evaluate(context, batch)->loss;
    EXPECT_GT(std::abs(trained - base), 1e-3 * base);
    const TestFolder folder;
    ExpectOk(learner.Deliver(folder / "adapter"));
    ExpectOk(learner.CheckDelivered(folder / "adapter"));
    Loaded plain = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    const auto delivered = LoadAdapter(*plain.model, folder / "adapter", context);
    ExpectOk(delivered.status());
    EXPECT_EQ(delivered->r, 8);
    EXPECT_NEAR(plain.model->Evaluate(context, batch)->loss, trained, 1e-6 * trained);

    // A checkpoint gives back both halves, and one of another start is refused.
    const std::vector<float> before(loaded.model->parameters().values().begin(),
                                    loaded.model->parameters().values().end());
    for (float& value : loaded.model->parameters().values()) value = 0;
    ExpectOk(learner.Restore(folder / "adapter"));
    ExpectSameBits(loaded.model->parameters().values(), before, "values");
    std::vector<float> other(loaded.model->GetFixedPair("model.layers.0.mlp.up_proj").a.size(), 1);
    const FixedPair pair = loaded.model->GetFixedPair("model.layers.0.mlp.up_proj");
    const std::vector<float> b(pair.b.begin(), pair.b.end());
    loaded.model->SetFixedPair("model.layers.0.mlp.up_proj", {other, b});
    EXPECT_EQ(KindOf(learner.Restore(folder / "adapter")), ErrorKind::kModel);
}

INSTANTIATE_TEST_SUITE_P(Golden, PreferencesTest,
                         testing::Values("dpo", "ipo", "orpo", "kto", "simpo"), TestName);

}  // namespace
}  // namespace hone::golden
