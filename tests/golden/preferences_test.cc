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
    options.adamw.weight_decay = arguments["weight_decay"];
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
        }
    }
}

TEST(LoraPlusTest, TwentyStepsAreThoseOfPeft) {
    const Context context(2);
    std::ifstream file(Folder() + "/preferences/loraplus.json");
    const Json values = Json::parse(file), &settings = values["settings"];
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows"};
    std::vector<int64_t> indices;
    for (const Json& row : values["rows"]) {
        Example example;
        Append(row, 1, example);
        indices.push_back(store->Append(example, 0, 1).value());
    }
    ExpectOk(store->Finish());
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    const LoraConfig config =
        LoadAdapter(*loaded.model, Folder() + "/preferences/start", context).value();
    ExpectOk(loaded.model->PrepareTraining(128, false));
    LoraLearner learner(*loaded.model, config, true, context);
    TestFolder folder;
    Watched watched;
    BatcherOptions batcher{.batch_size = settings["batch_size"], .shuffle = false};
    StepPlan plan =
        StepPlan::Create(std::make_shared<Dataset>(store, indices), batcher).value();
    TrainerOptions options;
    options.total_steps = settings["steps"];
    options.schedule = {.learning_rate = settings["learning_rate"],
                        .total_steps = options.total_steps};
    options.adamw.weight_decay = settings["weight_decay"];
    options.loraplus_lr_ratio = settings["loraplus_lr_ratio"];
    options.checkpoints = folder / "checkpoints";
    auto trainer = Trainer::Create(options, learner, plan, nullptr, watched.events, watched.poll,
                                   context);
    ExpectOk(trainer.status());
    ExpectOk((*trainer)->Run());
    ASSERT_EQ(watched.heard.steps.size(), values["losses"].size());
    for (size_t i = 0; i < values["losses"].size(); ++i) {
        const double theirs = values["losses"][i];
        EXPECT_NEAR(watched.heard.steps[i].step_loss, theirs, 1e-4 * theirs) << "step " << i + 1;
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, PreferencesTest,
                         testing::Values("dpo", "ipo", "orpo", "kto", "simpo"), TestName);

}  // namespace
}  // namespace hone::golden
