#include "model/linear/linear_group.h"

#include <algorithm>
#include <mutex>
#include <tuple>

#include "kernels/column_scale/column_scale.h"
#include "kernels/dropout/dropout.h"
#include "kernels/grad_gemm/grad_gemm.h"
#include "model/files/model_tensors.h"
#include "model/files/stored_rows.h"
#include "tensor/partition.h"

namespace hone {
namespace {

constexpr int64_t kRowsPerRead = 64;

}  // namespace

template <typename T>
LinearGroup<T>::LinearGroup(int64_t in, std::vector<LinearMember> members, int64_t rows_at_once)
    : in_(in), members_(std::move(members)) {
    for (LinearMember& member : members_) {
        member.column = out_;
        out_ += member.out;
    }
    rows_at_once_ = rows_at_once > 0 ? std::min(out_, rows_at_once) : out_;
    HONE_CHECK(rows_at_once_ == out_ ||
               (rows_at_once % kPanelColumns == 0 && members_.size() == 1));
}

template <typename T>
absl::Status LinearGroup<T>::ReadWeight(
    const ModelFiles& files, const LinearMember& member, const Context& context,
    const std::function<void(int64_t, int64_t, const float*)>& set) const {
    const ModelTensor* tensor = FindModelTensor(files, member.weight);
    HONE_CHECK(tensor != nullptr, "{} is not in the table", member.weight);
    std::mutex mutex;
    absl::Status failed;
    context.ParallelFor(CeilDivide(member.out, kRowsPerRead), [&](int64_t task, int) {
        const int64_t begin = task * kRowsPerRead, end = std::min(member.out, begin + kRowsPerRead);
        std::vector<float> rows(static_cast<size_t>((end - begin) * in_));
        if (absl::Status status = ReadModelRows(files, *tensor, begin, end, rows.data());
            !status.ok()) {
            std::lock_guard lock(mutex);
            failed.Update(status);
            return;
        }
        set(begin, end - begin, rows.data());
    });
    return failed;
}

template <typename T>
absl::Status LinearGroup<T>::LoadMember(const ModelFiles& files, size_t index,
                                        const Context& context) {
    const LinearMember& member = members_[index];
    if (frozen_->StoredRows(index, 0) == nullptr)
        return ReadWeight(files, member, context,
                          [&](int64_t row, int64_t count, const float* values) {
                              frozen_->SetRows(index, member.column, row, count, values);
                          });
    const ModelTensor* tensor = FindModelTensor(files, member.weight);
    context.ParallelFor(CeilDivide(member.out, kRowsPerRead), [&](int64_t task, int) {
        const int64_t begin = task * kRowsPerRead, end = std::min(member.out, begin + kRowsPerRead);
        CopyStoredRows(files, *tensor, begin, end, frozen_->StoredRows(index, begin));
    });
    return absl::OkStatus();
}

template <typename T>
absl::Status LinearGroup<T>::Load(const ModelFiles& files, const LoadOptions& options,
                                  const Context& context) {
    std::vector<int64_t> outs;
    std::vector<StorageType> stored;
    for (const LinearMember& member : members_) {
        outs.push_back(member.out);
        const ModelTensor* tensor = FindModelTensor(files, member.weight);
        HONE_CHECK(tensor != nullptr, "{} is not in the table", member.weight);
        stored.push_back(HeldInBlocks(files, *tensor) ? tensor->stored->type : StorageType::kF32);
    }
    HONE_ASSIGN_OR_RETURN(
        frozen_, MakeFrozenWeight<T>(members_[0].name, in_, outs, stored, rows_at_once_, options));
    for (size_t i = 0; i < members_.size(); ++i) {
        const LinearMember& member = members_[i];
        HONE_RETURN_IF_ERROR(LoadMember(files, i, context));
        frozen_->FinishMember(i);
        if (member.bias.empty()) continue;
        const ModelTensor* bias = FindModelTensor(files, member.bias);
        HONE_CHECK(bias != nullptr, "{} is not in the table", member.bias);
        bias_.resize(static_cast<size_t>(out_));
        HONE_RETURN_IF_ERROR(ReadModelRows(files, *bias, 0, 1, bias_.data() + member.column));
    }
    frozen_->Finish(context);
    return absl::OkStatus();
}

template <typename T>
bool LinearGroup<T>::trainable() const {
    return std::any_of(members_.begin(), members_.end(), [](const LinearMember& member) {
        return member.low_rank.rank > 0 || member.own_weight >= 0 ||
               member.scaled_side != ScaledSide::kNone;
    });
}

template <typename T>
void LinearGroup<T>::AddParameters(ParameterSet& parameters) {
    rank_columns_ = 0;
    for (LinearMember& member : members_) {
        if (member.own_weight >= 0) {
            member.own_weight = member.tied_weight >= 0 ? member.tied_weight
                                                        : parameters.Add(member.name + ".weight",
                                                                         {member.out, in_}, true);
            if (!member.bias.empty())
                member.own_bias = parameters.Add(member.name + ".bias", {member.out}, false);
        }
        if (member.scaled_side == ScaledSide::kOutput) {
            member.scale = parameters.Add(member.name + ".ia3_l", {member.out, 1}, true);
            output_scale_.resize(static_cast<size_t>(out_), 1.0f);
        } else if (member.scaled_side == ScaledSide::kInput) {
            member.scale = parameters.Add(member.name + ".ia3_l", {1, in_}, true);
            input_scale_.assign(static_cast<size_t>(in_), 1.0f);
        }
        const int64_t rank = member.low_rank.rank;
        if (rank == 0) continue;
        member.a = parameters.Add(member.name + ".lora_A.weight", {rank, in_}, true);
        member.b = parameters.Add(member.name + ".lora_B.weight", {member.out, rank}, true);
        if (member.low_rank.use_dora) {
            member.magnitude =
                parameters.Add(member.name + ".lora_magnitude_vector", {member.out}, false);
            if (!magnitude_) magnitude_.emplace(in_, out_);
        }
        member.rank_column = rank_columns_;
        rank_columns_ += DeltaColumns(member.low_rank);
        if (member.low_rank.fixed_pair) {
            HONE_CHECK(!codes(), "a fixed pair is for training");
            member.fixed_a.assign(static_cast<size_t>(rank * in_), 0.0f);
            member.fixed_b.assign(static_cast<size_t>(rank * member.out), 0.0f);
        }
        dropout_ = member.low_rank.dropout;
    }
    if (rank_columns_ == 0 || codes()) return;
    a_ = PackedMatrix<T>(in_, {rank_columns_});
    a_backward_ = PackedMatrix<T>(rank_columns_, {in_});
    for (const LinearMember& member : members_) {
        const int64_t columns = std::max<int64_t>(DeltaColumns(member.low_rank), 2);
        b_.emplace_back(columns, std::vector<int64_t>{member.out});
        b_backward_.emplace_back(member.out, std::vector<int64_t>{columns});
    }
    for (size_t i = 0; i < members_.size(); ++i) {
        for (const Panel& panel : b_[i].panels())
            forward_extension_.push_back({b_[i].panel_data(panel),
                                          static_cast<int32_t>(DeltaColumns(members_[i].low_rank)),
                                          static_cast<int32_t>(members_[i].rank_column)});
    }
    for (const Panel& panel : a_backward_.panels())
        backward_extension_.push_back(
            {a_backward_.panel_data(panel), static_cast<int32_t>(rank_columns_), 0});
}

template <typename T>
absl::Status LinearGroup<T>::FillParameters(ParameterSet& parameters, const ModelFiles& files) {
    for (const LinearMember& member : members_) {
        if (member.scale >= 0)
            std::fill_n(parameters.value(member.scale),
                        member.scaled_side == ScaledSide::kOutput ? member.out : in_, 1.0f);
        if (member.own_weight < 0 || member.tied_weight >= 0) continue;
        HONE_RETURN_IF_ERROR(ReadModelRows(files, *FindModelTensor(files, member.weight), 0,
                                           member.out, parameters.value(member.own_weight)));
        if (member.own_bias >= 0)
            std::copy_n(bias_.data() + member.column, member.out,
                        parameters.value(member.own_bias));
    }
    return absl::OkStatus();
}

template <typename T>
void LinearGroup<T>::PackLowRank(ParameterSet& parameters) {
    PackScales(parameters);
    if (codes()) return PackLowRankCodes(parameters);
    for (size_t index = 0; index < members_.size(); ++index) {
        const LinearMember& member = members_[index];
        const int64_t rank = member.low_rank.rank;
        if (rank == 0) continue;
        const float* a = parameters.value(member.a);
        a_.SetColumns(member.rank_column, rank, a);
        a_backward_.SetRows(member.rank_column, rank, a, in_);
        if (member.low_rank.fixed_pair) {
            const int64_t behind = member.rank_column + RankColumns(rank);
            a_.SetColumns(behind, rank, member.fixed_a.data());
            a_backward_.SetRows(behind, rank, member.fixed_a.data(), in_);
        }
        const std::vector<float> scaled = ScaledB(member, parameters.value(member.b));
        b_[index].SetColumns(0, member.out, scaled.data());
        b_backward_[index].SetRows(0, member.out, scaled.data(), DeltaColumns(member.low_rank));
    }
}

template <typename T>
void LinearGroup<T>::DropLowRank() {
    for (LinearMember& member : members_) {
        member.low_rank = {};
        member.scaled_side = ScaledSide::kNone;
        member.a = member.b = member.magnitude = member.scale = -1;
        member.rank_column = 0;
        member.fixed_a.clear();
        member.fixed_b.clear();
    }
    rank_columns_ = 0;
    dropout_ = 0;
    uses_low_rank_ = true;
    a_ = {};
    a_backward_ = {};
    b_.clear();
    b_backward_.clear();
    forward_extension_.clear();
    backward_extension_.clear();
    codes_low_rank_.reset();
    magnitude_.reset();
    output_scale_.clear();
    input_scale_.clear();
}

template <typename T>
void LinearGroup<T>::PackLowRankCodes(ParameterSet& parameters) {
    std::vector<int64_t> outs;
    std::vector<LowRankDelta> deltas(members_.size());
    std::vector<const LowRankDelta*> found;
    for (size_t i = 0; i < members_.size(); ++i) {
        const LinearMember& member = members_[i];
        const size_t rank = static_cast<size_t>(member.low_rank.rank);
        outs.push_back(member.out);
        found.push_back(rank > 0 ? &deltas[i] : nullptr);
        if (rank == 0) continue;
        deltas[i] = {member.name,
                     member.low_rank,
                     {parameters.value(member.a), rank * static_cast<size_t>(in_)},
                     {parameters.value(member.b), rank * static_cast<size_t>(member.out)}};
    }
    codes_low_rank_.emplace(in_, outs, found, true);
}

template <typename T>
void LinearGroup<T>::PackScales(ParameterSet& parameters) {
    for (const LinearMember& member : members_) {
        if (member.scaled_side == ScaledSide::kOutput)
            std::copy_n(parameters.value(member.scale), member.out,
                        output_scale_.data() + member.column);
        else if (member.scaled_side == ScaledSide::kInput)
            std::copy_n(parameters.value(member.scale), in_, input_scale_.data());
    }
}

template <typename T>
void LinearGroup<T>::PackOwn(ParameterSet& parameters, const Context& context) {
    for (size_t index = 0; index < members_.size(); ++index) {
        const LinearMember& member = members_[index];
        if (member.own_weight < 0) continue;
        const float* weight = parameters.value(member.own_weight);
        context.ParallelFor(CeilDivide(member.out, kRowsPerRead), [&](int64_t task, int) {
            const int64_t begin = task * kRowsPerRead,
                          count = std::min(member.out - begin, kRowsPerRead);
            frozen_->SetRows(index, member.column, begin, count, weight + begin * in_);
        });
        if (member.own_bias >= 0)
            std::copy_n(parameters.value(member.own_bias), member.out,
                        bias_.data() + member.column);
    }
}

template <typename T>
void LinearGroup<T>::StartMagnitudes(ParameterSet& parameters, const Context& context,
                                     MagnitudeMemory<T>& memory) {
    if (!magnitude_) return;
    magnitude_->MeasureBase(context, *frozen_, memory);
    for (const LinearMember& member : members_)
        if (member.magnitude >= 0)
            magnitude_->BaseNorms(member.column, member.out, parameters.value(member.magnitude));
}

template <typename T>
void LinearGroup<T>::UpdateMagnitudes(ParameterSet& parameters, const Context& context,
                                      MagnitudeMemory<T>& memory) {
    if (!magnitude_) return;
    std::vector<typename WeightMagnitude<T>::Delta> deltas;
    for (const LinearMember& member : members_)
        if (member.magnitude >= 0)
            deltas.push_back(
                {member.column, member.out, member.low_rank.rank, parameters.value(member.a),
                 ScaledLowRank(member.low_rank, member.out, parameters.value(member.b)),
                 parameters.value(member.magnitude)});
    magnitude_->Update(context, *frozen_, deltas, memory);
}

template <typename T>
void LinearGroup<T>::Hidden(const Context& context, int64_t m, const T* x, T* h, bool training,
                            uint64_t seed, const LinearScratch<T>& scratch) const {
    if (rank_columns_ == 0) return;
    HONE_CHECK(!codes(), "beside a base in codes h is made with the product");
    const T* dropped = x;
    if (training && dropout_ > 0) {
        Dropout(context, m, in_, dropout_, seed, 0, x, scratch.dropped);
        dropped = scratch.dropped;
    }
    Gemm(context,
         GemmArgs<T>{
             .m = m, .a = dropped, .a_stride = in_, .b = &a_, .c = h, .c_stride = rank_columns_});
}

template <typename T>
const T* LinearGroup<T>::ProductToScale(const Context& context, int64_t m, const T* x, T* h,
                                        bool training, uint64_t seed,
                                        const LinearScratch<T>& scratch) const {
    T* u = h + m * rank_columns_;
    const float* bias = output_scale_.empty() || bias_.empty() ? nullptr : bias_.data();
    Product(context, {.m = m, .a = x, .a_stride = in_, .bias = bias, .c = u, .c_stride = out_}, h,
            training, seed, scratch, {});
    return u;
}

template <typename T>
void LinearGroup<T>::Recompute(const Context& context, int64_t m, const T* x, T* h, bool training,
                               uint64_t seed, const LinearScratch<T>& scratch) const {
    if (scaled())
        ProductToScale(context, m, x, h, training, seed, scratch);
    else
        Hidden(context, m, x, h, training, seed, scratch);
}

template <typename T>
void LinearGroup<T>::Forward(const Context& context, int64_t m, const T* x, T* h, void* y,
                             int64_t y_stride, GemmOutput output, bool training, uint64_t seed,
                             const LinearScratch<T>& scratch,
                             std::span<const AdapterRows<T>> adapters) const {
    const float* bias = bias_.empty() ? nullptr : bias_.data();
    if (scaled() && uses_low_rank_) {
        HONE_CHECK(adapters.empty(), "adapters beside a delta");
        const T* u = ProductToScale(context, m, x, h, training, seed, scratch);
        if (!output_scale_.empty()) bias = nullptr;  // in u
        return ScaleColumns<T>(context, {.m = m,
                                         .n = out_,
                                         .u = u,
                                         .u_stride = out_,
                                         .factors = factors(),
                                         .bias = bias,
                                         .y = y,
                                         .y_stride = y_stride,
                                         .output = output});
    }
    if (scales_input() && uses_low_rank_) {
        ScaleInput(context, m, x, scratch.scaled_in);
        x = scratch.scaled_in;
    }
    Product(context,
            {.m = m,
             .a = x,
             .a_stride = in_,
             .bias = bias,
             .c = y,
             .c_stride = y_stride,
             .output = output},
            h, training, seed, scratch, adapters);
}

template <typename T>
void LinearGroup<T>::Product(const Context& context, GemmArgs<T> args, T* h, bool training,
                             uint64_t seed, const LinearScratch<T>& scratch,
                             std::span<const AdapterRows<T>> adapters) const {
    const T* x = args.a;
    const int64_t m = args.m;
    const bool low_rank = rank_columns_ > 0 && uses_low_rank_;
    if (low_rank && !codes()) {
        Hidden(context, m, x, h, training, seed, scratch);
        args.h = h;
        args.h_stride = rank_columns_;
        args.extension = forward_extension_;
    }
    HONE_CHECK(rank_columns_ == 0 || adapters.empty(), "adapters beside a delta");
    AdapterRows<T> all_rows{0, m};
    if (low_rank && codes()) {
        all_rows.adapter = &*codes_low_rank_;
        adapters = {&all_rows, 1};
    }
    const std::vector<RowsExtension<T>> extensions =
        AdapterExtensions(context, x, in_, adapters, scratch.adapter_h, scratch.adapter_columns);
    args.row_extensions = extensions;
    frozen_->Forward(context, args, scratch);
}

template <typename T>
void LinearGroup<T>::ScaleOutputGradient(const Context& context, int64_t m, const T* u, const T* dy,
                                         int64_t dy_stride, ParameterSet& parameters,
                                         const LinearScratch<T>& scratch) const {
    for (const LinearMember& member : members_) {
        const int64_t column = member.column;
        // A magnitude's gradient is that of its factor over the length of the row.
        const float* slopes = magnitude_ ? magnitude_->inverse_norms() + column : nullptr;
        const int of_outputs =
            member.scaled_side == ScaledSide::kOutput ? member.scale : member.magnitude;
        if (of_outputs >= 0)
            AddColumnProducts<T>(context, {.m = m,
                                           .n = member.out,
                                           .a = dy + column,
                                           .a_stride = dy_stride,
                                           .b = u + column,
                                           .b_stride = out_,
                                           .factors = slopes,
                                           .sums = parameters.gradient(of_outputs),
                                           .scale = factors() + column,
                                           .scaled = scratch.scaled + column,
                                           .scaled_stride = padded_out()});
        else
            ScaleColumns<T>(context, {.m = m,
                                      .n = member.out,
                                      .u = dy + column,
                                      .u_stride = dy_stride,
                                      .factors = factors() + column,
                                      .y = scratch.scaled + column,
                                      .y_stride = padded_out()});
    }
    for (int64_t row = 0; out_ < padded_out() && row < m; ++row)
        scratch.scaled[row * padded_out() + out_] = T{};
}

template <typename T>
void LinearGroup<T>::HiddenGradient(const Context& context, int64_t m, const T* h, const T* dy,
                                    int64_t dy_stride, ParameterSet& parameters,
                                    const LinearScratch<T>& scratch) const {
    HONE_CHECK(!codes(), "weights in integers cannot be trained through");
    if (scaled()) {
        ScaleOutputGradient(context, m, h + m * rank_columns_, dy, dy_stride, parameters, scratch);
        std::tie(dy, dy_stride) = ProductGradient(dy, dy_stride, scratch);
    }
    std::vector<GemmArgs<T>> products;
    for (size_t i = 0; i < members_.size(); ++i) {
        const LinearMember& member = members_[i];
        if (rank_columns_ == 0 || member.low_rank.rank == 0) continue;
        products.push_back({.m = m,
                            .a = dy + member.column,
                            .a_stride = dy_stride,
                            .b = &b_backward_[i],
                            .c = scratch.dh + member.rank_column,
                            .c_stride = rank_columns_});
    }
    Gemm(context, std::span<const GemmArgs<T>>(products));
}

template <typename T>
void LinearGroup<T>::InputGradient(const Context& context, int64_t m, const T* dy,
                                   int64_t dy_stride, void* dx, GemmOutput output, uint64_t seed,
                                   const LinearScratch<T>& scratch) const {
    std::tie(dy, dy_stride) = ProductGradient(dy, dy_stride, scratch);
    GemmArgs<T> args{
        .m = m, .a = dy, .a_stride = dy_stride, .c = dx, .c_stride = in_, .output = output};
    if (rank_columns_ == 0) return frozen_->Backward(context, args, scratch);
    if (dropout_ == 0) {
        args.h = scratch.dh;
        args.h_stride = rank_columns_;
        args.extension = backward_extension_;
        return frozen_->Backward(context, args, scratch);
    }
    // The delta's share passes through the mask, so it cannot be part of the large product.
    float* base = output == GemmOutput::kStore ? scratch.dx : static_cast<float*>(dx);
    args.c = base;
    args.output = GemmOutput::kStoreF32;
    frozen_->Backward(context, args, scratch);
    Gemm(context, GemmArgs<T>{.m = m,
                              .a = scratch.dh,
                              .a_stride = rank_columns_,
                              .b = &a_backward_,
                              .c = scratch.dropped,
                              .c_stride = in_});
    if (output == GemmOutput::kStore)
        AddDropout(context, m, in_, dropout_, seed, 0, scratch.dropped, base, static_cast<T*>(dx));
    else
        AddDropout(context, m, in_, dropout_, seed, 0, scratch.dropped, base, base);
}

template <typename T>
void LinearGroup<T>::ScaleInput(const Context& context, int64_t m, const T* x, T* y) const {
    ScaleColumns<T>(context, {.m = m,
                              .n = in_,
                              .u = x,
                              .u_stride = in_,
                              .factors = input_scale_.data(),
                              .y = y,
                              .y_stride = in_});
}

template <typename T>
void LinearGroup<T>::ScaleInputGradient(const Context& context, int64_t m, const T* x, T* dx,
                                        ParameterSet& parameters) const {
    AddColumnProducts<T>(context, {.m = m,
                                   .n = in_,
                                   .a = dx,
                                   .a_stride = in_,
                                   .b = x,
                                   .b_stride = in_,
                                   .sums = parameters.gradient(members_[0].scale),
                                   .scale = input_scale_.data(),
                                   .scaled = dx,
                                   .scaled_stride = in_});
}

template <typename T>
void LinearGroup<T>::ParameterGradients(const Context& context, int64_t m, const T* x, const T* h,
                                        const T* dy, int64_t dy_stride, uint64_t seed,
                                        ParameterSet& parameters,
                                        const LinearScratch<T>& scratch) const {
    const T* dropped = x;
    if (rank_columns_ > 0 && dropout_ > 0) {
        Dropout(context, m, in_, dropout_, seed, 0, x, scratch.dropped);
        dropped = scratch.dropped;
    }
    std::vector<GradGemmArgs<T>> gradients;
    const auto add = [&](GradGemmArgs<T> args, int parameter) {
        const GradientTarget target = parameters.whole_gradient(parameter);
        args.c = target.values;
        args.c_stride = args.n;
        args.output = target.add ? GemmOutput::kAddF32 : GemmOutput::kStoreF32;
        gradients.push_back(args);
    };
    std::tie(dy, dy_stride) = ProductGradient(dy, dy_stride, scratch);
    for (const LinearMember& member : members_) {
        const T* member_dy = dy + member.column;
        if (member.own_weight >= 0)
            add({.m = member.out,
                 .n = in_,
                 .a = member_dy,
                 .a_stride = dy_stride,
                 .b = x,
                 .b_stride = in_},
                member.own_weight);
        if (member.own_bias >= 0)
            AddColumnProducts<T>(context, {.m = m,
                                           .n = member.out,
                                           .a = member_dy,
                                           .a_stride = dy_stride,
                                           .sums = parameters.gradient(member.own_bias)});
        const int64_t rank = member.low_rank.rank;
        if (rank == 0) continue;
        add({.m = rank,
             .n = in_,
             .a = scratch.dh + member.rank_column,
             .a_stride = rank_columns_,
             .b = dropped,
             .b_stride = in_},
            member.a);
        add({.m = member.out,
             .n = rank,
             .a = member_dy,
             .a_stride = dy_stride,
             .b = h + member.rank_column,
             .b_stride = rank_columns_,
             .scale = member.low_rank.scale},
            member.b);
    }
    GradGemm<T>(context, m, gradients);
}

template class LinearGroup<float>;
template class LinearGroup<bf16>;

}  // namespace hone
