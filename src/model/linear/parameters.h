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

// Where to write a gradient that one product computes whole.
struct GradientTarget {
    float* values = nullptr;
    bool add = true;  // +=, else =: there are no values yet
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
    // All gradients; zero where nothing was added.
    std::span<float> gradients();
    float* value(int index) { return values_.as<float>() + slices_[index].offset; }
    // Makes all gradients zero. The memory of one is cleared when the gradient is first requested,
    // or never if whole_gradient comes first.
    void ClearGradients();
    // For += of any part.
    float* gradient(int index);
    // For a caller who writes all of it.
    GradientTarget whole_gradient(int index);
    const ParameterSlice* Find(std::string_view name) const;

  private:
    std::vector<ParameterSlice> slices_;
    int64_t count_ = 0;
    Buffer values_, gradients_;
    std::vector<char> stale_;  // per slice: 1 where the gradient is zero, but not its memory
};

}  // namespace hone
