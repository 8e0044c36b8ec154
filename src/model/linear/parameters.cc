#include "model/linear/parameters.h"

#include <algorithm>

namespace hone {

int ParameterSet::Add(std::string name, std::vector<int64_t> shape, bool weight_decay) {
    HONE_CHECK(values_.bytes() == 0, "parameters are allocated already");
    ParameterSlice slice;
    slice.name = std::move(name);
    slice.shape = std::move(shape);
    slice.offset = count_;
    slice.count = 1;
    for (int64_t size : slice.shape) slice.count *= size;
    slice.weight_decay = weight_decay;
    count_ += slice.count;
    slices_.push_back(std::move(slice));
    return static_cast<int>(slices_.size()) - 1;
}

void ParameterSet::Allocate() {
    values_ = Buffer(static_cast<size_t>(count_) * sizeof(float));
    gradients_ = Buffer(static_cast<size_t>(count_) * sizeof(float));
    stale_.assign(slices_.size(), 0);
}

std::span<float> ParameterSet::gradients() {
    for (size_t i = 0; i < slices_.size(); ++i) gradient(static_cast<int>(i));
    return {gradients_.as<float>(), static_cast<size_t>(count_)};
}

void ParameterSet::ClearGradients() { std::fill(stale_.begin(), stale_.end(), char{1}); }

float* ParameterSet::gradient(int index) {
    const GradientTarget target = whole_gradient(index);
    if (!target.add) std::fill_n(target.values, slices_[index].count, 0.0f);
    return target.values;
}

GradientTarget ParameterSet::whole_gradient(int index) {
    const bool add = stale_[index] == 0;
    stale_[index] = 0;
    return {gradients_.as<float>() + slices_[index].offset, add};
}

const ParameterSlice* ParameterSet::Find(std::string_view name) const {
    for (const ParameterSlice& slice : slices_)
        if (slice.name == name) return &slice;
    return nullptr;
}

}  // namespace hone
