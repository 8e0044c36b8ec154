#include "model/config/config_reader.h"

#include <cmath>
#include <limits>

#include "base/limits.h"

namespace hone {
namespace {

std::string Shown(const nlohmann::ordered_json& value) {
    std::string text = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    return text.size() > 200 ? text.substr(0, 200) + "..." : text;
}

std::optional<int32_t> AsTokenId(const nlohmann::ordered_json& value) {
    if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<int64_t>() < 0))
        return std::nullopt;
    if (value.get<uint64_t>() >= kMaxVocabulary) return std::nullopt;
    return static_cast<int32_t>(value.get<uint64_t>());
}

}  // namespace

const nlohmann::ordered_json* ConfigReader::Find(std::string_view key) const {
    auto found = json_.find(std::string(key));
    return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::Fail(std::string message) {
    if (status_.ok()) status_ = ModelError("{}: {}", what_, message);
}

int64_t ConfigReader::Int(std::string_view key, int64_t low, int64_t high,
                          std::optional<int64_t> fallback) {
    const auto* value = Find(key);
    if (!value) {
        if (!fallback) Fail(fmt::format("\"{}\" is missing", key));
        return fallback.value_or(low);
    }
    bool fits =
        value->is_number_integer() &&
        !(value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
    if (!fits || value->get<int64_t>() < low || value->get<int64_t>() > high) {
        Fail(fmt::format("\"{}\" is {}; it must be a whole number from {} to {}", key,
                         Shown(*value), low, high));
        return low;
    }
    return value->get<int64_t>();
}

double ConfigReader::Number(std::string_view key, double low, double high,
                            std::optional<double> fallback) {
    const auto* value = Find(key);
    if (!value) {
        if (!fallback) Fail(fmt::format("\"{}\" is missing", key));
        return fallback.value_or(low);
    }
    if (!value->is_number() || !(value->get<double>() >= low && value->get<double>() <= high)) {
        constexpr double kAny = std::numeric_limits<double>::max();
        const std::string range =
            low == -kAny && high == kAny ? "" : fmt::format(" from {} to {}", low, high);
        Fail(fmt::format("\"{}\" is {}; it must be a number{}", key, Shown(*value), range));
        return low;
    }
    return value->get<double>();
}

bool ConfigReader::Bool(std::string_view key, std::optional<bool> fallback) {
    const auto* value = Find(key);
    if (value && value->is_boolean()) return value->get<bool>();
    if (value)
        Fail(fmt::format("\"{}\" is {}; it must be true or false", key, Shown(*value)));
    else if (!fallback)
        Fail(fmt::format("\"{}\" is missing", key));
    return fallback.value_or(false);
}

std::string ConfigReader::Text(std::string_view key, std::optional<std::string> fallback) {
    const auto* value = Find(key);
    if (value && value->is_string()) return value->get<std::string>();
    if (value)
        Fail(fmt::format("\"{}\" is {}; it must be a string", key, Shown(*value)));
    else if (!fallback)
        Fail(fmt::format("\"{}\" is missing", key));
    return fallback.value_or("");
}

std::vector<int32_t> ConfigReader::TokenIds(std::string_view key) {
    constexpr size_t kMaxIds = 1000;
    const auto* value = Find(key);
    std::vector<int32_t> ids;
    if (!value) return ids;
    if (auto id = AsTokenId(*value)) return {*id};
    bool good = value->is_array() && value->size() <= kMaxIds;
    for (size_t i = 0; good && i < value->size(); ++i) {
        auto id = AsTokenId((*value)[i]);
        good = id.has_value();
        if (good) ids.push_back(*id);
    }
    if (!good)
        Fail(fmt::format("\"{}\" is {}; it must be a token id or a list of them", key,
                         Shown(*value)));
    return ids;
}

}  // namespace hone
