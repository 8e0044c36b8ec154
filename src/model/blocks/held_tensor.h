// A tensor of a model's files as a copy in memory, for what is read row by row long after the model
// was loaded: the file may be gone by then, or another.
#pragma once

#include "model/weights/weights.h"
#include "tensor/buffer.h"

namespace hone {

class HeldTensor {
  public:
    // Defined in the .cc: Clang 14 leaves an implicit destructor out that only templates use.
    HeldTensor();
    ~HeldTensor();
    HeldTensor(HeldTensor&&) noexcept;
    HeldTensor& operator=(HeldTensor&&) noexcept;
    // Holds the tensor as it is stored, so it takes no more than its pages of the file do.
    // `as_bf16`: numbers of 32 bits are rounded to bf16, for who rounds what it reads to that.
    static absl::StatusOr<HeldTensor> Copy(const StoredTensor& tensor, bool as_bf16);

    // As hone::ReadRows.
    absl::Status ReadRows(int64_t begin, int64_t end, float* out) const {
        return hone::ReadRows(tensor_, begin, end, out);
    }
    size_t bytes() const { return memory_.bytes(); }

  private:
    StoredTensor tensor_;  // whose bytes lie in memory_
    Buffer memory_;
};

}  // namespace hone
