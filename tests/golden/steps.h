// Steps that a reference took, taken again: by the trainer over rows of tokens, or by AdamW alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/batch/batcher.h"
#include "golden.h"
#include "kernels/adamw/adamw.h"
#include "train/loop/trainer.h"

namespace hone::golden {

// The JSON file `path` of tests/golden.
nlohmann::json ReadValues(const std::string& path);

// tests/golden/models/tied with the adapter that every run of tests/golden/preferences begins with,
// trained in passes of at most 128 tokens.
struct StartedRun {
    explicit StartedRun(const Context& context);

    Loaded loaded;
    std::unique_ptr<Learner> learner;
};

// Rows of ids alone, each of which is a label of weight 1.
std::vector<Example> LabelledRows(const nlohmann::json& rows);
// Appends ids to an example, of that weight each.
void AppendTokens(const nlohmann::json& ids, float weight, Example& example);

// What each step reported, "loss" and "grad_norm" among it. The options say all but where
// checkpoints go. Fails the running test where the run does.
using StepValues = std::map<std::string, double>;
std::vector<StepValues> TakeSteps(const std::vector<Example>& rows, const BatcherOptions& batcher,
                                  TrainerOptions options, Learner& learner, const Context& context);

// Expects the steps to have those numbers, each within tolerance(its name, the reference's value).
// The largest deviation of a loss goes into the table of base/deviation_table.h, as `row`.
void ExpectSteps(const std::vector<StepValues>& steps, const nlohmann::json& expected,
                 const std::string& row,
                 const std::function<double(const std::string&, double)>& tolerance);

// Torch's AdamW over every trained tensor, from moments of zero.
class AdamWOfModel {
  public:
    explicit AdamWOfModel(Model& model);
    // One step with the gradients that lie there. The options' weight decay is of tensors that
    // decay.
    void Step(const Context& context, AdamWOptions options);

  private:
    Model& model_;
    int64_t step_ = 0;
    std::vector<float> m_, v_;
};

}  // namespace hone::golden
