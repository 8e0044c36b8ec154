// Any bytes as the pickle of a PyTorch file: either an error, or tensors that lie in their
// storages.
#include "model/weights/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto tensors = hone::ReadPickledTensors({data, size}, "fuzz");
    if (!tensors.ok()) return 0;
    for (const hone::PickledTensor& tensor : *tensors) {
        HONE_CHECK(tensor.shape.size() == tensor.strides.size());
        int64_t last = tensor.offset, elements = 1;
        for (size_t i = 0; i < tensor.shape.size(); ++i) {
            elements *= tensor.shape[i];
            if (tensor.shape[i] > 1) last += (tensor.shape[i] - 1) * tensor.strides[i];
            if (tensor.shape[i] == 0) last = -1;
            if (last < 0) break;
        }
        if (last < 0) continue;
        HONE_CHECK((last + 1) * tensor.type->bytes <= tensor.storage_bytes);
        HONE_CHECK(elements * tensor.type->bytes <= tensor.storage_bytes);
    }
    return 0;
}
