#include "server/api/paging.h"

#include "base/text_value.h"

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
                         rules.oldest_first, rules.newest_first, rules.newest_first),
             "by when it was created"});
    return parameters;
}

}  // namespace hone::server
