#include "model/blocks/held_tensor.h"

#include <algorithm>
#include <vector>

namespace hone {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 20;

}  // namespace

HeldTensor::HeldTensor() = default;
HeldTensor::~HeldTensor() = default;
HeldTensor::HeldTensor(HeldTensor&&) noexcept = default;
HeldTensor& HeldTensor::operator=(HeldTensor&&) noexcept = default;

absl::StatusOr<HeldTensor> HeldTensor::Copy(const StoredTensor& tensor, bool as_bf16,
                                            const std::function<void()>& after_piece) {
    constexpr int64_t kRowsAtOnce = 64;
    HONE_RETURN_IF_ERROR(CheckReadable(tensor));
    HeldTensor held;
    held.tensor_ = tensor;
    const bool rounds = as_bf16 && tensor.type == StorageType::kF32;
    held.memory_ = Buffer(rounds ? static_cast<size_t>(tensor.elements()) * sizeof(bf16)
                                 : ContiguousBytes(tensor));
    held.tensor_.strides.clear();
    held.tensor_.bytes = {held.memory_.as<uint8_t>(), held.memory_.bytes()};
    if (!rounds && tensor.strides.empty()) {
        const size_t bytes = tensor.bytes.size();
        for (size_t at = 0; at < bytes; at += kPieceBytes) {
            std::copy_n(tensor.bytes.data() + at, std::min(kPieceBytes, bytes - at),
                        held.memory_.as<uint8_t>() + at);
            after_piece();
        }
        return held;
    }
    if (!rounds) {
        CopyContiguous(tensor, held.memory_.as<uint8_t>());
        return held;
    }
    held.tensor_.type = StorageType::kBF16;
    held.tensor_.type_name = StorageTypeName(StorageType::kBF16);
    const int64_t columns = tensor.shape.empty() ? 1 : std::max<int64_t>(1, tensor.shape.back());
    const int64_t rows = tensor.elements() / columns;
    std::vector<float> numbers(static_cast<size_t>(std::min(rows, kRowsAtOnce) * columns));
    bf16* out = held.memory_.as<bf16>();
    size_t read = 0;
    for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
        const int64_t end = std::min(rows, row + kRowsAtOnce);
        HONE_RETURN_IF_ERROR(hone::ReadRows(tensor, row, end, numbers.data()));
        for (int64_t i = 0; i < (end - row) * columns; ++i)
            *out++ = ToBF16(numbers[static_cast<size_t>(i)]);
        read += static_cast<size_t>((end - row) * columns) * sizeof(float);
        if (read >= kPieceBytes) {
            after_piece();
            read = 0;
        }
    }
    return held;
}

}  // namespace hone
