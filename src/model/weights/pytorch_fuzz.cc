// Any bytes as a PyTorch file: either an error, or tensors that can all be read.
#include "model/weights/pytorch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto tensors = hone::ParsePytorch({data, size}, "fuzz");
    if (!tensors.ok()) return 0;
    for (const hone::StoredTensor& tensor : *tensors) {
        auto values = hone::ReadTensor(tensor);
        HONE_CHECK(values.ok() == (tensor.type != hone::StorageType::kOther));
    }
    return 0;
}
