// How gradients move the parameters: one class for each of --optim, behind one interface. An
// optimiser is a file of this folder and its line in optimizer.cc.
//
// Each equals the one that transformers' Trainer takes by that name, step by step; the files say
// which. All reductions are over fixed pieces: results are the same bits on any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/linear/parameters.h"
#include "tensor/buffer.h"
#include "tensor/context.h"
#include "tensor/dtype.h"

namespace hone {

struct OptimizerOptions {
    std::string name = "adamw_torch";  // one of OptimizerNames()
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    double weight_decay = 0;        // not of norms and biases (ParameterSlice::weight_decay)
    double loraplus_lr_ratio = 1;   // learning rate of lora_B, as a multiple
    double layerwise_lr_decay = 1;  // of each layer, as a multiple of the next one's
    int64_t layers = 0;             // of the model, for the latter
};

// The numbers of one step that are the same for all parameters.
struct OptimizerStep {
    int64_t number = 1;        // from 1
    double learning_rate = 0;  // before the parameters' own multiples
    float gradient_scale = 1;  // multiplies the gradients: clipping
};

// Numbers that the next step depends on: for checkpoints.
struct OptimizerState {
    std::string name;
    std::vector<int64_t> shape;
    DType dtype = DType::kF32;
    std::span<uint8_t> bytes;
};

// Neighbouring parameters that are treated alike.
struct ParameterRun {
    int64_t offset = 0, count = 0;
    double rate = 1;  // learning rate, as a multiple
    double weight_decay = 0;
};

class Optimizer {
  public:
    virtual ~Optimizer() = default;
    // parameters.values() move along its gradients(), which may be overwritten.
    virtual void Step(const Context& context, const OptimizerStep& step,
                      ParameterSet& parameters) = 0;
    // In an order that depends on the parameters alone. The memory lives as long as the optimiser.
    virtual std::vector<OptimizerState> States() = 0;

    // What it will hold once it is allocated; before that alone.
    size_t PlanBytes();
    // Makes it ready for step 1.
    void Allocate();

  protected:
    explicit Optimizer(const ParameterSet& parameters) : parameters_(parameters) {}
    // Points the members at pieces of the arena: all that it keeps, and what a step needs besides.
    virtual void Take(Arena& arena) = 0;
    const ParameterSet& parameters_;

  private:
    Arena memory_;
};

// One that is not allocated yet. HONE_CHECKs that there is one of that name. The parameters, which
// outlive it, need no memory either.
std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerOptions& options,
                                         const ParameterSet& parameters);
// What that one holds.
size_t OptimizerBytes(const OptimizerOptions& options, const ParameterSet& parameters);
// The first is the default.
std::span<const std::string_view> OptimizerNames();
// In words, for messages: "AdamW".
std::string_view OptimizerTitle(std::string_view name);

// How the slice is treated, by itself.
ParameterRun RunOf(const OptimizerOptions& options, const ParameterSlice& slice);
// All of them, as few runs as possible.
std::vector<ParameterRun> RunsOf(const OptimizerOptions& options, const ParameterSet& parameters);

// A buffer of f32 as flat as the parameters: one tensor for each slice, named prefix + its name.
void AddFlatStates(const std::string& prefix, const ParameterSet& parameters, float* numbers,
                   std::vector<OptimizerState>& states);
OptimizerState StateOf(std::string name, std::vector<int64_t> shape, std::span<float> numbers);

}  // namespace hone
