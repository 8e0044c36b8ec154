#include "model/weights/weights.h"

#include <algorithm>
#include <cstring>

#include "model/weights/dequantize.h"

namespace hone {
namespace {

struct StorageFacts {
    std::string_view name;
    int64_t elements, bytes;
};

constexpr StorageFacts kStorage[] = {
    {"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},       {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},   {"Q5_0", 32, 22},   {"Q5_1", 32, 24},     {"Q8_0", 32, 34},
    {"Q2_K", 256, 84},  {"Q3_K", 256, 110}, {"Q4_K", 256, 144},   {"Q5_K", 256, 176},
    {"Q6_K", 256, 210}, {"IQ4_NL", 32, 18}, {"IQ4_XS", 256, 136}, {"other", 1, 0},
};

const StorageFacts& FactsOf(StorageType type) { return kStorage[static_cast<int>(type)]; }

// Row `row` of a tensor with strides, seen as [rows, columns], into `out`: the bytes of its columns
// side by side.
void GatherRow(const StoredTensor& tensor, int64_t row, uint8_t* out) {
    const auto size = static_cast<size_t>(FactsOf(tensor.type).bytes);
    int64_t first = 0;
    for (size_t i = tensor.shape.size() - 1; i-- > 0;) {
        first += row % tensor.shape[i] * tensor.strides[i];
        row /= tensor.shape[i];
    }
    for (int64_t column = 0; column < tensor.shape.back(); ++column)
        std::memcpy(out + static_cast<size_t>(column) * size,
                    tensor.bytes.data() +
                        static_cast<size_t>(first + column * tensor.strides.back()) * size,
                    size);
}

}  // namespace

std::string_view StorageTypeName(StorageType type) { return FactsOf(type).name; }
int64_t StorageBlockElements(StorageType type) { return FactsOf(type).elements; }
int64_t StorageBlockBytes(StorageType type) { return FactsOf(type).bytes; }

const StoredTensor* WeightFile::Find(std::string_view name) const {
    auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
}

void WeightFile::SetTensors(std::vector<StoredTensor> tensors) {
    tensors_ = std::move(tensors);
    index_.clear();
    for (size_t i = 0; i < tensors_.size(); ++i)
        HONE_CHECK(index_.emplace(tensors_[i].name, i).second, "tensor {} twice", tensors_[i].name);
}

absl::Status CheckReadable(const StoredTensor& tensor) {
    if (tensor.type != StorageType::kOther) return absl::OkStatus();
    return ModelError(
        "the tensor \"{}\" is stored as {}, which hone does not read (it reads F32, F16, BF16, "
        "Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL and IQ4_XS)",
        tensor.name, tensor.type_name);
}

absl::Status ReadRows(const StoredTensor& tensor, int64_t begin, int64_t end, float* out) {
    HONE_RETURN_IF_ERROR(CheckReadable(tensor));
    int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    int64_t rows = columns == 0 ? 0 : tensor.elements() / columns;
    HONE_CHECK(0 <= begin && begin <= end && end <= rows, "rows {} to {} of {} in {}", begin, end,
               rows, tensor.name);
    const StorageFacts& facts = FactsOf(tensor.type);
    if (!tensor.strides.empty()) {
        std::vector<uint8_t> row(static_cast<size_t>(columns * facts.bytes));
        for (int64_t i = begin; i < end; ++i) {
            GatherRow(tensor, i, row.data());
            Dequantize(tensor.type, row.data(), columns, out + (i - begin) * columns);
        }
        return absl::OkStatus();
    }
    int64_t row_bytes = columns / facts.elements * facts.bytes;
    Dequantize(tensor.type, tensor.bytes.data() + begin * row_bytes, (end - begin) * columns, out);
    return absl::OkStatus();
}

size_t ContiguousBytes(const StoredTensor& tensor) {
    const StorageFacts& facts = FactsOf(tensor.type);
    return static_cast<size_t>(tensor.elements() / facts.elements * facts.bytes);
}

void CopyContiguous(const StoredTensor& tensor, uint8_t* out) {
    HONE_CHECK(CheckReadable(tensor).ok(), "{} as {}", tensor.name, tensor.type_name);
    if (tensor.strides.empty()) {
        std::copy(tensor.bytes.begin(), tensor.bytes.end(), out);
        return;
    }
    const int64_t columns = tensor.shape.back(), rows = tensor.elements() / columns;
    const int64_t row_bytes = columns * FactsOf(tensor.type).bytes;
    for (int64_t row = 0; row < rows; ++row) GatherRow(tensor, row, out + row * row_bytes);
}

absl::StatusOr<std::vector<float>> ReadTensor(const StoredTensor& tensor) {
    HONE_RETURN_IF_ERROR(CheckReadable(
        tensor));  // before memory is asked for: only readable tensors have bytes to match
    int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    HONE_RETURN_IF_ERROR(
        ReadRows(tensor, 0, columns == 0 ? 0 : tensor.elements() / columns, values.data()));
    return values;
}

}  // namespace hone
