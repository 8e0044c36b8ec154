// The committed values of the Python reference (tools/golden/make.py and nf4.py), and how close is
// close enough.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/deviation_table.h"
#include "adapt/lora.h"
#include "gtest/gtest.h"
#include "model/model.h"
#include "nlohmann/json.hpp"
#include "tensor/batch.h"

namespace hone::golden {

// Fails the running test with the status.
void ExpectOk(const absl::Status& status);
#define GOLDEN_ASSERT_OK(expression)                        \
    do {                                                    \
        const auto& golden_status_ = (expression);          \
        ASSERT_TRUE(golden_status_.ok()) << golden_status_; \
    } while (0)

std::string Folder();                   // tests/golden
std::vector<std::string> ModelNames();  // "tied", "llama3", "bias", "odd": Llamas with a tokenizer
// "qwen3", "gpt2", ...: a model of each other family, and Llamas with other positions; they have no
// tokenizer.
std::vector<std::string> FamilyNames();
std::vector<std::string> CaseNames();  // "tied-lora", ...
std::vector<std::string> FullNames();  // "tied-full", ...: every weight is trained, no adapter
std::vector<std::string> AllCaseNames();
// A case's name as gtest takes one: "tied_lora" for "tied-lora".
std::string TestName(const testing::TestParamInfo<std::string>& info);

// One model with one adapter, or with every weight trained, and what the reference computed.
class Case {
  public:
    explicit Case(const std::string& name);

    const std::string& name() const { return name_; }
    const nlohmann::json& values() const { return values_; }
    bool full() const { return !values_.contains("adapter"); }
    // The mean loss of the documents with the trained parameters where training begins.
    double start_loss() const { return values_[full() ? "base" : "adapted"]["loss"]; }
    // How the base's weights are held: kNf4 in a case of tools/golden/nf4.py.
    WeightStorage storage() const {
        return values_.contains("base_weights") ? WeightStorage::kNf4 : WeightStorage::kNative;
    }
    std::string model_folder() const {
        return Folder() + "/" + values_["model"].get<std::string>();
    }
    std::string adapter_folder() const {
        return Folder() + "/" + values_["adapter"].get<std::string>();
    }
    // "base.logits", "gradient.NAME", ...
    std::vector<float> Tensor(const std::string& name) const;
    // Names after the prefix: every tensor that it has.
    std::vector<std::string> TensorsWith(const std::string& prefix) const;
    std::vector<Example> documents() const { return Examples(values_["documents"]); }
    static std::vector<Example> Examples(const nlohmann::json& documents);
    // For the table of base/deviation_table.h.
    void Note(const std::string& column, double deviation) const {
        testkit::deviation_table.Note(name_, column, deviation);
    }

  private:
    std::string name_;
    nlohmann::json values_;
    std::shared_ptr<WeightFile> tensors_;
};

// A loaded model; its files stay open beside it.
struct Loaded {
    std::unique_ptr<ModelFiles> files;
    std::unique_ptr<Model> model;
};
// Aborts the test program when the model does not load: nothing else could be said then.
Loaded LoadBase(const std::string& folder, ComputeType compute, const Context& context,
                WeightStorage storage = WeightStorage::kNative);
// With the case's adapter, or all weights trainable; ready for ForwardBackward with up to 256
// tokens.
Loaded LoadTrained(const Case& golden, ComputeType compute, const Context& context,
                   bool gradient_checkpointing = false);

Batch Pack(const std::vector<Example>& documents);

// The trainable tensor that PEFT calls `name` in its files.
std::span<float> Values(Model& model, const std::string& name);
std::span<float> Gradients(Model& model, const std::string& name);
void ZeroGradients(Model& model);
// All gradients of one pass over the batch from zero, those of `scale` times its loss; *loss, where
// given, = the loss, not scaled. Fails the running test when the pass fails.
std::vector<float> Backward(Model& model, const Context& context, const Batch& batch,
                            double* loss = nullptr, float scale = 1);

// Of those numbers of that tensor, what a file of PEFT's or transformers' has: GPT-2's weights lie
// transposed there.
std::vector<float> AsStored(const Model& model, const std::string& name,
                            std::span<const float> plain);

// Expects the tensor of the model to be the golden one, "gradient.NAME" or "final.NAME", within
// `tolerance`: RelativeError of all or, in a case with every weight, of the sample that make.py
// keeps, and the norm of all. Returns the larger of the two errors.
double ExpectGolden(const Case& golden, Model& model, const std::string& prefix,
                    const std::string& name, double tolerance);

// Euclidean norm of the difference, over the norm of `expected`.
double RelativeError(std::span<const float> actual, std::span<const float> expected);
// The largest |actual - expected| / (|expected| + rms of `expected`): an error relative to the
// element, with a floor at the tensor's own scale, below which single-precision sums have no digits
// left.
double WorstElement(std::span<const float> actual, std::span<const float> expected);

// Same count and bits.
void ExpectSameBits(std::span<const float> a, std::span<const float> b, const std::string& what);

}  // namespace hone::golden
