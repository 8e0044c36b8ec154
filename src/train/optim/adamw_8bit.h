// --optim adamw_8bit: AdamW whose two moments are held in 8 bits, as bitsandbytes does (Dettmers et
// al. 2022, arXiv:2110.02861): blocks of 256 numbers of a tensor share a scale, their largest
// magnitude, and each number is the nearest of a dynamic map. Tensors below 4,096 numbers keep f32.
// Two bytes and a bit for each parameter in place of eight.
#pragma once

#include <vector>

#include "kernels/adamw/adamw.h"
#include "train/optim/optimizer.h"

namespace hone {

class AdamW8Bit : public Optimizer {
  public:
    AdamW8Bit(const OptimizerOptions& options, const ParameterSet& parameters);
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override;

  protected:
    void Take(Arena& arena) override;

  private:
    static constexpr int64_t kLeast8Bit = 4096;
    struct Moment {
        uint8_t* codes = nullptr;  // [count]
        float* largest = nullptr;  // [blocks]
        float* numbers = nullptr;  // [count], in place of both for a small tensor
    };
    struct Tensor {
        ParameterRun run;
        Moment m, v;
        bool small() const { return run.count < kLeast8Bit; }
    };
    void StepInBlocks(const Context& context, const Tensor& tensor, const AdamWFactors& factors,
                      const float* gradient, float* value) const;

    AdamWOptions adamw_;
    std::vector<Tensor> tensors_;
};

}  // namespace hone
