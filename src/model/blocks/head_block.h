// The end of the network: logits = cap(scale * linear(norm(x))), and the loss. It works on a few
// hundred rows at a time, and only on rows that have a label, so that the logits never exist whole.
#pragma once

#include <vector>

#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/blocks/soft_targets.h"
#include "model/linear/linear_group.h"
#include "tensor/batch.h"

namespace hone {

template <typename T>
class HeadBlock {
  public:
    // Rows of the head's weight at a time in the product for the input's gradient: their panels fit
    // the caches of two cores.
    static constexpr int64_t kWeightRows = 2048;

    HeadBlock(const ModelFiles& files, const HeadSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);
    // As LayerBlock's.
    template <typename Linear, typename VisitNorm>
    void VisitParts(const Linear& linear, const VisitNorm& visit_norm) {
        visit_norm(norm_);
        linear(head_);
    }
    // Memory for the passes below: call once the head's low-rank delta is known.
    void Reserve(bool backward, int64_t max_rows);
    size_t ReservedBytes(bool backward, int64_t max_rows) const;

    // A teacher, where there is one, and of each row weight * T^2 * KL: f64 [M] (=; zero where
    // there is no loss).
    struct Soft {
        const SoftTargets* targets = nullptr;
        double* row_divergences = nullptr;
    };
    // The sum of the losses of the rows of x f32 [M, C] that have a label. row_losses f64,
    // row_correct u8 [M] (=; zero where there is no loss).
    void Loss(const Pass<T>& pass, const Batch& batch, const float* x, double* row_losses,
              uint8_t* row_correct, const Soft& soft = {});
    // What a step makes of the losses: the gradient is that of loss_scale * their sum. The seed is
    // dropout's.
    struct Training {
        float loss_scale = 1, label_smoothing = 0;
        uint64_t seed = 0;
        Soft soft;
    };
    // The same as a step takes it, and the gradient: of the parameters (+=), and, unless dx is
    // null, of x: dx f32 [M, C] (=) and dx_t T [M, C] (=).
    void LossAndGradient(const Context& context, const Batch& batch, const float* x,
                         const Training& training, ParameterSet& parameters, double* row_losses,
                         uint8_t* row_correct, float* dx, T* dx_t);
    // hidden f32 [count, C] (=): norm(x), what the head's linear layer takes, of the first rows of
    // x.
    void Hidden(const Context& context, const float* x, int64_t count, float* hidden);
    // The gradient of the sum of Hidden's numbers times slopes f32 [count, C]: of the norm (+=),
    // and as LossAndGradient has it of x.
    void HiddenGradient(const Context& context, const float* x, int64_t count, const float* slopes,
                        ParameterSet& parameters, float* dx, T* dx_t);
    // logits f32 [rows.size(), V] (=) of those rows of x, which ascend.
    void Logits(const Pass<T>& pass, const float* x, const std::vector<int64_t>& rows,
                float* logits);

    // Rows of logits at a time. The head's backward panels are made once for each block of rows, so
    // as many as memory allows; half as many with a large vocabulary.
    int64_t most_rows() const { return V_ <= 65536 ? kMostLogitRows : kMostLogitRows / 2; }
    bool trainable() const { return head_.trainable() || norm_.trainable(); }
    LinearGroup<T>& linear() { return head_; }

  private:
    struct Pieces {               // rows: up to most_rows()
        float* x = nullptr;       // [rows, C]
        NormSaved<T> norm;        // [rows, C]
        T* y = nullptr;           // [rows, C]
        T* h = nullptr;           // [rows, saved columns]
        float* logits = nullptr;  // [rows, padded V]
        float* dy = nullptr;      // [rows, C]
        float* dx = nullptr;      // [rows, C]
        LinearScratch<T> linear;
    };
    Pieces Take(Arena& arena, bool backward, int64_t max_rows) const;
    // Gathers rows of x, which ascend, and computes their logits before the cap. adapters: of runs
    // of these rows.
    void Forward(const Context& context, const float* x, std::span<const int64_t> rows,
                 float* logits, int64_t logits_stride, bool training, uint64_t seed,
                 std::span<const AdapterRows<T>> adapters = {});
    // The losses of `rows`, whose logits are in pieces_.logits.
    void LossOfRows(const Context& context, const Batch& batch, std::span<const int64_t> rows,
                    double* row_losses, uint8_t* row_correct) const;
    // The losses of `rows` with a teacher's probabilities; with `training` the logits become the
    // gradients, as T.
    void DistilRows(const Context& context, const Batch& batch, std::span<const int64_t> rows,
                    const Soft& soft, const Training* training, double* row_losses,
                    uint8_t* row_correct);
    // LossOfRows, and the logits become the gradients of loss_scale times their sum, as T.
    void GradientOfRows(const Context& context, const Batch& batch, std::span<const int64_t> rows,
                        const Training& training, double* row_losses, uint8_t* row_correct);
    void CheckLabels(const Batch& batch) const;
    // Forward of a pass that does not train, with its adapters.
    void ForwardOnly(const Pass<T>& pass, const float* x, std::span<const int64_t> rows,
                     float* logits, int64_t logits_stride);
    void Backward(const Context& context, std::span<const int64_t> rows, uint64_t seed,
                  ParameterSet& parameters, float* dx);
    // values [rows, V] = cap(values), where there is one.
    void Cap(const Context& context, int64_t rows, float* values) const;
    HeadKind kind_;
    bool multi_label_;
    float focal_gamma_ = 0;
    float scale_, soft_cap_;
    int64_t C_, V_;  // V: labels, of a head of those
    Norm norm_;
    LinearGroup<T> head_;
    Arena arena_;
    Pieces pieces_;
};

}  // namespace hone
