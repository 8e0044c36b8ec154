// Bytes -> rows of words and their tags.
#include <cstdint>

#include "base/status.h"
#include "data/read/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    hone::ReadBytes(data, size, hone::FileFormat::kConll, [](const nlohmann::ordered_json& row) {
        HONE_CHECK(row["tokens"].size() == row["tags"].size() && !row["tokens"].empty());
        for (const auto& tag : row["tags"]) HONE_CHECK(tag.is_string());
    });
    return 0;
}
