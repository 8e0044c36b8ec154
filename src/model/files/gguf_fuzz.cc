// Any bytes as a GGUF file: either an error, or metadata that can be written as JSON and tensors
// that can all be read.
#include "model/config/arch.h"
#include "model/files/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto contents = hone::ParseGguf({data, size}, "fuzz");
    if (!contents.ok()) return 0;
    HONE_CHECK(!contents->metadata.dump().empty());
    for (const auto& tensor : contents->tensors) {
        auto values = hone::ReadTensor(tensor);
        HONE_CHECK(values.ok() == (tensor.type != hone::StorageType::kOther));
    }
    for (const hone::ArchSpec* arch : hone::AllArchs()) {
        auto json = arch->config_from_gguf(contents->metadata);
        if (json.ok()) (void)arch->read_config(*json);
    }
    return 0;
}
