#include "server/message/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

#include "server/message/ascii.h"

namespace hone::server {
namespace {

namespace http = boost::beast::http;

RequestError Bad(std::string message) { return {400, std::move(message)}; }

bool IsTokenCharacter(char c) {
    return IsAlphanumeric(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

// What decides where a request ends.
struct Framing {
    int hosts = 0, lengths = 0, encodings = 0;
};

std::optional<RequestError> CheckField(std::string_view line, Framing& framing) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)))
        return Bad("a field of the head has no proper name");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = StripSpaces(line.substr(colon + 1));
    if (EqualsIgnoringCase(name, "host") && ++framing.hosts > 1) return Bad("two Host fields");
    if (EqualsIgnoringCase(name, "content-length")) {
        if (++framing.lengths > 1) return Bad("two Content-Length fields");
        if (value.empty() || value.size() > 18 || !std::all_of(value.begin(), value.end(), IsDigit))
            return Bad("Content-Length is not a number of bytes");
    }
    if (EqualsIgnoringCase(name, "transfer-encoding")) {
        if (++framing.encodings > 1) return Bad("two Transfer-Encoding fields");
        if (!EqualsIgnoringCase(value, "chunked"))
            return RequestError{501, "a Transfer-Encoding other than chunked"};
    }
    return std::nullopt;
}

std::optional<RequestError> CheckRequestLine(std::string_view line, bool& http_1_1) {
    const size_t method = line.find(' ');
    const size_t version = line.rfind(' ');
    if (method == std::string_view::npos || version == method || !IsToken(line.substr(0, method)))
        return Bad("the request line is malformed");
    const std::string_view target = line.substr(method + 1, version - method - 1);
    if (target.empty() || target.find(' ') != std::string_view::npos ||
        (target.front() != '/' && target != "*"))
        return Bad("the request target is not a path");
    if (target.find('#') != std::string_view::npos) return Bad("the request target has a fragment");
    const std::string_view protocol = line.substr(version + 1);
    http_1_1 = protocol == "HTTP/1.1";
    if (http_1_1 || protocol == "HTTP/1.0") return std::nullopt;
    if (protocol.starts_with("HTTP/")) return RequestError{505, "this server speaks HTTP/1.1"};
    return Bad("the request line is malformed");
}

}  // namespace

std::optional<RequestError> CheckHead(std::string_view head) {
    for (size_t i = 0; i < head.size(); ++i) {
        const auto c = static_cast<unsigned char>(head[i]);
        const bool line_end = c == '\r' && i + 1 < head.size() && head[i + 1] == '\n';
        if (line_end) {
            ++i;
            continue;
        }
        if ((c < 0x20 && c != '\t') || c == 0x7f) return Bad("a control character in the head");
    }
    bool http_1_1 = false, first = true;
    Framing framing;
    while (!head.empty()) {
        const size_t end = std::min(head.find("\r\n"), head.size());
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(std::min(end + 2, head.size()));
        if (line.empty()) break;
        auto error = first ? CheckRequestLine(line, http_1_1) : CheckField(line, framing);
        first = false;
        if (error) return error;
    }
    if (first) return Bad("the request line is missing");
    if (http_1_1 && framing.hosts == 0) return Bad("the Host field is missing");
    if (framing.encodings > 0 && framing.lengths > 0)
        return Bad("both Content-Length and Transfer-Encoding");
    if (framing.encodings > 0 && !http_1_1) return Bad("Transfer-Encoding in HTTP/1.0");
    return std::nullopt;
}

struct RequestReader::Parser : http::request_parser<http::buffer_body> {};

RequestReader::RequestReader(const HttpLimits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>()) {
    parser_->header_limit(static_cast<std::uint32_t>(limits.head_bytes));
    // The limit is the route's, known after the head. (To Boost 1.74 none is less than any length.)
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    parser_->eager(false);
}

RequestReader::~RequestReader() = default;

std::optional<RequestError> RequestReader::ReadHead(std::string_view bytes, size_t& used,
                                                    bool& complete) {
    used = 0;
    complete = false;
    const size_t end = bytes.find("\r\n\r\n");
    // Without an end in sight, three more bytes may be its beginning.
    if (end == std::string_view::npos ? bytes.size() > limits_.head_bytes + 3
                                      : end > limits_.head_bytes)
        return RequestError{431, "the head is too long"};
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view head = bytes.substr(0, end + 4);
    if (auto error = CheckHead(head)) return error;
    boost::beast::error_code error;
    used = parser_->put(boost::asio::buffer(head.data(), head.size()), error);
    if (error || !parser_->is_header_done()) return Bad("the head is malformed");
    const auto fields = std::distance(parser_->get().begin(), parser_->get().end());
    if (static_cast<size_t>(fields) > limits_.fields)
        return RequestError{431, "the head has too many fields"};
    if (parser_->get().method() == http::verb::connect) return RequestError{501, "CONNECT"};
    complete = true;
    chunked_ = parser_->chunked();
    left_ = chunked_ ? 0 : parser_->content_length().value_or(0);
    done_ = !chunked_ && left_ == 0;
    return Fill();
}

std::optional<RequestError> RequestReader::Fill() {
    const auto& message = parser_->get();
    request_.method = std::string(message.method_string());
    const std::string target(message.target());
    const size_t question = std::min(target.find('?'), target.size());
    request_.path = target.substr(0, question);
    const size_t query = std::min(question + 1, target.size());
    if (!ParseQuery(std::string_view(target).substr(query), limits_.query_parts, request_.query))
        return Bad("the query cannot be decoded, or has too many parts");
    for (const auto& field : message)
        request_.headers.Add(std::string(field.name_string()), std::string(field.value()));
    return std::nullopt;
}

bool RequestReader::keep_alive() const { return parser_->keep_alive(); }

bool RequestReader::is_http_1_0() const { return parser_->get().version() < 11; }

bool RequestReader::expects_continue() const {
    return !is_http_1_0() &&
           EqualsIgnoringCase(std::string_view(parser_->get()[http::field::expect].data(),
                                               parser_->get()[http::field::expect].size()),
                              "100-continue");
}

std::optional<uint64_t> RequestReader::declared_length() const {
    if (chunked_) return std::nullopt;
    return parser_->content_length().value_or(0);
}

std::optional<RequestError> RequestReader::ReadBody(std::string_view bytes, size_t limit,
                                                    size_t& used, std::string& body) {
    if (chunked_) {
        bool good = true;
        used = chunks_.Decode(bytes, limit, body, good);
        done_ = chunks_.done();
        if (!good) return Bad("The body's chunks are malformed.");
        return std::nullopt;
    }
    used = static_cast<size_t>(std::min<uint64_t>({left_, bytes.size(), limit}));
    body.append(bytes.substr(0, used));
    left_ -= used;
    done_ = left_ == 0;
    return std::nullopt;
}

}  // namespace hone::server
