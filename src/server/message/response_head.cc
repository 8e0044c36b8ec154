#include "server/message/response_head.h"

#include <ctime>

namespace hone::server {
namespace {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), made once a second.
const std::string& DateNow() {
    static thread_local std::string text;
    static thread_local std::time_t made = 0;
    const std::time_t now = std::time(nullptr);
    if (now == made && !text.empty()) return text;
    std::tm utc{};
    gmtime_r(&now, &utc);
    char buffer[64];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &utc));
    made = now;
    return text;
}

}  // namespace

std::string ResponseHead(const HttpResponse& response, const HeadFacts& facts) {
    const bool chunked = !facts.length && !facts.http_1_0;
    const bool close = !facts.keep_alive || (!facts.length && facts.http_1_0);
    std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nServer: hone\r\n",
                                   response.status, StatusText(response.status), DateNow());
    for (const auto& [name, value] : response.headers.fields()) {
        HONE_CHECK(value.find_first_of("\r\n") == std::string::npos, "in {}", name);
        head.append(name).append(": ").append(value).append("\r\n");
    }
    head.append("x-request-id: ").append(facts.request_id).append("\r\n");
    // What is served is the API's data: no browser should make a page of it.
    head += "X-Content-Type-Options: nosniff\r\n";
    if (facts.length && response.status != 204 && response.status != 304)
        head += fmt::format("Content-Length: {}\r\n", *facts.length);
    if (chunked) head += "Transfer-Encoding: chunked\r\n";
    head += close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
    return head;
}

}  // namespace hone::server
