#include "model/blocks/head_block.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/distillation/distillation.h"
#include "kernels/reduce/reduce.h"
#include "model/blocks/label_loss.h"
#include "tensor/partition.h"

namespace hone {
namespace {

std::vector<int64_t> LabelledRows(const Batch& batch) {
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < batch.size(); ++row)
        if (batch.target_weights[row] != 0) rows.push_back(row);
    return rows;
}

// The labels of some rows, side by side.
struct Labels {
    std::vector<int32_t> targets;
    std::vector<float> weights;
    std::vector<double> losses;
    std::vector<uint8_t> correct;
    Labels(const Batch& batch, std::span<const int64_t> rows)
        : losses(rows.size()), correct(rows.size()) {
        for (int64_t row : rows) {
            targets.push_back(batch.targets[row]);
            weights.push_back(batch.target_weights[row]);
        }
    }
    void Scatter(std::span<const int64_t> rows, double* row_losses, uint8_t* row_correct) const {
        for (size_t i = 0; i < rows.size(); ++i) {
            row_losses[rows[i]] = losses[i];
            row_correct[rows[i]] = correct[i];
        }
    }
};

}  // namespace

template <typename T>
HeadBlock<T>::HeadBlock(const ModelFiles& files, const HeadSpec& spec, int64_t C)
    : kind_(spec.kind),
      multi_label_(spec.multi_label),
      scale_(spec.scale),
      soft_cap_(spec.soft_cap),
      C_(C),
      norm_(files, spec.norm),
      head_(C, {MakeMember(files, spec.linear, spec.module)}, kWeightRows) {
    V_ = head_.out();
}

template <typename T>
absl::Status HeadBlock<T>::Load(const ModelFiles& files, const LoadOptions& options,
                                const Context& context) {
    HONE_RETURN_IF_ERROR(norm_.Load(files));
    focal_gamma_ = options.focal_gamma;
    LoadOptions head_options = options;
    if (options.storage == WeightStorage::kInt4) head_options.storage = WeightStorage::kInt8;
    if (options.storage == WeightStorage::kNf4 || options.storage == WeightStorage::kGgufBlocks ||
        options.storage == WeightStorage::kInt8Channels || kind_ != HeadKind::kLanguageModel)
        head_options.storage = WeightStorage::kNative;
    return head_.Load(files, head_options, context);
}

template <typename T>
typename HeadBlock<T>::Pieces HeadBlock<T>::Take(Arena& arena, bool backward,
                                                 int64_t max_rows) const {
    const int64_t rows = std::min(most_rows(), max_rows),
                  rank = std::max<int64_t>(head_.rank_columns(), 1);
    Pieces pieces;
    pieces.x = arena.Take<float>(rows * C_);
    pieces.norm.xhat = arena.Take<T>(rows * C_);
    pieces.y = arena.Take<T>(rows * C_);
    pieces.norm.rstd = arena.Take<float>(rows);
    pieces.h = arena.Take<T>(rows * std::max<int64_t>(head_.saved_columns(), 1));
    pieces.logits = arena.Take<float>(rows * head_.padded_out());
    if (head_.dropout() > 0) pieces.linear.dropped = arena.Take<T>(rows * C_);
    if (!backward) return pieces;
    pieces.dy = arena.Take<float>(rows * C_);
    pieces.dx = arena.Take<float>(rows * C_);
    pieces.linear.dh = arena.Take<T>(rows * rank);
    if (head_.scaled()) pieces.linear.scaled = arena.Take<T>(rows * head_.padded_out());
    pieces.linear.panels = arena.Take<T>(head_.frozen().panel_elements(true));
    if (head_.dropout() > 0) pieces.linear.dx = arena.Take<float>(rows * C_);
    return pieces;
}

template <typename T>
size_t HeadBlock<T>::ReservedBytes(bool backward, int64_t max_rows) const {
    Arena plan;
    Take(plan, backward, max_rows);
    return plan.peak_bytes();
}

template <typename T>
void HeadBlock<T>::Reserve(bool backward, int64_t max_rows) {
    arena_ = Arena(ReservedBytes(backward, max_rows));
    pieces_ = Take(arena_, backward, max_rows);
}

