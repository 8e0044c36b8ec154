#include "model/blocks/norm.h"

#include <algorithm>

#include "kernels/layernorm/layernorm.h"
#include "kernels/reduce/reduce.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "model/files/model_files.h"

namespace hone {
namespace {

using Kind = NormSpec::Kind;

absl::Status Read(const ModelFiles& files, const std::string& name, std::vector<float>& values) {
    const ModelTensor* found = FindModelTensor(files, name);
    HONE_CHECK(found != nullptr, "{} is not in the table", name);
    values.resize(static_cast<size_t>(found->elements()));
    return ReadModelRows(files, *found, 0, 1, values.data());
}

}  // namespace

Norm::Norm(const ModelFiles& files, const NormSpec& spec) : spec_(spec) {
    if (spec.kind == Kind::kNone) return;
    name_ = ModuleName(files, spec.weight);
    weight_.frozen.resize(static_cast<size_t>(FindModelTensor(files, spec.weight)->elements()));
}

absl::Status Norm::Load(const ModelFiles& files) {
    if (spec_.kind == Kind::kNone) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(Read(files, spec_.weight, weight_.frozen));
    if (spec_.kind == Kind::kLayer) HONE_RETURN_IF_ERROR(Read(files, spec_.bias, bias_.frozen));
    Pack();
    return absl::OkStatus();
}

void Norm::Values::Add(ParameterSet& parameters, const std::string& name) {
    parameter = parameters.Add(name, {static_cast<int64_t>(frozen.size())}, false);
}

void Norm::Values::Fill(ParameterSet& parameters) {
    if (parameter < 0) return;
    value = parameters.value(parameter);
    std::copy(frozen.begin(), frozen.end(), value);
}

void Norm::AddParameters(ParameterSet& parameters) {
    if (!trainable_) return;
    weight_.Add(parameters, name_ + ".weight");
    if (spec_.kind == Kind::kLayer) bias_.Add(parameters, name_ + ".bias");
}

void Norm::FillParameters(ParameterSet& parameters) {
    weight_.Fill(parameters);
    bias_.Fill(parameters);
}

void Norm::Pack() {
    if (!spec_.plus_one) return;
    plus_one_.assign(weight_.data(), weight_.data() + size());
    for (float& value : plus_one_) value += 1;
}

template <typename T>
void Norm::Forward(const Context& context, int64_t M, int64_t C, const float* x,
                   const NormSaved<T>& saved, T* y) const {
    switch (spec_.kind) {
        case Kind::kNone:
            Cast<T>(context, M * C, x, saved.xhat);
            std::copy_n(saved.xhat, M * C, y);
            return;
        case Kind::kRms:
            return RmsNormForward<T>(context, M, C, x, weight(), spec_.epsilon, saved.xhat, y,
                                     saved.rstd);
        case Kind::kLayer:
            return LayerNormForward<T>(context, M, C, x, weight(), bias_.data(), spec_.epsilon,
                                       saved.xhat, y, saved.rstd);
    }
}

template <typename T>
void Norm::Scale(const Context& context, int64_t M, int64_t C, const NormSaved<T>& saved,
                 T* y) const {
    switch (spec_.kind) {
        case Kind::kNone:
            std::copy_n(saved.xhat, M * C, y);
            return;
        case Kind::kRms:
            return RmsNormScale<T>(context, M, C, saved.xhat, weight(), y);
        case Kind::kLayer:
            return LayerNormScale<T>(context, M, C, saved.xhat, weight(), bias_.data(), y);
    }
}

template <typename T>
void Norm::Backward(const Context& context, int64_t M, int64_t C, const float* dy,
                    const NormSaved<T>& saved, float* dx, T* dx_t, ParameterSet& parameters) const {
    switch (spec_.kind) {
        case Kind::kNone:
            Add(context, M * C, dy, dx);
            if (dx_t != nullptr) Cast<T>(context, M * C, dx, dx_t);
            return;
        case Kind::kRms:
            return RmsNormBackward<T>(context, M, C, dy, saved.xhat, weight(), saved.rstd, dx, dx_t,
                                      weight_.gradient(parameters));
        case Kind::kLayer:
            return LayerNormBackward<T>(context, M, C, dy, saved.xhat, weight(), saved.rstd, dx,
                                        dx_t, weight_.gradient(parameters),
                                        bias_.gradient(parameters));
    }
}

template <typename T>
void Norm::ForwardHeads(const Context& context, int64_t M, int64_t n, T* x, int64_t row_stride,
                        const NormSaved<T>& saved) const {
    HONE_CHECK(spec_.kind == Kind::kRms);
    RmsNormHeadsForward<T>(context, M, n, size(), x, row_stride, weight(), spec_.epsilon,
                           saved.xhat, saved.rstd);
}

template <typename T>
void Norm::BackwardHeads(const Context& context, int64_t M, int64_t n, T* dx, int64_t row_stride,
                         const NormSaved<T>& saved, float* scratch,
                         ParameterSet& parameters) const {
    RmsNormHeadsBackward<T>(context, M, n, size(), dx, row_stride, saved.xhat, weight(), saved.rstd,
                            scratch, weight_.gradient(parameters));
}

#define HONE_INSTANTIATE(T)                                                                        \
    template void Norm::Forward<T>(const Context&, int64_t, int64_t, const float*,                 \
                                   const NormSaved<T>&, T*) const;                                 \
    template void Norm::Scale<T>(const Context&, int64_t, int64_t, const NormSaved<T>&, T*) const; \
    template void Norm::Backward<T>(const Context&, int64_t, int64_t, const float*,                \
                                    const NormSaved<T>&, float*, T*, ParameterSet&) const;         \
    template void Norm::ForwardHeads<T>(const Context&, int64_t, int64_t, T*, int64_t,             \
                                        const NormSaved<T>&) const;                                \
    template void Norm::BackwardHeads<T>(const Context&, int64_t, int64_t, T*, int64_t,            \
                                         const NormSaved<T>&, float*, ParameterSet&) const;
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
