#include "model/weights/dequantize.h"

#include <cstring>

#include "tensor/dtype.h"

namespace hone {
namespace {

// GGUF and safetensors are little endian, as is every machine that hone runs on.
static_assert(std::endian::native == std::endian::little);

template <typename T>
void Plain(const uint8_t* bytes, int64_t count, float* out) {
    for (int64_t i = 0; i < count; ++i) {
        T value;
        std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
        out[i] = ToFloat(value);
    }
}

}  // namespace

template <typename T>
typename GgufBlockFunctions<T>::Unpack UnpackerOf(StorageType type) {
    const GgufBlockFunctions<T>& functions = GgufBlockKernels<T>().Choose({});
    switch (type) {
        case StorageType::kQ4_0:
            return functions.q4_0;
        case StorageType::kQ4_1:
            return functions.q4_1;
        case StorageType::kQ5_0:
            return functions.q5_0;
        case StorageType::kQ5_1:
            return functions.q5_1;
        case StorageType::kQ8_0:
            return functions.q8_0;
        case StorageType::kQ2_K:
            return functions.q2_k;
        case StorageType::kQ3_K:
            return functions.q3_k;
        case StorageType::kQ4_K:
            return functions.q4_k;
        case StorageType::kQ5_K:
            return functions.q5_k;
        case StorageType::kQ6_K:
            return functions.q6_k;
        case StorageType::kIQ4_NL:
            return functions.iq4_nl;
        case StorageType::kIQ4_XS:
            return functions.iq4_xs;
        case StorageType::kF32:
        case StorageType::kF16:
        case StorageType::kBF16:
        case StorageType::kOther:
            break;
    }
    HONE_CHECK(false, "{} has no blocks", StorageTypeName(type));
    return nullptr;
}

template GgufBlockFunctions<float>::Unpack UnpackerOf<float>(StorageType);
template GgufBlockFunctions<bf16>::Unpack UnpackerOf<bf16>(StorageType);

void Dequantize(StorageType type, const uint8_t* bytes, int64_t count, float* out) {
    const int64_t elements = StorageBlockElements(type);
    HONE_CHECK(count % elements == 0, "{} elements of {}", count, StorageTypeName(type));
    switch (type) {
        case StorageType::kF32:
            return Plain<float>(bytes, count, out);
        case StorageType::kF16:
            return Plain<f16>(bytes, count, out);
        case StorageType::kBF16:
            return Plain<bf16>(bytes, count, out);
        case StorageType::kOther:
            HONE_CHECK(false, "no way to read a tensor of type other");
            return;
        default:
            return UnpackerOf<float>(type)(count / elements, bytes, out);
    }
}

}  // namespace hone
