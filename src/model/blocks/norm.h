// A normalisation: its weight and bias, each frozen or a parameter, and its passes.
#pragma once

#include <string>
#include <vector>

#include "model/config/graph.h"
#include "model/files/model_tensors.h"
#include "model/linear/parameters.h"
#include "tensor/buffer.h"
#include "tensor/context.h"

namespace hone {

// What the forward pass saves for the backward pass.
template <typename T>
struct NormSaved {
    T* xhat = nullptr;      // [M, C]: the normalised input; of no norm (kNone), the rounded input
    float* rstd = nullptr;  // [M]
    void Take(Arena& arena, int64_t M, int64_t C) {
        xhat = arena.Take<T>(M * C);
        rstd = arena.Take<float>(M);
    }
};

class Norm {
  public:
    // The tensors' names are in the files' table.
    Norm(const ModelFiles& files, const NormSpec& spec);

    absl::Status Load(const ModelFiles& files);
    // What users call the module: "model.layers.0.input_layernorm"; empty for none.
    const std::string& name() const { return name_; }
    int64_t size() const { return static_cast<int64_t>(weight_.frozen.size()); }

    // Makes weight and bias parameters: mark, then add, then fill with the files' values.
    void MakeTrainable() { trainable_ = spec_.kind != NormSpec::Kind::kNone; }
    bool trainable() const { return trainable_; }
    void AddParameters(ParameterSet& parameters);
    void FillParameters(ParameterSet& parameters);
    // After the parameters changed.
    void Pack();

    // x f32 [M, C] -> y T [M, C] (=), and what is saved (=).
    template <typename T>
    void Forward(const Context& context, int64_t M, int64_t C, const float* x,
                 const NormSaved<T>& saved, T* y) const;
    // y again (=), the same bits.
    template <typename T>
    void Scale(const Context& context, int64_t M, int64_t C, const NormSaved<T>& saved, T* y) const;
    // dy f32 [M, C] -> dx f32 [M, C] +=, dx_t T [M, C] = the updated dx, rounded; the parameters'
    // gradients +=.
    template <typename T>
    void Backward(const Context& context, int64_t M, int64_t C, const float* dy,
                  const NormSaved<T>& saved, float* dx, T* dx_t, ParameterSet& parameters) const;

    // The same for groups of size() elements that lie side by side in rows of another buffer, n of
    // them in a row, in place (kRms alone). saved: [M, n * size()] and [M, n].
    template <typename T>
    void ForwardHeads(const Context& context, int64_t M, int64_t n, T* x, int64_t row_stride,
                      const NormSaved<T>& saved) const;
    // dx: on entry the gradient of the output, on return that of the input. scratch f32
    // [M, n * size()].
    template <typename T>
    void BackwardHeads(const Context& context, int64_t M, int64_t n, T* dx, int64_t row_stride,
                       const NormSaved<T>& saved, float* scratch, ParameterSet& parameters) const;

  private:
    struct Values {
        std::vector<float> frozen;
        int parameter = -1;
        float* value = nullptr;  // the parameter's values once allocated
        const float* data() const { return value != nullptr ? value : frozen.data(); }
        float* gradient(ParameterSet& parameters) const {
            return parameter >= 0 ? parameters.gradient(parameter) : nullptr;
        }
        void Add(ParameterSet& parameters, const std::string& name);
        void Fill(ParameterSet& parameters);
    };
    const float* weight() const { return spec_.plus_one ? plus_one_.data() : weight_.data(); }

    NormSpec spec_;
    std::string name_;
    Values weight_, bias_;
    std::vector<float> plus_one_;  // the weight's values and one
    bool trainable_ = false;
};

}  // namespace hone
