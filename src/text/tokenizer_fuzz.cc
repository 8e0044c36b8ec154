// Any bytes as a tokenizer.json: an error or a tokenizer that works, never a fault.
#include <cstdint>
#include <string>

#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    auto tokenizer = hone::Tokenizer::FromJson(bytes);
    if (!tokenizer.ok()) return 0;
    auto ids = (*tokenizer)->Encode("Hello <s> w\u00f6rld \U0001f600 123\n\tx", true);
    if (!ids.ok()) return 0;
    (void)(*tokenizer)->Decode(*ids, true);
    hone::StreamDecoder stream(*tokenizer);
    for (int32_t id : *ids) (void)stream.Push(id);
    (void)stream.Finish();
    // What it writes must be readable again and mean the same.
    auto again = hone::Tokenizer::FromJson((*tokenizer)->ToJson());
    HONE_CHECK(again.ok(), "ToJson of a good tokenizer is refused");
    HONE_CHECK((*again)->vocabulary_size() == (*tokenizer)->vocabulary_size());
    return 0;
}
