#include "server/api/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace hone::server {
namespace {

// A method that no route has could be anything, and as many.
std::string MethodOf(const HttpRequest& request) {
    return request.route.empty() ? "" : request.method;
}

}  // namespace

void Metrics::Count(const Answered& answered) {
    const std::string method = MethodOf(answered.request);
    const std::lock_guard lock(mutex_);
    ++answers_[{method, answered.request.route, answered.status}];
    OfRoute& route = routes_[{method, answered.request.route}];
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), answered.seconds);
    ++route.within[static_cast<size_t>(bound - kBounds.begin())];
    ++route.count;
    route.seconds += answered.seconds;
    route.received_bytes += answered.received_bytes;
    route.sent_bytes += answered.sent_bytes;
}

std::string Metrics::Text() const {
    std::string text;
    const auto head = [&](const char* name, const char* type, const char* help) {
        text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    };
    const std::lock_guard lock(mutex_);
    head("hone_http_requests_total", "counter", "Requests that were answered.");
    for (const auto& [key, count] : answers_) {
        const auto& [method, route, status] = key;
        text +=
            fmt::format("hone_http_requests_total{{method=\"{}\",route=\"{}\",status=\"{}\"}} {}\n",
                        method, route, status, count);
    }
    head("hone_http_request_seconds", "histogram", "Time from a request's head to its answer.");
    for (const auto& [key, route] : routes_) {
        const std::string labels = fmt::format("method=\"{}\",route=\"{}\"", key.first, key.second);
        uint64_t below = 0;
        for (size_t i = 0; i < kBounds.size(); ++i) {
            below += route.within[i];
            text += fmt::format("hone_http_request_seconds_bucket{{{},le=\"{}\"}} {}\n", labels,
                                kBounds[i], below);
        }
        text += fmt::format("hone_http_request_seconds_bucket{{{},le=\"+Inf\"}} {}\n", labels,
                            route.count);
        text += fmt::format("hone_http_request_seconds_sum{{{}}} {:.6f}\n", labels, route.seconds);
        text += fmt::format("hone_http_request_seconds_count{{{}}} {}\n", labels, route.count);
    }
    for (const bool received : {true, false}) {
        const char* name =
            received ? "hone_http_received_bytes_total" : "hone_http_sent_bytes_total";
        head(name, "counter", received ? "Bytes of bodies that came." : "Bytes that were sent.");
        for (const auto& [key, route] : routes_)
            text += fmt::format("{}{{method=\"{}\",route=\"{}\"}} {}\n", name, key.first,
                                key.second, received ? route.received_bytes : route.sent_bytes);
    }
    return text;
}

}  // namespace hone::server
