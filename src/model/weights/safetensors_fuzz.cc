// Any bytes as a safetensors file: either an error, or tensors that can all be read.
#include "model/weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto contents = hone::ParseSafetensors({data, size}, "fuzz");
    if (!contents.ok()) return 0;
    for (const auto& tensor : contents->tensors) {
        auto values = hone::ReadTensor(tensor);
        HONE_CHECK(values.ok() == (tensor.type != hone::StorageType::kOther));
    }
    return 0;
}
