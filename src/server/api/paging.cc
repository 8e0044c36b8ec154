#include "server/api/paging.h"

#include <algorithm>

#include "base/text/text_value.h"

namespace hone::server {
namespace {

constexpr size_t kMaxId = 256;

HttpResponse Wrong(std::string param, std::string message) {
    return ErrorResponse(ApiError{
        .message = std::move(message), .param = std::move(param), .code = "invalid_value"});
}

}  // namespace

std::optional<HttpResponse> ReadPage(const HttpRequest& request, const PageRules& rules,
                                     platform::PageRequest& page) {
    page.limit = rules.limit;
    page.newest_first = rules.newest;
    if (const std::string* limit = request.Query("limit")) {
        if (!ReadInteger(*limit, page.limit).empty() || page.limit < 0 || page.limit > rules.most)
            return Wrong("limit", fmt::format("Invalid 'limit': expected a whole number from 0 to "
                                              "{}, but got \"{:.40}\" instead.",
                                              rules.most, *limit));
    }
    if (const std::string* after = request.Query("after")) {
        if (after->size() > kMaxId)
            return Wrong("after", "Invalid 'after': it is the id of an object of the list.");
        page.after = *after;
    }
    const std::string* order = rules.ordered ? request.Query("order") : nullptr;
    if (order == nullptr) return std::nullopt;
    if (*order != rules.newest_first && *order != rules.oldest_first)
        return Wrong("order", fmt::format("Invalid 'order': expected {} or {}, but got \"{:.40}\" "
                                          "instead.",
                                          rules.oldest_first, rules.newest_first, *order));
    page.newest_first = *order == rules.newest_first;
    return std::nullopt;
}

std::vector<QueryParameter> PageParameters(const PageRules& rules) {
    std::vector<QueryParameter> parameters = {
        {"after", R"({"type": "string", "maxLength": 256})", "the last id of the page before"},
        {"limit",
         fmt::format(R"({{"type": "integer", "minimum": 0, "maximum": {}, "default": {}}})",
                     rules.most, rules.limit),
         "how many at most"}};
    if (rules.ordered)
        parameters.push_back(
            {"order",
             fmt::format(R"({{"type": "string", "enum": ["{}", "{}"], "default": "{}"}})",
                         rules.oldest_first, rules.newest_first,
                         rules.newest ? rules.newest_first : rules.oldest_first),
             "by when it was created"});
    return parameters;
}

platform::Metadata ReadMetadataFilter(const HttpRequest& request) {
    constexpr std::string_view kOpen = "metadata[";
    platform::Metadata metadata;
    for (const auto& [name, value] : request.query)
        if (name.starts_with(kOpen) && name.ends_with("]"))
            metadata[name.substr(kOpen.size(), name.size() - kOpen.size() - 1)] = value;
    return metadata;
}

QueryParameter MetadataFilterParameter(std::string description) {
    return {"metadata", R"({"type": "object", "additionalProperties": {"type": "string"}})",
            std::move(description)};
}

nlohmann::ordered_json PageJson(std::vector<nlohmann::ordered_json> all,
                                const platform::PageRequest& page) {
    using Json = nlohmann::ordered_json;
    if (page.newest_first) std::reverse(all.begin(), all.end());
    auto begin = all.begin();
    if (!page.after.empty()) {
        begin = std::find_if(all.begin(), all.end(),
                             [&](const Json& one) { return one["id"] == page.after; });
        if (begin != all.end()) ++begin;
    }
    const int64_t left = all.end() - begin, count = std::min(left, page.limit);
    const std::vector<Json> data(begin, begin + count);
    return ListJson(data, page.limit > 0 && left > count, [](const Json& one) { return one; });
}

}  // namespace hone::server