template <typename T>
void HeadBlock<T>::Forward(const Context& context, const float* x, std::span<const int64_t> rows,
                           float* logits, int64_t logits_stride, bool training, uint64_t seed,
                           std::span<const AdapterRows<T>> adapters) {
    const int64_t count = static_cast<int64_t>(rows.size());
    for (int64_t i = 0; i < count; ++i) std::copy_n(x + rows[i] * C_, C_, pieces_.x + i * C_);
    norm_.Forward(context, count, C_, pieces_.x, pieces_.norm, pieces_.y);
    head_.Forward(context, count, pieces_.y, pieces_.h, logits, logits_stride,
                  GemmOutput::kStoreF32, training, RandomAt(seed, head_.number), pieces_.linear,
                  adapters);
    if (scale_ == 1) return;
    ForRows(context, count, V_, [&](int64_t first, int64_t rows_here) {
        for (int64_t row = first; row < first + rows_here; ++row)
            for (int64_t i = 0; i < V_; ++i) logits[row * logits_stride + i] *= scale_;
    });
}

template <typename T>
void HeadBlock<T>::Cap(const Context& context, int64_t rows, float* values) const {
    if (soft_cap_ == 0) return;
    ForElements(context, rows * V_, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i)
            values[i] = soft_cap_ * std::tanh(values[i] / soft_cap_);
    });
}

template <typename T>
void HeadBlock<T>::ForwardOnly(const Pass<T>& pass, const float* x, std::span<const int64_t> rows,
                               float* logits, int64_t logits_stride) {
    pieces_.linear.adapter_h = pass.workspace.linear.adapter_h;
    pieces_.linear.adapter_columns = pass.workspace.linear.adapter_columns;
    std::vector<AdapterRows<T>> here;
    for (AdapterRows<T> run : pass.AdaptersOf(head_)) {
        const auto first = std::lower_bound(rows.begin(), rows.end(), run.first);
        const auto end = std::lower_bound(first, rows.end(), run.first + run.count);
        if (first == end) continue;
        run.first = first - rows.begin();
        run.count = end - first;
        here.push_back(run);
    }
    Forward(pass.context, x, rows, logits, logits_stride, false, 0, here);
}

template <typename T>
void HeadBlock<T>::Loss(const Pass<T>& pass, const Batch& batch, const float* x, double* row_losses,
                        uint8_t* row_correct, const Soft& soft) {
    CheckLabels(batch);
    std::fill_n(row_losses, batch.size(), 0.0);
    std::fill_n(row_correct, batch.size(), uint8_t{0});
    if (soft.targets != nullptr) std::fill_n(soft.row_divergences, batch.size(), 0.0);
    const std::vector<int64_t> labelled = LabelledRows(batch);
    const int64_t stride = head_.padded_out(), total = static_cast<int64_t>(labelled.size());
    for (int64_t begin = 0; begin < total; begin += most_rows()) {
        const std::span rows(labelled.data() + begin,
                             static_cast<size_t>(std::min(most_rows(), total - begin)));
        ForwardOnly(pass, x, rows, pieces_.logits, stride);
        if (soft.targets != nullptr)
            DistilRows(pass.context, batch, rows, soft, nullptr, row_losses, row_correct);
        else
            LossOfRows(pass.context, batch, rows, row_losses, row_correct);
    }
}

template <typename T>
void HeadBlock<T>::DistilRows(const Context& context, const Batch& batch,
                              std::span<const int64_t> rows, const Soft& soft,
                              const Training* training, double* row_losses, uint8_t* row_correct) {
    Labels labels(batch, rows);
    const SoftTargets& targets = *soft.targets;
    targets.logits({rows.begin(), rows.end()}, targets.memory);
    std::vector<double> divergences(rows.size());
    const DistillationRows kernel_rows = {.M = static_cast<int64_t>(rows.size()),
                                          .V = V_,
                                          .row_stride = head_.padded_out(),
                                          .teacher = targets.memory,
                                          .teacher_V = targets.teacher_V,
                                          .targets = labels.targets.data(),
                                          .weights = labels.weights.data(),
                                          .label_losses = labels.losses.data(),
                                          .divergences = divergences.data(),
                                          .correct = labels.correct.data()};
    DistillationOptions options = {
        .soft_cap = soft_cap_, .alpha = targets.alpha, .temperature = targets.temperature};
    if (training == nullptr) {
        DistillationForward(context, kernel_rows, pieces_.logits, options);
    } else {
        options.scale = training->loss_scale * scale_;
        DistillationBackward<T>(context, kernel_rows, pieces_.logits, options);
    }
    labels.Scatter(rows, row_losses, row_correct);
    for (size_t i = 0; i < rows.size(); ++i) soft.row_divergences[rows[i]] = divergences[i];
}

