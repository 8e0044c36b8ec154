// --optim muon: torch.optim.Muon with adjust_lr_fn "match_rms_adamw" (Jordan et al. 2024; Liu et
// al. 2025, arXiv:2502.16982) for the matrices of the layers, adapters among them; AdamW for what
// is no matrix, and for embeddings and head. A matrix moves by its momentum made orthogonal, as far
// as AdamW would move it, so that one learning rate serves both. Products are in f32.
#pragma once

#include <vector>

#include "kernels/gemm/gemm.h"
#include "train/optim/adamw.h"

namespace hone {

class Muon : public Optimizer {
  public:
    Muon(const OptimizerOptions& options, const ParameterSet& parameters);
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override;

  protected:
    void Take(Arena& arena) override;

  private:
    struct Tensor {
        ParameterRun run;
        int64_t rows = 0, columns = 0;  // of a matrix that is made orthogonal; else 0
        float* m = nullptr;             // [count]: momentum, or AdamW's first moment
        float* v = nullptr;             // [count]: AdamW's second moment
        bool matrix() const { return rows > 0; }
    };
    // x [rows, columns] (=) with rows <= columns, in x_: the nearest matrix with orthogonal rows,
    // or about that.
    void Orthogonalize(const Context& context, int64_t rows, int64_t columns);
    void StepMatrix(const Context& context, const OptimizerStep& step, const Tensor& tensor,
                    const float* gradient, float* value);

    AdamWOptions adamw_;
    std::vector<Tensor> tensors_;
    // Of the matrix at hand, its shorter side first.
    float* x_ = nullptr;            // [rows, columns]
    float* product_ = nullptr;      // [rows, columns]
    float* gram_ = nullptr;         // [rows, rows]
    float* gram_square_ = nullptr;  // [rows, rows]
};

}  // namespace hone
