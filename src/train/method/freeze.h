// --method freeze: some of the model's own weights, the others as they are: the last layers, and
// modules by name (LLaMA-Factory's freeze tuning).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/method/full.h"

namespace hone {

class FreezeMethod : public FullMethod {
  public:
    std::string_view name() const override { return "freeze"; }
    std::string_view why_not_others() const override {
        return "trains weights of the model itself, without an adapter; leave it out";
    }
    bool TrainsBase() const override { return false; }
    std::string_view smaller_base() const override { return "--method qlora"; }
    std::string_view fewer_parameters() const override {
        return "fewer --freeze_trainable_layers, --method lora";
    }
    ResultWords Words() const override {
        ResultWords words = FullMethod::Words();
        words.tag = "freeze-fine-tuning";
        words.trained = "some of its weights";
        return words;
    }
    std::string Headline(const FinetuneOptions& options) const override;
    absl::StatusOr<std::unique_ptr<EngineLearner>> MakeLearner(
        const FinetuneOptions& options, const ModelFiles& files, Model& model,
        const Context& context) const override;
};

// The modules that the options mean, in the order of the model's tensors. An error of kind kUsage
// where a name is in no layer, or an extra one in none of the others, or there are not so many
// layers.
absl::StatusOr<std::vector<std::string>> ModulesToTrain(const FreezeOptions& options,
                                                        const ModelFiles& files);

}  // namespace hone
