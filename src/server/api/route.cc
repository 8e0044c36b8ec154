#include "server/api/route.h"

#include <algorithm>

namespace hone::server {
namespace {

// The next part of a path, up to a slash, which goes too.
std::string_view TakeSegment(std::string_view& path) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    return segment;
}

bool IsName(std::string_view segment) { return segment.starts_with('{'); }

// Whether the path fits; the values of the names go into `values`. A value is never empty.
bool Matches(std::string_view pattern, std::string_view path, std::vector<std::string>& values) {
    if (std::count(pattern.begin(), pattern.end(), '/') !=
        std::count(path.begin(), path.end(), '/'))
        return false;
    values.clear();
    while (!pattern.empty()) {
        const std::string_view expected = TakeSegment(pattern), segment = TakeSegment(path);
        if (!IsName(expected)) {
            if (expected != segment) return false;
            continue;
        }
        std::string value;
        if (segment.empty() || !PercentDecode(segment, value)) return false;
        values.push_back(std::move(value));
    }
    return path.empty();
}

}  // namespace

void Router::Add(Route route) {
    const int runs = (route.handle ? 1 : 0) + (route.answer ? 1 : 0) + (route.receive ? 1 : 0);
    HONE_CHECK(runs == 1 && (route.body == BodyKind::kForm) == bool(route.receive) &&
                   route.pattern.starts_with('/'),
               "{} {}", route.method, route.pattern);
    for (const auto& other : routes_)
        HONE_CHECK(other->method != route.method || other->pattern != route.pattern, "{} twice",
                   route.pattern);
    routes_.push_back(std::make_unique<Route>(std::move(route)));
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
    if (method == "HEAD") method = "GET";
    Match match;
    for (const auto& route : routes_) {
        if (route->method != method || !Matches(route->pattern, path, match.path)) continue;
        match.route = route.get();
        return match;
    }
    return {};
}

std::string Router::Allowed(std::string_view path) const {
    std::string methods;
    std::vector<std::string> values;
    for (const auto& route : routes_) {
        if (!Matches(route->pattern, path, values)) continue;
        methods += methods.empty() ? "" : ", ";
        methods += route->method == "GET" ? "GET, HEAD" : route->method;
    }
    return methods;
}

}  // namespace hone::server
