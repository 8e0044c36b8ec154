// How a half of a layer joins the residual stream: x += scale * norm(its output), and then what a
// bottleneck adapter makes of that, where there is one.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "model/blocks/bottleneck.h"
#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"

namespace hone {

template <typename T>
class Residual {
  public:
    // What the forward pass saves for the backward pass.
    struct Saved {
        NormSaved<T> norm;
        typename Bottleneck<T>::Saved bottleneck;
    };

    Residual(const ModelFiles& files, const ResidualSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files);
    template <typename VisitNorm>
    void VisitParts(const VisitNorm& visit_norm) {
        if (norm_) visit_norm(*norm_);
    }
    // Its parameters are called NAME.adapter_down.0.weight and so on.
    void AddBottleneck(std::string name, const BottleneckOptions& options) {
        bottleneck_.emplace(std::move(name), C_, options);
    }
    // nullptr: there is none.
    Bottleneck<T>* bottleneck() { return bottleneck_ ? &*bottleneck_ : nullptr; }
    // Whether passes go through it.
    void UseBottleneck(bool use) { uses_bottleneck_ = use; }
    void Cover(BlockSizes& sizes) const {
        sizes.residual |= !plain();
        if (bottleneck_) sizes.bottleneck = std::max(sizes.bottleneck, bottleneck_->columns());
    }

    // Whether the output is added as it is: then a product adds it straight to x.
    bool plain() const { return direct() && !Reads(BottleneckInput::kOutput); }
    bool trainable() const { return (norm_ && norm_->trainable()) || bottleneck_; }
    void TakeSaved(Arena& arena, int64_t M, Saved& saved) const {
        if (norm_) saved.norm.Take(arena, M, C_);
        if (bottleneck_) saved.bottleneck.Take(arena, M, *bottleneck_);
    }
    // Before the half has its input from x f32 [M, C], or adds to it.
    void Begin(const Pass<T>& pass, const float* x, const Saved& saved) const;
    // x += what becomes of the output in workspace.out, unless that is plain and in x already, and
    // what a bottleneck adapter adds. Uses workspace.y.
    void Join(const Pass<T>& pass, float* x, const Saved& saved) const;
    // The gradient of the output, from that of x: dx_t itself where it is plain, else in the
    // workspace, until EndBackward. dx and dx_t then are the gradient of x without the half. Uses
    // workspace.out.
    const T* Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                      ParameterSet& parameters) const;
    // Once dx has the half's share too: the share of what reads x beside the half.
    void EndBackward(const Pass<T>& pass, float* dx, T* dx_t) const;

  private:
    bool direct() const { return !norm_ && scale_ == 1; }
    bool adapted() const { return bottleneck_ && uses_bottleneck_; }
    bool Reads(BottleneckInput input) const {
        return adapted() && bottleneck_->options().input == input;
    }

    std::optional<Norm> norm_;
    std::optional<Bottleneck<T>> bottleneck_;
    bool uses_bottleneck_ = true;
    float scale_;
    int64_t C_;
};

}  // namespace hone
