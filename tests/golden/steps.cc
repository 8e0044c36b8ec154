#include "steps.h"

#include <cmath>
#include <fstream>

#include "base/files/testing.h"
#include "data/load/token_store.h"
#include "train/control/testing.h"
#include "train/method/lora.h"

namespace hone::golden {

using Json = nlohmann::json;

Json ReadValues(const std::string& path) {
    std::ifstream file(Folder() + "/" + path);
    return Json::parse(file);
}

StartedRun::StartedRun(const Context& context)
    : loaded(LoadBase(Folder() + "/models/tied", ComputeType::kF32, context)) {
    const LoraConfig config =
        LoadAdapter(*loaded.model, Folder() + "/preferences/start", context).value();
    ExpectOk(loaded.model->PrepareTraining(128, false));
    learner = std::make_unique<LoraLearner>(*loaded.model, config, true, context);
}

void AppendTokens(const Json& ids, float weight, Example& example) {
    for (const Json& id : ids) {
        example.tokens.push_back(id.get<int32_t>());
        example.weights.push_back(weight);
    }
}

std::vector<Example> LabelledRows(const Json& rows) {
    std::vector<Example> examples;
    for (const Json& row : rows) AppendTokens(row, 1, examples.emplace_back());
    return examples;
}

namespace {

std::shared_ptr<const Dataset> StoreRows(const std::vector<Example>& rows) {
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows"};
    std::vector<int64_t> indices;
    for (const Example& row : rows) indices.push_back(store->Append(row, 0, 1).value());
    ExpectOk(store->Finish());
    return std::make_shared<Dataset>(store, indices);
}

}  // namespace

std::vector<StepValues> TakeSteps(const std::vector<Example>& rows, const BatcherOptions& batcher,
                                  TrainerOptions options, Learner& learner,
                                  const Context& context) {
    TestFolder folder;
    Watched watched;
    StepPlan plan = StepPlan::Create(StoreRows(rows), batcher).value();
    options.logging_steps = 1;
    options.checkpoints = folder / "checkpoints";
    auto trainer =
        Trainer::Create(options, learner, plan, nullptr, watched.events, watched.poll, context);
    ExpectOk(trainer.status());
    if (!trainer.ok()) return {};
    ExpectOk((*trainer)->Run());
    std::vector<StepValues> steps;
    for (const StepReport& report : watched.heard.steps) {
        StepValues& values = steps.emplace_back(report.metrics.begin(), report.metrics.end());
        values["loss"] = report.step_loss;
        values["grad_norm"] = report.grad_norm;
    }
    return steps;
}

void ExpectSteps(const std::vector<StepValues>& steps, const Json& expected, const std::string& row,
                 const std::function<double(const std::string&, double)>& tolerance) {
    ASSERT_EQ(steps.size(), expected.size());
    for (size_t i = 0; i < steps.size(); ++i)
        for (const auto& [name, value] : expected[i].items()) {
            const double theirs = value;
            const auto ours = steps[i].find(name);
            ASSERT_NE(ours, steps[i].end()) << name;
            EXPECT_NEAR(ours->second, theirs, tolerance(name, theirs))
                << name << " of step " << i + 1;
            if (name == "loss")
                testkit::deviation_table.Note(row, "trajectory",
                                              std::abs(ours->second / theirs - 1));
        }
}

AdamWOfModel::AdamWOfModel(Model& model)
    : model_(model), m_(static_cast<size_t>(model.parameters().count())), v_(m_.size()) {}

void AdamWOfModel::Step(const Context& context, AdamWOptions options) {
    const double weight_decay = options.weight_decay;
    options.step = ++step_;
    ParameterSet& parameters = model_.parameters();
    for (size_t i = 0; i < parameters.slices().size(); ++i) {
        const ParameterSlice& slice = parameters.slices()[i];
        const int index = static_cast<int>(i);
        options.weight_decay = slice.weight_decay ? weight_decay : 0;
        AdamWStep(context, slice.count, options, parameters.gradient(index),
                  parameters.value(index), m_.data() + slice.offset, v_.data() + slice.offset);
    }
    model_.ParametersChanged(context);
}

}  // namespace hone::golden
