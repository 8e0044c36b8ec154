#include "server/message/message.h"

#include <algorithm>

#include "server/message/ascii.h"

namespace hone::server {
namespace {

int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool DecodeQueryPart(std::string_view text, std::string& decoded) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return PercentDecode(spaced, decoded);
}

}  // namespace

std::string_view HttpHeaders::Get(std::string_view name) const {
    for (const auto& [field, value] : fields_)
        if (EqualsIgnoringCase(field, name)) return value;
    return "";
}

bool HttpHeaders::Has(std::string_view name) const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [&](const auto& field) { return EqualsIgnoringCase(field.first, name); });
}

const std::string* HttpRequest::Query(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return &value;
    return nullptr;
}

std::string_view StatusText(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "";
    }
}

bool PercentDecode(std::string_view text, std::string& decoded) {
    decoded.clear();
    decoded.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = text.size() - i > 2 ? HexDigit(text[i + 1]) : -1;
            const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
            if (low < 0) return false;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return false;
        decoded.push_back(c);
    }
    return true;
}

bool ParseQuery(std::string_view text, size_t limit,
                std::vector<std::pair<std::string, std::string>>& query) {
    query.clear();
    while (!text.empty()) {
        const size_t end = std::min(text.find('&'), text.size());
        const std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.empty()) continue;
        if (query.size() == limit) return false;
        const size_t equals = std::min(part.find('='), part.size());
        std::string name, value;
        if (!DecodeQueryPart(part.substr(0, equals), name)) return false;
        if (equals < part.size() && !DecodeQueryPart(part.substr(equals + 1), value)) return false;
        query.emplace_back(std::move(name), std::move(value));
    }
    return true;
}

}  // namespace hone::server
