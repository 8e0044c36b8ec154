#include "model/blocks/residual.h"

#include <algorithm>

#include "tensor/partition.h"

namespace hone {
namespace {

// to [n] (=) from, rounded.
template <typename T>
void RoundTo(const Context& context, int64_t n, const float* from, T* to) {
    ForElements(context, n, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) to[i] = FromFloat<T>(from[i]);
    });
}

// sum [n] += more, and rounded (=) the same.
template <typename T>
void AddAndRound(const Context& context, int64_t n, const float* more, float* sum, T* rounded) {
    ForElements(context, n, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) {
            sum[i] += more[i];
            rounded[i] = FromFloat<T>(sum[i]);
        }
    });
}

}  // namespace

template <typename T>
Residual<T>::Residual(const ModelFiles& files, const ResidualSpec& spec, int64_t C)
    : scale_(spec.scale), C_(C) {
    if (spec.norm) norm_.emplace(files, *spec.norm);
}

template <typename T>
absl::Status Residual<T>::Load(const ModelFiles& files) {
    return norm_ ? norm_->Load(files) : absl::OkStatus();
}

template <typename T>
void Residual<T>::Begin(const Pass<T>& pass, const float* x, const Saved& saved) const {
    if (Reads(BottleneckInput::kStream)) RoundTo(pass.context, pass.M * C_, x, saved.bottleneck.z);
}

template <typename T>
void Residual<T>::Join(const Pass<T>& pass, float* x, const Saved& saved) const {
    const auto& ws = pass.workspace;
    if (!plain()) {
        if (norm_) norm_->Forward(pass.context, pass.M, C_, ws.out, saved.norm, ws.y);
        T* z = Reads(BottleneckInput::kOutput) ? saved.bottleneck.z : nullptr;
        ForElements(pass.context, pass.M * C_, [&](int64_t first, int64_t count) {
            for (int64_t i = first; i < first + count; ++i) {
                const float joined = scale_ * (norm_ ? ToFloat(ws.y[i]) : ws.out[i]);
                x[i] += joined;
                if (z != nullptr) z[i] = FromFloat<T>(joined);
            }
        });
    }
    if (!adapted()) return;
    if (Reads(BottleneckInput::kSum)) RoundTo(pass.context, pass.M * C_, x, saved.bottleneck.z);
    bottleneck_->Forward(pass.context, pass.M, saved.bottleneck, ws.bottleneck, x);
}

template <typename T>
const T* Residual<T>::Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                               ParameterSet& parameters) const {
    const auto& ws = pass.workspace;
    const int64_t n = pass.M * C_;
    const float* joined = dx;  // the gradient of what joins x
    const T* joined_t = dx_t;
    if (adapted())
        bottleneck_->Backward(pass.context, pass.M, dx_t, saved.bottleneck, ws.bottleneck,
                              parameters);
    if (Reads(BottleneckInput::kSum)) AddAndRound(pass.context, n, ws.bottleneck.dz, dx, dx_t);
    if (Reads(BottleneckInput::kOutput)) {
        AddAndRound(pass.context, n, dx, ws.bottleneck.dz, ws.bottleneck.dout);
        joined = ws.bottleneck.dz, joined_t = ws.bottleneck.dout;
    }
    if (direct()) return joined_t;
    if (!norm_) {
        ForElements(pass.context, n, [&](int64_t first, int64_t count) {
            for (int64_t i = first; i < first + count; ++i)
                ws.dout[i] = FromFloat<T>(scale_ * joined[i]);
        });
        return ws.dout;
    }
    ForElements(pass.context, n, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) ws.dy[i] = scale_ * joined[i];
        std::fill_n(ws.out + first, count, 0.0f);
    });
    norm_->Backward(pass.context, pass.M, C_, ws.dy, saved.norm, ws.out, ws.dout, parameters);
    return ws.dout;
}

template <typename T>
void Residual<T>::EndBackward(const Pass<T>& pass, float* dx, T* dx_t) const {
    if (Reads(BottleneckInput::kStream))
        AddAndRound(pass.context, pass.M * C_, pass.workspace.bottleneck.dz, dx, dx_t);
}

template class Residual<float>;
template class Residual<bf16>;

}  // namespace hone
