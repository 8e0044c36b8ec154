// For tests of tokenizers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fmt/format.h"

namespace hone::testkit {

// What tools/golden/tokenizer.py writes for a list of ids: their number and a 64-bit FNV-1a over
// their bytes.
inline std::string IdDigest(const std::vector<int32_t>& ids) {
    uint64_t hash = 0xCBF29CE484222325;
    for (int32_t id : ids) {
        for (int shift = 0; shift < 32; shift += 8) {
            hash = (hash ^ ((static_cast<uint32_t>(id) >> shift) & 0xFF)) * 0x100000001B3;
        }
    }
    return fmt::format("{}:{:016x}", ids.size(), hash);
}

}  // namespace hone::testkit
