// How a half of a layer joins the residual stream: x += scale * norm(its output).
#pragma once

#include <optional>

#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"

namespace hone {

template <typename T>
class Residual {
  public:
    Residual(const ModelFiles& files, const ResidualSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files);
    template <typename VisitNorm>
    void VisitParts(const VisitNorm& visit_norm) {
        if (norm_) visit_norm(*norm_);
    }

    // Whether the output is added as it is: then a product adds it straight to x.
    bool plain() const { return !norm_ && scale_ == 1; }
    bool trainable() const { return norm_ && norm_->trainable(); }
    void TakeSaved(Arena& arena, int64_t M, NormSaved<T>& saved) const {
        if (norm_) saved.Take(arena, M, C_);
    }
    // x f32 [M, C] += what becomes of the output in workspace.out. Uses workspace.y.
    void Join(const Pass<T>& pass, float* x, const NormSaved<T>& saved) const;
    // The gradient of the output, from that of x: dx_t itself where it is plain, else in
    // workspace.dout. Uses workspace.out.
    const T* Backward(const Pass<T>& pass, const float* dx, const T* dx_t,
                      const NormSaved<T>& saved, ParameterSet& parameters) const;

  private:
    std::optional<Norm> norm_;
    float scale_;
    int64_t C_;
};

}  // namespace hone
