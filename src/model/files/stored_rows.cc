#include "model/files/stored_rows.h"

#include <algorithm>

#include "model/files/model_files.h"
#include "model/files/tensor_layout.h"

namespace hone {

bool HeldInBlocks(const ModelFiles& files, const ModelTensor& tensor) {
    const TensorLayout layout = tensor.layout(files.gguf);
    return StorageBlockElements(tensor.stored->type) > 1 && tensor.shape.size() == 2 &&
           (layout == TensorLayout::kPlain || layout == TensorLayout::kRotaryPairs);
}

void CopyStoredRows(const ModelFiles& files, const ModelTensor& tensor, int64_t begin, int64_t end,
                    uint8_t* out) {
    HONE_CHECK(HeldInBlocks(files, tensor), "{} is not in blocks", tensor.name);
    const StoredTensor& stored = *tensor.stored;
    const int64_t row_bytes =
        tensor.columns() / StorageBlockElements(stored.type) * StorageBlockBytes(stored.type);
    const bool pairs = tensor.layout(files.gguf) == TensorLayout::kRotaryPairs;
    for (int64_t row = begin; row < end; ++row, out += row_bytes) {
        const int64_t at = pairs ? RotaryPairsRow(row, files.config.head_dim) : row;
        std::copy_n(stored.bytes.data() + at * row_bytes, row_bytes, out);
    }
}

}  // namespace hone
