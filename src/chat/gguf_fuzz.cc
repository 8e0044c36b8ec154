// Any bytes as a GGUF file: either an error, or metadata that can be written as JSON, a vocabulary
// that agrees with itself, and tensors that can all be read.
#include "chat/gguf_vocabulary.h"
#include "model/config/arch.h"
#include "model/weights/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto contents = hone::ParseGguf({data, size}, "fuzz");
    if (!contents.ok()) return 0;
    HONE_CHECK(!contents->metadata.dump().empty());
    const auto vocabulary =
        hone::ReadGgufVocabulary(contents->metadata, contents->token_lists, "fuzz");
    HONE_CHECK(!vocabulary.ok() || vocabulary->token_types.empty() ||
               vocabulary->token_types.size() == vocabulary->tokens.size());
    for (const auto& tensor : contents->tensors) {
        auto values = hone::ReadTensor(tensor);
        HONE_CHECK(values.ok() == (tensor.type != hone::StorageType::kOther));
    }
    for (const hone::ArchSpec* arch : hone::AllArchs()) {
        if (arch->config_from_gguf == nullptr) continue;
        auto json = arch->config_from_gguf(contents->metadata);
        if (json.ok()) (void)arch->read_config(*json);
    }
    return 0;
}
