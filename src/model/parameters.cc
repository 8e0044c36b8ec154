#include "model/parameters.h"

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
}

const ParameterSlice* ParameterSet::Find(std::string_view name) const {
    for (const ParameterSlice& slice : slices_)
        if (slice.name == name) return &slice;
    return nullptr;
}

}  // namespace hone
