#include "model/json_file.h"

#include <unordered_set>
#include <vector>

#include "base/file.h"

namespace hone {
namespace {

// Nesting is checked before parsing, so that no parser ever sees more of it.
bool NestsTooDeep(std::string_view text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            else if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxJsonDepth) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

// "...parse error at line 3, column 7: syntax error..." without the library's own prefix.
std::string Reason(const char* what) {
    std::string_view text(what);
    size_t end = text.find("] ");
    return std::string(end == text.npos ? text : text.substr(end + 2));
}

}  // namespace

template <typename Json>
absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what) {
    if (NestsTooDeep(text))
        return ModelError("{}: JSON nested deeper than the limit of {} levels", what, kMaxJsonDepth);
    constexpr bool kOrdered = std::is_same_v<Json, nlohmann::ordered_json>;
    std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
    std::string problem;
    auto check = [&](int, typename Json::parse_event_t event, Json& parsed) {
        if (!problem.empty()) return false;
        if (event == Json::parse_event_t::object_start) {
            keys.emplace_back();
        } else if (event == Json::parse_event_t::object_end) {
            keys.pop_back();
        } else if (event == Json::parse_event_t::key) {
            const auto& key = parsed.template get_ref<const std::string&>();
            if (!keys.back().insert(key).second)
                problem = fmt::format("the key \"{:.100}\" comes twice in one object", key);
            else if (kOrdered && keys.back().size() > kMaxOrderedKeys)
                problem = fmt::format("more than {} keys in one object", kMaxOrderedKeys);
            return problem.empty();
        }
        return true;
    };
    try {
        Json json = Json::parse(text.begin(), text.end(), check);
        if (!problem.empty()) return ModelError("{}: {}", what, problem);
        return json;
    } catch (const std::exception& error) {
        return ModelError("{} is not valid JSON: {}", what, Reason(error.what()));
    }
}

template absl::StatusOr<nlohmann::json> ParseJson<nlohmann::json>(std::string_view, std::string_view);
template absl::StatusOr<nlohmann::ordered_json> ParseJson<nlohmann::ordered_json>(std::string_view,
                                                                                 std::string_view);

absl::StatusOr<nlohmann::ordered_json> ReadJsonObject(const std::string& path, size_t limit) {
    auto text = ReadFile(path, limit);
    if (!text.ok()) return WithKind(text.status(), ErrorKind::kModel);
    HONE_ASSIGN_OR_RETURN(auto json, ParseJson<nlohmann::ordered_json>(*text, path));
    if (!json.is_object()) return ModelError("{} holds JSON, but not an object", path);
    return json;
}

}  // namespace hone