template <typename T>
void HeadBlock<T>::LossOfRows(const Context& context, const Batch& batch,
                              std::span<const int64_t> rows, double* row_losses,
                              uint8_t* row_correct) const {
    const int64_t stride = head_.padded_out(), count = static_cast<int64_t>(rows.size());
    if (multi_label_) {
        for (int64_t i = 0; i < count; ++i) {
            const BinaryTerm term =
                BinaryLoss({pieces_.logits + i * stride, static_cast<size_t>(V_)},
                           LabelsOf(batch, rows[i], V_), batch.target_weights[rows[i]]);
            row_losses[rows[i]] = term.loss;
            row_correct[rows[i]] = term.correct;
        }
        return;
    }
    Labels labels(batch, rows);
    CrossEntropyForward(context, count, V_, pieces_.logits, stride, labels.targets.data(),
                        labels.weights.data(), {.soft_cap = soft_cap_}, labels.losses.data(),
                        labels.correct.data());
    for (size_t i = 0; focal_gamma_ > 0 && i < labels.losses.size(); ++i)
        labels.losses[i] =
            FocalLoss(labels.losses[i] / labels.weights[i], labels.weights[i], focal_gamma_).loss;
    labels.Scatter(rows, row_losses, row_correct);
}

template <typename T>
void HeadBlock<T>::GradientOfRows(const Context& context, const Batch& batch,
                                  std::span<const int64_t> rows, const Training& training,
                                  double* row_losses, uint8_t* row_correct) {
    const int64_t stride = head_.padded_out(), count = static_cast<int64_t>(rows.size());
    if (training.soft.targets != nullptr) {
        DistilRows(context, batch, rows, training.soft, &training, row_losses, row_correct);
        return;
    }
    if (multi_label_) {
        LossOfRows(context, batch, rows, row_losses, row_correct);
        for (int64_t i = 0; i < count; ++i)
            BinaryGradient<T>({pieces_.logits + i * stride, static_cast<size_t>(V_)},
                              LabelsOf(batch, rows[i], V_), batch.target_weights[rows[i]],
                              training.loss_scale * scale_);
        return;
    }
    Labels labels(batch, rows);
    const CrossEntropyOptions options = {.soft_cap = soft_cap_,
                                         .scale = training.loss_scale * scale_,
                                         .label_smoothing = training.label_smoothing};
    std::vector<float> weights = labels.weights;
    if (focal_gamma_ > 0) {
        CrossEntropyForward(context, count, V_, pieces_.logits, stride, labels.targets.data(),
                            weights.data(), options, labels.losses.data(), nullptr);
        for (size_t i = 0; i < weights.size(); ++i)
            weights[i] = static_cast<float>(
                FocalLoss(labels.losses[i] / weights[i], weights[i], focal_gamma_).slope);
        LossOfRows(context, batch, rows, row_losses, row_correct);
    }
    CrossEntropyBackward<T>(context, count, V_, pieces_.logits, stride, labels.targets.data(),
                            weights.data(), options, labels.losses.data(), labels.correct.data());
    if (focal_gamma_ == 0) labels.Scatter(rows, row_losses, row_correct);
}

// A batch made for another head is a mistake of the program.
template <typename T>
void HeadBlock<T>::CheckLabels(const Batch& batch) const {
    HONE_CHECK((kind_ == HeadKind::kLanguageModel) == (batch.kind == LabelKind::kNextToken),
               "rows with labels go to a head of labels, and no others");
}

