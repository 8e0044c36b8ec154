// For tests: small files of every format, made in memory; nothing is checked, so they can be wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/test_files.h"

namespace hone::testkit {

inline std::string Floats(const std::vector<float>& values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// The header's length, the header and the data, whatever they say.
inline std::string SafetensorsOf(std::string_view header, std::string_view data) {
    return Raw<uint64_t>(header.size()) + std::string(header) + std::string(data);
}

// A GGUF file, piece by piece; nothing is checked, so it can be wrong in any way.
class GgufBuilder {
  public:
    GgufBuilder& Key(std::string_view key, uint32_t type, std::string_view value) {
        keys_ += Text(key) + Raw(type) + std::string(value);
        ++key_count_;
        return *this;
    }
    GgufBuilder& U32(std::string_view key, uint32_t value) { return Key(key, 4, Raw(value)); }
    GgufBuilder& F32(std::string_view key, float value) { return Key(key, 6, Raw(value)); }
    GgufBuilder& Bool(std::string_view key, bool value) { return Key(key, 7, Raw<uint8_t>(value)); }
    GgufBuilder& String(std::string_view key, std::string_view value) {
        return Key(key, 8, Text(value));
    }
    GgufBuilder& Strings(std::string_view key, const std::vector<std::string>& values) {
        std::string list = Raw<uint32_t>(8) + Raw<uint64_t>(values.size());
        for (const auto& value : values) list += Text(value);
        return Key(key, 9, list);
    }
    // `type`: GGUF's number of the elements' type; `elements`: their bytes.
    GgufBuilder& List(std::string_view key, uint32_t type, uint64_t count,
                      std::string_view elements) {
        return Key(key, 9, Raw(type) + Raw(count) + std::string(elements));
    }

    // `sizes` innermost first, as GGUF has them; the offset follows the last tensor unless it is
    // given.
    GgufBuilder& Tensor(std::string_view name, const std::vector<uint64_t>& sizes, uint32_t type,
                        std::string_view bytes, std::optional<uint64_t> offset = std::nullopt) {
        data_.resize((data_.size() + 31) / 32 * 32);
        infos_ += Text(name) + Raw(static_cast<uint32_t>(sizes.size()));
        for (uint64_t size : sizes) infos_ += Raw(size);
        infos_ += Raw(type) + Raw<uint64_t>(offset.value_or(data_.size()));
        data_ += bytes;
        ++tensor_count_;
        return *this;
    }

    std::string Build(uint32_t version = 3) const {
        std::string file =
            "GGUF" + Raw(version) + Raw(tensor_count_) + Raw(key_count_) + keys_ + infos_;
        file.resize((file.size() + 31) / 32 * 32);
        return file + data_;
    }

  private:
    static std::string Text(std::string_view text) {
        return Raw<uint64_t>(text.size()) + std::string(text);
    }

    std::string keys_, infos_, data_;
    uint64_t key_count_ = 0, tensor_count_ = 0;
};

}  // namespace hone::testkit
