// --optim adafactor: transformers' Adafactor with scale_parameter and relative_step off, as its
// Trainer takes it (Shazeer and Stern 2018, arXiv:1804.04235). A matrix keeps the means of the
// squares of its rows and columns in place of a number for each element.
#pragma once

#include <vector>

#include "train/optim/optimizer.h"

namespace hone {

class Adafactor : public Optimizer {
  public:
    Adafactor(const OptimizerOptions& options, const ParameterSet& parameters);
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override;

  protected:
    void Take(Arena& arena) override;

  private:
    struct Tensor {
        ParameterRun run;
        int64_t rows = 0, columns = 0;  // of a matrix; else 0
        bool matrix() const { return rows > 0; }
        float* row_means = nullptr;     // [rows] of the squares
        float* column_means = nullptr;  // [columns]
        float* squares = nullptr;       // [count], where it is no matrix
    };
    // Each returns the sum of the squares of the updates, before they are clipped.
    double UpdateMatrix(const Context& context, const Tensor& tensor, float beta2,
                        float gradient_scale, const float* gradient);
    double UpdateVector(const Tensor& tensor, float beta2, float gradient_scale,
                        const float* gradient);

    std::vector<Tensor> tensors_;
    // Of the matrix at hand: what the gradients of a row and a column are multiplied by, and the
    // sums of the rows' squares.
    float* row_factors_ = nullptr;
    float* column_factors_ = nullptr;
    double* row_sums_ = nullptr;
};

}  // namespace hone
