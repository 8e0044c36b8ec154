// Twenty steps of each objective that compares answers, against TRL's trainers.
#include <cmath>
#include <fstream>

#include "adapt/lora.h"
#include "base/testing.h"
#include "data/load/token_store.h"
#include "golden.h"
#include "train/control/testing.h"
#include "train/loop/trainer.h"
#include "train/method/lora.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

const Json& Values() {
    static const Json values = [] {
        std::ifstream file(Folder() + "/preferences/steps.json");
        return Json::parse(file);
    }();
    return values;
}

void Append(const Json& ids, float weight, Example& example) {
    for (const Json& id : ids) {
        example.tokens.push_back(id.get<int32_t>());
        example.weights.push_back(weight);
    }
}

std::shared_ptr<const Dataset> Rows(RowKind kind) {
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows"};
    std::vector<int64_t> indices;
    for (const Json& row : Values()[kind == RowKind::kPairs ? "pairs" : "judged"]) {
        Example example;
        Append(row["prompt_ids"], 0, example);
        Append(row[kind == RowKind::kPairs ? "chosen_ids" : "completion_ids"], 1, example);
        if (kind == RowKind::kPairs) {
            example.second = static_cast<int64_t>(example.tokens.size());
            Append(row["prompt_ids"], 0, example);
            Append(row["rejected_ids"], 1, example);
        } else {
            example.undesired = !row["label"].get<bool>();
        }
        indices.push_back(store->Append(example, 0, 1).value());
    }
    ExpectOk(store->Finish());
    return std::make_shared<Dataset>(store, indices);
}

class PreferencesTest : public testing::TestWithParam<std::string> {};

TEST_P(PreferencesTest, TwentyStepsAreThoseOfTrl) {
    const Context context(2);
    const Json& golden = Values()["objectives"][GetParam()];
    const Json &arguments = Values()["arguments"], &settings = golden["settings"];
    const Objective& objective = *FindObjective(GetParam());
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    const LoraConfig config =
        LoadAdapter(*loaded.model, Folder() + "/preferences/start", context).value();
    ExpectOk(loaded.model->PrepareTraining(128, false));
    // Its B is zero: without it the model is what TRL's reference is.
    LoraLearner learner(*loaded.model, config, true, context);
    TestFolder folder;
    Watched watched;
    BatcherOptions batcher{.batch_size = arguments["per_device_train_batch_size"],
                           .shuffle = false};
    StepPlan plan = StepPlan::Create(Rows(objective.rows()), batcher).value();
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
    options.logging_steps = 1;
    options.checkpoints = folder / "checkpoints";
    auto trainer =
        Trainer::Create(options, learner, plan, nullptr, watched.events, watched.poll, context);
    ExpectOk(trainer.status());
    ExpectOk((*trainer)->Run());
    const Json& steps = golden["steps"];
    ASSERT_EQ(watched.heard.steps.size(), steps.size());
    ASSERT_EQ(steps.size(), 20U);
    for (size_t i = 0; i < steps.size(); ++i) {
        const StepReport& step = watched.heard.steps[i];
        std::map<std::string, double> ours = {{"loss", step.step_loss},
                                              {"grad_norm", step.grad_norm}};
        for (const auto& [name, value] : step.metrics) ours[name] = value;
        for (const auto& [name, value] : steps[i].items()) {
            const double theirs = value;
            ASSERT_TRUE(ours.contains(name)) << name;
            EXPECT_NEAR(ours[name], theirs, 5e-4 * std::abs(theirs) + 5e-5)
                << name << " of step " << i + 1;
            if (name == "loss")
                testkit::deviation_table.Note(GetParam(), "trajectory",
                                              std::abs(ours[name] / theirs - 1));
        }
    }
}

// What tools/golden/loraplus.py wrote of a run: its settings, rows and losses.
class PeftSteps {
  public:
    explicit PeftSteps(const std::string& name) : name_(name) {
        std::ifstream file(Folder() + "/preferences/" + name + ".json");
        values_ = Json::parse(file);
    }
    const Json& settings() const { return values_["settings"]; }
    void ExpectSame(Learner& learner, const OptimizerOptions& optimizer, const Context& context) {
        auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
        store->files = {"rows"};
        std::vector<int64_t> indices;
        for (const Json& row : values_["rows"]) {
            Example example;
            Append(row, 1, example);
            indices.push_back(store->Append(example, 0, 1).value());
        }
        ExpectOk(store->Finish());
        TestFolder folder;
        Watched watched;
        BatcherOptions batcher{.batch_size = settings()["batch_size"], .shuffle = false};
        StepPlan plan =
            StepPlan::Create(std::make_shared<Dataset>(store, indices), batcher).value();
        TrainerOptions options;
        options.total_steps = settings()["steps"];
        options.schedule = {.learning_rate = settings()["learning_rate"],
                            .total_steps = options.total_steps};
        options.optimizer = optimizer;
        options.optimizer.weight_decay = settings()["weight_decay"];
        options.checkpoints = folder / "checkpoints";
        auto trainer =
            Trainer::Create(options, learner, plan, nullptr, watched.events, watched.poll, context);
        ExpectOk(trainer.status());
        ExpectOk((*trainer)->Run());
        ASSERT_EQ(watched.heard.steps.size(), values_["losses"].size());
        for (size_t i = 0; i < values_["losses"].size(); ++i) {
            const double theirs = values_["losses"][i];
            const double error = std::abs(watched.heard.steps[i].step_loss / theirs - 1);
            EXPECT_LE(error, 1e-4) << "step " << i + 1;
            testkit::deviation_table.Note(name_, "trajectory", error);
        }
    }

  private:
    std::string name_;
    Json values_;
};

TEST(LoraPlusTest, TwentyStepsAreThoseOfPeft) {
    const Context context(2);
    PeftSteps steps("loraplus");
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    const LoraConfig config =
        LoadAdapter(*loaded.model, Folder() + "/preferences/start", context).value();
    ExpectOk(loaded.model->PrepareTraining(128, false));
    LoraLearner learner(*loaded.model, config, true, context);
    steps.ExpectSame(learner, {.loraplus_lr_ratio = steps.settings()["loraplus_lr_ratio"]},
                     context);
}

// Where A and B start decides the whole run. What is delivered is a plain adapter, with the logits
// of the model that was trained.
TEST(PissaTest, TwentyStepsAreThoseOfPeft) {
    const Context context(2);
    PeftSteps steps("pissa");
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    LoraConfig config;
    config.r = steps.settings()["lora_r"];
    config.lora_alpha = steps.settings()["lora_alpha"];
    config.target_modules = {"all-linear"};
    config.init_lora_weights = "pissa";
    const Batch batch = Pack(Case("tied-lora").documents());
    const double base = loaded.model->Evaluate(context, batch)->loss;
    ExpectOk(ApplyLora(*loaded.model, config, /*seed=*/5, context));
    ExpectOk(loaded.model->PrepareTraining(128, false));
    EXPECT_NEAR(loaded.model->Evaluate(context, batch)->loss, base, 1e-5 * base);
    LoraLearner learner(*loaded.model, config, true, context);
    steps.ExpectSame(learner, {}, context);

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
    const std::vector<float> values(loaded.model->parameters().values().begin(),
                                    loaded.model->parameters().values().end());
    for (float& value : loaded.model->parameters().values()) value = 0;
    ExpectOk(learner.Restore(folder / "adapter"));
    ExpectSameBits(loaded.model->parameters().values(), values, "values");
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
