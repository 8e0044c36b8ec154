#include "model/blocks/bottleneck.h"

#include <algorithm>

#include "kernels/column_scale/column_scale.h"
#include "kernels/grad_gemm/grad_gemm.h"
#include "model/linear/group_adapter.h"

namespace hone {

template <typename T>
Bottleneck<T>::Bottleneck(std::string name, int64_t C, const BottleneckOptions& options)
    : name_(std::move(name)),
      C_(C),
      columns_(RankColumns(options.size)),
      options_(options),
      activation_{.kind = options.activation, .gated = false},
      down_forward_(C, {columns_}),
      down_backward_(columns_, {C}),
      up_forward_(columns_, {C}),
      up_backward_(C, {columns_}),
      down_offsets_(static_cast<size_t>(columns_)),
      up_offsets_(static_cast<size_t>(C)),
      up_factors_(static_cast<size_t>(C), options.scale) {}

template <typename T>
void Bottleneck<T>::AddParameters(ParameterSet& parameters) {
    const int64_t size = options_.size;
    down_ = parameters.Add(name_ + ".adapter_down.0.weight", {size, C_}, true);
    down_bias_ = parameters.Add(name_ + ".adapter_down.0.bias", {size}, false);
    up_ = parameters.Add(name_ + ".adapter_up.weight", {C_, size}, true);
    up_bias_ = parameters.Add(name_ + ".adapter_up.bias", {C_}, false);
}

template <typename T>
void Bottleneck<T>::Pack(ParameterSet& parameters) {
    const int64_t size = options_.size;
    const float* down = parameters.value(down_);
    down_forward_.SetColumns(0, size, down);
    down_backward_.SetRows(0, size, down, C_);
    const std::vector<float> up =
        ScaledLowRank({.rank = size, .scale = options_.scale}, C_, parameters.value(up_));
    up_forward_.SetColumns(0, C_, up.data());
    up_backward_.SetRows(0, C_, up.data(), columns_);
    std::copy_n(parameters.value(down_bias_), size, down_offsets_.data());
    for (int64_t c = 0; c < C_; ++c)
        up_offsets_[c] = options_.scale * parameters.value(up_bias_)[c];
}

template <typename T>
void Bottleneck<T>::Forward(const Context& context, int64_t M, const Saved& saved,
                            const BottleneckScratch<T>& scratch, float* x) const {
    Gemm(context, GemmArgs<T>{.m = M,
                              .a = saved.z,
                              .a_stride = C_,
                              .b = &down_forward_,
                              .bias = down_offsets_.data(),
                              .c = saved.inner,
                              .c_stride = columns_});
    ActivationForward<T>(context, activation_, M, columns_, saved.inner, scratch.hidden);
    Gemm(context, GemmArgs<T>{.m = M,
                              .a = scratch.hidden,
                              .a_stride = columns_,
                              .b = &up_forward_,
                              .bias = up_offsets_.data(),
                              .c = x,
                              .c_stride = C_,
                              .output = GemmOutput::kAddF32});
}

template <typename T>
void Bottleneck<T>::Backward(const Context& context, int64_t M, const T* dy, const Saved& saved,
                             const BottleneckScratch<T>& scratch, ParameterSet& parameters) const {
    Gemm(context, GemmArgs<T>{.m = M,
                              .a = dy,
                              .a_stride = C_,
                              .b = &up_backward_,
                              .c = scratch.hidden,
                              .c_stride = columns_});
    // From here on scratch.hidden is f(down z) again.
    ActivationBackward<T>(context, activation_, M, columns_, saved.inner, scratch.hidden,
                          scratch.dinner, scratch.hidden);
    Gemm(context, GemmArgs<T>{.m = M,
                              .a = scratch.dinner,
                              .a_stride = columns_,
                              .b = &down_backward_,
                              .c = scratch.dz,
                              .c_stride = C_,
                              .output = GemmOutput::kStoreF32});
    const int64_t size = options_.size;
    const auto into = [&](int parameter, GradGemmArgs<T> args) {
        const GradientTarget target = parameters.whole_gradient(parameter);
        args.c = target.values;
        args.c_stride = args.n;
        args.output = target.add ? GemmOutput::kAddF32 : GemmOutput::kStoreF32;
        return args;
    };
    const GradGemmArgs<T> products[] = {into(down_, {.m = size,
                                                     .n = C_,
                                                     .a = scratch.dinner,
                                                     .a_stride = columns_,
                                                     .b = saved.z,
                                                     .b_stride = C_}),
                                        into(up_, {.m = C_,
                                                   .n = size,
                                                   .a = dy,
                                                   .a_stride = C_,
                                                   .b = scratch.hidden,
                                                   .b_stride = columns_,
                                                   .scale = options_.scale})};
    GradGemm(context, M, std::span<const GradGemmArgs<T>>(products));
    AddColumnProducts<T>(context, {.m = M,
                                   .n = size,
                                   .a = scratch.dinner,
                                   .a_stride = columns_,
                                   .sums = parameters.gradient(down_bias_)});
    AddColumnProducts<T>(context, {.m = M,
                                   .n = C_,
                                   .a = dy,
                                   .a_stride = C_,
                                   .factors = up_factors_.data(),
                                   .sums = parameters.gradient(up_bias_)});
}

template class Bottleneck<float>;
template class Bottleneck<bf16>;

}  // namespace hone