template <typename T>
void HeadBlock<T>::Backward(const Context& context, std::span<const int64_t> rows, uint64_t seed,
                            ParameterSet& parameters, float* dx) {
    const int64_t count = static_cast<int64_t>(rows.size());
    const int64_t stride = head_.padded_out() * static_cast<int64_t>(sizeof(float) / sizeof(T));
    T* dlogits = reinterpret_cast<T*>(pieces_.logits);
    for (int64_t row = 0; row < count; ++row)
        for (int64_t i = V_; i < head_.padded_out(); ++i) dlogits[row * stride + i] = T{};
    const uint64_t head_seed = RandomAt(seed, head_.number);
    head_.HiddenGradient(context, count, pieces_.h, dlogits, stride, parameters, pieces_.linear);
    if (head_.trainable())
        head_.ParameterGradients(context, count, pieces_.y, pieces_.h, dlogits, stride, head_seed,
                                 parameters, pieces_.linear);
    if (dx == nullptr && !norm_.trainable()) return;
    head_.InputGradient(context, count, dlogits, stride, pieces_.dy, GemmOutput::kStoreF32,
                        head_seed, pieces_.linear);
    std::fill_n(pieces_.dx, count * C_, 0.0f);
    norm_.Backward(context, count, C_, pieces_.dy, pieces_.norm, pieces_.dx,
                   static_cast<T*>(nullptr), parameters);
    if (dx == nullptr) return;
    for (int64_t i = 0; i < count; ++i) std::copy_n(pieces_.dx + i * C_, C_, dx + rows[i] * C_);
}

template <typename T>
void HeadBlock<T>::LossAndGradient(const Context& context, const Batch& batch, const float* x,
                                   const Training& training, ParameterSet& parameters,
                                   double* row_losses, uint8_t* row_correct, float* dx, T* dx_t) {
    CheckLabels(batch);
    std::fill_n(row_losses, batch.size(), 0.0);
    std::fill_n(row_correct, batch.size(), uint8_t{0});
    if (training.soft.targets != nullptr)
        std::fill_n(training.soft.row_divergences, batch.size(), 0.0);
    if (dx != nullptr) std::fill_n(dx, batch.size() * C_, 0.0f);
    const std::vector<int64_t> labelled = LabelledRows(batch);
    const int64_t stride = head_.padded_out(), total = static_cast<int64_t>(labelled.size());
    for (int64_t begin = 0; begin < total; begin += most_rows()) {
        const std::span rows(labelled.data() + begin,
                             static_cast<size_t>(std::min(most_rows(), total - begin)));
        const uint64_t chunk_seed = RandomAt(training.seed, static_cast<uint64_t>(begin));
        Forward(context, x, rows, pieces_.logits, stride, true, chunk_seed);
        GradientOfRows(context, batch, rows, training, row_losses, row_correct);
        Backward(context, rows, chunk_seed, parameters, dx);
    }
    if (dx != nullptr) Cast<T>(context, batch.size() * C_, dx, dx_t);
}

template <typename T>
void HeadBlock<T>::HiddenGradient(const Context& context, const float* x, int64_t count,
                                  const float* slopes, ParameterSet& parameters, float* dx,
                                  T* dx_t) {
    if (dx == nullptr && !norm_.trainable()) return;
    for (int64_t begin = 0; begin < count; begin += most_rows()) {
        const int64_t rows = std::min(most_rows(), count - begin);
        norm_.Forward(context, rows, C_, x + begin * C_, pieces_.norm, pieces_.y);
        std::fill_n(pieces_.dx, rows * C_, 0.0f);
        norm_.Backward(context, rows, C_, slopes + begin * C_, pieces_.norm, pieces_.dx,
                       static_cast<T*>(nullptr), parameters);
        if (dx != nullptr) std::copy_n(pieces_.dx, rows * C_, dx + begin * C_);
    }
    if (dx != nullptr) Cast<T>(context, count * C_, dx, dx_t);
}

template <typename T>
void HeadBlock<T>::Hidden(const Context& context, const float* x, int64_t count, float* hidden) {
    for (int64_t begin = 0; begin < count; begin += most_rows()) {
        const int64_t rows = std::min(most_rows(), count - begin);
        norm_.Forward(context, rows, C_, x + begin * C_, pieces_.norm, pieces_.y);
        float* out = hidden + begin * C_;
        ForElements(context, rows * C_, [&](int64_t first, int64_t elements) {
            for (int64_t i = first; i < first + elements; ++i) out[i] = ToFloat(pieces_.y[i]);
        });
    }
}

template <typename T>
void HeadBlock<T>::Logits(const Pass<T>& pass, const float* x, const std::vector<int64_t>& rows,
                          float* logits) {
    const int64_t total = static_cast<int64_t>(rows.size());
    for (int64_t begin = 0; begin < total; begin += most_rows()) {
        const int64_t count = std::min(most_rows(), total - begin);
        ForwardOnly(pass, x, std::span(rows).subspan(begin, count), logits + begin * V_, V_);
        Cap(pass.context, count, logits + begin * V_);
    }
}

template class HeadBlock<float>;
template class HeadBlock<bf16>;

}  // namespace hone
