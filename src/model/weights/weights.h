// Named tensors on disk, whatever the file format: memory-mapped, checked before use.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/files/file.h"
#include "base/status.h"
#include "tensor/context.h"
#include "tensor/dtype.h"

namespace hone {

// How numbers lie in a file: plain types, and GGUF's blocks (ggml-common.h describes each layout).
enum class StorageType {
    kF32,
    kF16,
    kBF16,
    kQ4_0,
    kQ4_1,
    kQ5_0,
    kQ5_1,
    kQ8_0,
    kQ2_K,
    kQ3_K,
    kQ4_K,
    kQ5_K,
    kQ6_K,
    kIQ4_NL,
    kIQ4_XS,
    kOther
};

std::string_view StorageTypeName(StorageType type);
int64_t StorageBlockElements(StorageType type);  // 1 for plain types, 32, or 256
int64_t StorageBlockBytes(StorageType type);

struct StoredTensor {
    std::string name;            // as the file spells it
    std::vector<int64_t> shape;  // outermost first (GGUF's own order is reversed when it is read)
    StorageType type = StorageType::kF32;
    std::string_view type_name;      // the file's own word for the type: "BF16", "Q4_K", "IQ4_XS"
    std::span<const uint8_t> bytes;  // in the map; lives as long as the WeightFile
    // In numbers, outermost first, where the numbers do not lie in the order of the shape (a
    // transposed tensor of PyTorch's); `bytes` then begins with the first and ends with the last.
    // Empty: they do, and `bytes` has them and nothing else.
    std::vector<int64_t> strides;

    int64_t elements() const {
        int64_t count = 1;
        for (int64_t size : shape) count *= size;
        return count;
    }
};

// All tensors of a model: one file or several shards.
class WeightFile {
  public:
    virtual ~WeightFile() = default;
    const std::vector<StoredTensor>& tensors() const { return tensors_; }
    const StoredTensor* Find(std::string_view name) const;
    // Gives the mapped pages back: what is read after this comes from the disk's cache again.
    virtual void DropPages() const = 0;
    // An error of kind kModel where a file was cut, written to or replaced since it was opened:
    // what was read may be a mixture.
    virtual absl::Status CheckUnchanged() const = 0;

  protected:
    // Takes the tensors; their names must differ.
    void SetTensors(std::vector<StoredTensor> tensors);

  private:
    std::vector<StoredTensor> tensors_;
    std::unordered_map<std::string_view, size_t> index_;  // names are in tensors_
};

// One .safetensors file.
absl::StatusOr<std::shared_ptr<WeightFile>> OpenSafetensors(const std::string& path);
// `path`: one file, .bin PyTorch's and any other safetensors; or a folder with the first of
// model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin, and
// pytorch_model.bin.index.json with its shards.
absl::StatusOr<std::shared_ptr<WeightFile>> OpenWeights(const std::string& path);

// An error of kind kModel, naming tensor and type, for StorageType::kOther.
absl::Status CheckReadable(const StoredTensor& tensor);

// Rows [begin, end) of a tensor seen as [rows, columns] (columns = its last dimension), as float,
// row-major into `out`.
absl::Status ReadRows(const StoredTensor& tensor, int64_t begin, int64_t end, float* out);
// The whole tensor.
absl::StatusOr<std::vector<float>> ReadTensor(const StoredTensor& tensor);

// The tensor's bytes in the order of its shape, whatever its strides, into `out` (=), which has
// room for ContiguousBytes of them. For tensors that CheckReadable lets pass.
size_t ContiguousBytes(const StoredTensor& tensor);
void CopyContiguous(const StoredTensor& tensor, uint8_t* out);

// For writing safetensors: tensors in this order, header padded to 8 bytes, atomically.
struct TensorToWrite {
    std::string name;
    std::vector<int64_t> shape;
    DType dtype = DType::kF32;
    std::span<const uint8_t> bytes;
    // In place of bytes: numbers, turned into dtype (F32, F16 or BF16) piece by piece.
    std::span<const float> values = {};
    // In place of both: makes the numbers when they are to be written; they are used before the
    // next tensor's are made.
    std::function<absl::StatusOr<std::span<const float>>()> make = nullptr;
};
absl::Status WriteSafetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace hone
