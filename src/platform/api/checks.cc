#include "platform/api/checks.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "platform/api/refusal.h"
#include "simdjson.h"
#include "text/unicode.h"

namespace hone::platform {

absl::Status CheckText(std::string_view param, std::string_view text, size_t least, size_t most) {
    if (!simdjson::validate_utf8(text.data(), text.size()))
        return InvalidField(param, "'{}' is not valid UTF-8.", param);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            return InvalidField(param, "'{}' holds a control character.", param);
    }
    const size_t characters = CountCharacters(text);
    if (characters >= least && characters <= most) return absl::OkStatus();
    return InvalidField(param, "'{}' has {} characters, but must have between {} and {}.", param,
                        characters, least, most);
}

absl::Status CheckOneOf(std::string_view param, std::string_view text,
                        const std::vector<std::string_view>& words) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return absl::OkStatus();
    return InvalidField(param, "'{}' must be one of {}.", param,
                        absl::StrJoin(words, ", ", [](std::string* out, std::string_view word) {
                            out->append(fmt::format("'{}'", word));
                        }));
}

std::string ShownId(std::string_view id) {
    return absl::CHexEscape(std::string(id.substr(0, 128)));
}

absl::Status CheckMetadata(const std::map<std::string, std::string>& metadata) {
    constexpr size_t kMost = 16;
    if (metadata.size() > kMost)
        return InvalidField("metadata", "'metadata' may have at most {} pairs.", kMost);
    for (const auto& [name, value] : metadata) {
        HONE_RETURN_IF_ERROR(CheckText("metadata", name, 1, 64));
        HONE_RETURN_IF_ERROR(CheckText(fmt::format("metadata.{}", name), value, 0, 512));
    }
    return absl::OkStatus();
}

absl::Status CheckRange(std::string_view param, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return absl::OkStatus();
    return InvalidField(param, "'{}' is {}, but must be between {} and {}.", param, value, least,
                        most);
}

}  // namespace hone::platform
