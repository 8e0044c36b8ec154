// A bottleneck adapter (Houlsby et al. 2019, arXiv:1902.00751) behind a half of a layer:
// x += scale * (up f(down z)), both of them linear layers with a bias, and z as BottleneckInput
// says.
#pragma once

#include <string>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "model/linear/options.h"
#include "model/linear/parameters.h"
#include "tensor/context.h"

namespace hone {

// Memory that all of them share in a pass, for M tokens.
template <typename T>
struct BottleneckScratch {
    T* hidden = nullptr;  // [M, columns] f(down z), and in the backward pass first its gradient
    T* dinner = nullptr;  // [M, columns] the gradient of down z
    float* dz = nullptr;  // [M, C]
    T* dout = nullptr;    // [M, C]
    void Take(Arena& arena, int64_t M, int64_t C, int64_t columns, bool backward) {
        hidden = arena.Take<T>(M * columns);
        if (!backward) return;
        dinner = arena.Take<T>(M * columns);
        dz = arena.Take<float>(M * C);
        dout = arena.Take<T>(M * C);
    }
};

template <typename T>
class Bottleneck {
  public:
    // What the forward pass saves for the backward pass. z is for the caller to fill.
    struct Saved {
        T* z = nullptr;      // [M, C]
        T* inner = nullptr;  // [M, columns] down z
        void Take(Arena& arena, int64_t M, const Bottleneck& block) {
            z = arena.Take<T>(M * block.C_);
            inner = arena.Take<T>(M * block.columns_);
        }
    };

    // Its parameters are NAME.adapter_down.0.weight [size, C], NAME.adapter_up.weight [C, size] and
    // the bias of each.
    Bottleneck(std::string name, int64_t C, const BottleneckOptions& options);
    void AddParameters(ParameterSet& parameters);
    // After the parameters changed.
    void Pack(ParameterSet& parameters);

    const BottleneckOptions& options() const { return options_; }
    // Of the rows between down and up: the size, made even.
    int64_t columns() const { return columns_; }
    // Its weights as products read them.
    size_t bytes() const {
        return down_forward_.bytes() + down_backward_.bytes() + up_forward_.bytes() +
               up_backward_.bytes();
    }

    // x f32 [M, C] += the adapter's output of saved.z; saved.inner (=).
    void Forward(const Context& context, int64_t M, const Saved& saved,
                 const BottleneckScratch<T>& scratch, float* x) const;
    // From the gradient of that output, dy [M, C]: the parameters' gradients (+=), and scratch.dz
    // (=).
    void Backward(const Context& context, int64_t M, const T* dy, const Saved& saved,
                  const BottleneckScratch<T>& scratch, ParameterSet& parameters) const;

  private:
    std::string name_;
    int64_t C_, columns_;
    BottleneckOptions options_;
    ActivationOptions activation_;
    int down_ = -1, down_bias_ = -1, up_ = -1, up_bias_ = -1;  // parameters
    PackedMatrix<T> down_forward_, down_backward_;
    PackedMatrix<T> up_forward_, up_backward_;      // times the scale
    std::vector<float> down_offsets_, up_offsets_;  // the biases, as products add them
    std::vector<float> up_factors_;                 // of the bias's gradient
};

}  // namespace hone
