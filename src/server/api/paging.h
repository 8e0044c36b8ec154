// Lists in pieces: after, limit and order out of a query, and the object that holds a page.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "server/api/answer.h"
#include "server/api/route.h"

namespace hone::server {

struct PageRules {
    int64_t limit = 20, most = 100;
    bool ordered = false;  // takes `order`
    std::string_view oldest_first = "asc", newest_first = "desc";
    bool newest = true;  // the order where the query does not say
};

// What the query asks for, into `page`; or the answer to a query that is wrong.
std::optional<HttpResponse> ReadPage(const HttpRequest& request, const PageRules& rules,
                                     platform::PageRequest& page);
// `after`, `limit` and, where the rules have it, `order`, for a route.
std::vector<QueryParameter> PageParameters(const PageRules& rules);

// The pairs of metadata[key]=value in a query.
platform::Metadata ReadMetadataFilter(const HttpRequest& request);
// `metadata`, for a route.
QueryParameter MetadataFilterParameter(std::string description);

// {"object": "list", "data", "first_id", "last_id", "has_more"}. The ids of an empty list are null.
template <typename T, typename ToJson>
nlohmann::ordered_json ListJson(const std::vector<T>& items, bool has_more, ToJson to_json) {
    nlohmann::ordered_json data = nlohmann::ordered_json::array();
    for (const T& item : items) data.push_back(to_json(item));
    nlohmann::ordered_json first, last;
    if (!data.empty()) {
        first = data.front()["id"];
        last = data.back()["id"];
    }
    return {{"object", "list"},
            {"data", std::move(data)},
            {"first_id", std::move(first)},
            {"last_id", std::move(last)},
            {"has_more", has_more}};
}

// The same of a list that is there as a whole, the oldest first: objects with an "id".
nlohmann::ordered_json PageJson(std::vector<nlohmann::ordered_json> all,
                                const platform::PageRequest& page);

}  // namespace hone::server
