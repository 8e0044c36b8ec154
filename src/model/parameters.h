// What training changes: named slices of one flat buffer of f32 values, and the gradients beside
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/buffer.h"

namespace hone {

struct ParameterSlice {
    std::string name;  // PEFT's or Hugging Face's name of the tensor, as it is saved
    std::vector<int64_t> shape;
    int64_t offset = 0;  // in floats
    int64_t count = 0;
    bool weight_decay = true;  // false for norms and biases
};

class ParameterSet {
  public:
    // Before Allocate. Returns the index.
    int Add(std::string name, std::vector<int64_t> shape, bool weight_decay);
    // Zero-filled values and gradients.
    void Allocate();

    const std::vector<ParameterSlice>& slices() const { return slices_; }
    int64_t count() const { return count_; }
    std::span<float> values() { return {values_.as<float>(), static_cast<size_t>(count_)}; }
    std::span<float> gradients() { return {gradients_.as<float>(), static_cast<size_t>(count_)}; }
    float* value(int index) { return values_.as<float>() + slices_[index].offset; }
    float* gradient(int index) { return gradients_.as<float>() + slices_[index].offset; }
    const ParameterSlice* Find(std::string_view name) const;

  private:
    std::vector<ParameterSlice> slices_;
    int64_t count_ = 0;
    Buffer values_, gradients_;
};

}  // namespace hone
