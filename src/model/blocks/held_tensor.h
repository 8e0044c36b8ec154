// A copy in memory of a tensor of a model's files. For a tensor that is read row by row long after
// the model was loaded, when the file may be gone or replaced.
#pragma once

#include <functional>

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
    // Copies the tensor as it is stored, so it needs no more memory than the file's pages.
    // as_bf16: rounds numbers of 32 bits to bf16, for callers who would round what they read.
    // after_piece is called whenever some dozens of megabytes are copied, so that the file's pages
    // can be given back and do not all lie beside the copy.
    static absl::StatusOr<HeldTensor> Copy(
        const StoredTensor& tensor, bool as_bf16, const std::function<void()>& after_piece = [] {});

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
