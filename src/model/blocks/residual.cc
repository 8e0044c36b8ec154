#include "model/blocks/residual.h"

#include <algorithm>

#include "tensor/partition.h"

namespace hone {

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
void Residual<T>::Join(const Pass<T>& pass, float* x, const NormSaved<T>& saved) const {
    const auto& ws = pass.workspace;
    if (norm_) norm_->Forward(pass.context, pass.M, C_, ws.out, saved, ws.y);
    ForElements(pass.context, pass.M * C_, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i)
            x[i] += scale_ * (norm_ ? ToFloat(ws.y[i]) : ws.out[i]);
    });
}

template <typename T>
const T* Residual<T>::Backward(const Pass<T>& pass, const float* dx, const T* dx_t,
                               const NormSaved<T>& saved, ParameterSet& parameters) const {
    if (plain()) return dx_t;
    const auto& ws = pass.workspace;
    if (!norm_) {
        ForElements(pass.context, pass.M * C_, [&](int64_t first, int64_t count) {
            for (int64_t i = first; i < first + count; ++i)
                ws.dout[i] = FromFloat<T>(scale_ * dx[i]);
        });
        return ws.dout;
    }
    ForElements(pass.context, pass.M * C_, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) ws.dy[i] = scale_ * dx[i];
        std::fill_n(ws.out + first, count, 0.0f);
    });
    norm_->Backward(pass.context, pass.M, C_, ws.dy, saved, ws.out, ws.dout, parameters);
    return ws.dout;
}

template class Residual<float>;
template class Residual<bf16>;

}  // namespace hone
