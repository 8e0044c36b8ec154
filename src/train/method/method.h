// What can be trained of a model, one object a method: its defaults, the options that it takes, how
// the base is held, what it costs, what it learns and what it delivers. A method is a file of this
// folder and its line in Methods().
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/files/model_files.h"
#include "model/model.h"
#include "nlohmann/json.hpp"
#include "tensor/dtype.h"
#include "train/loop/engine_learner.h"
#include "train/options/given.h"
#include "train/options/options.h"
#include "train/options/table.h"
#include "train/output/run_files.h"

namespace hone {

class Method {
  public:
    virtual ~Method() = default;

    virtual std::string_view name() const = 0;  // of --method: "lora"
    // Where they differ from those of FinetuneOptions.
    virtual std::span<const OptionDefault> defaults() const = 0;
    // Why it takes no option of another method: goes after the method's name.
    virtual std::string_view why_not_others() const = 0;
    // An error of kind kUsage where the option belongs to other methods alone.
    absl::Status CheckTakes(const OptionRow& option, const OptionNames& names) const;

    // An error of kind kUsage where it cannot train that model, from its files alone.
    virtual absl::Status CheckModel(const FinetuneOptions& options, const ModelFiles& files) const {
        return absl::OkStatus();
    }
    // How the base's layers are held.
    virtual WeightStorage Storage(const FinetuneOptions& options) const = 0;
    LoadOptions Loading(const FinetuneOptions& options) const;
    // Whether that takes something from the base, which a start of the adapter may give back.
    virtual bool QuantizesBase() const { return false; }
    // Whether every weight of the base is trained.
    virtual bool TrainsBase() const { return false; }
    // PEFT's kind of the adapters that it trains, also further ("LORA"); empty: it trains none.
    virtual std::string_view peft_type() const { return ""; }
    // Whether it chooses layers of the base by name, and adds to these.
    virtual bool AdaptsLayers() const { return !peft_type().empty(); }
    // Whether what it trains lies in layers, each of which may have a learning rate of its own.
    virtual bool LiesInLayers() const { return true; }
    // The method to take for a task with a head, where its own form on disk has no place for one;
    // empty: it has.
    virtual std::string_view ForHeads() const { return ""; }
    // The rank of what is added to the base's layers; 0: nothing is.
    virtual int64_t Rank(const FinetuneOptions& options) const { return 0; }
    // Flags that would make the base's weights smaller ("--method qlora"), and those that would
    // make the trained numbers fewer; empty: there are none.
    virtual std::string_view smaller_base() const = 0;
    virtual std::string_view fewer_parameters() const = 0;
    // The type of the numbers that it delivers.
    virtual DType ResultType(const FinetuneOptions& options) const { return DType::kF32; }
    // What a card calls that.
    virtual ResultWords Words() const { return {}; }
    // "LoRA r=16", "every weight": for a benchmark's headline.
    virtual std::string Headline(const FinetuneOptions& options) const = 0;

    // Adds what it trains to a freshly loaded model, at its start values. The references outlive
    // the learner; `files` are the model's.
    virtual absl::StatusOr<std::unique_ptr<EngineLearner>> MakeLearner(
        const FinetuneOptions& options, const ModelFiles& files, Model& model,
        const Context& context) const = 0;
};

// All of them; the first is the default.
std::span<const Method* const> Methods();
// nullptr where there is none of that name.
const Method* FindMethod(std::string_view name);
// That of options.method, which must be one.
const Method& MethodOf(const FinetuneOptions& options);

}  // namespace hone
