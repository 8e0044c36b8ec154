// HTTP/1.1 requests out of bytes, without a socket.
//
// Boost.Beast's parser reads the heads. What it reads generously is refused before it sees it: what
// this server and a proxy before it could read in two ways is how requests are smuggled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/message/chunk_decoder.h"
#include "server/message/limits.h"
#include "server/message/message.h"

namespace hone::server {

struct RequestError {
    int status = 400;
    std::string message;
};

// What is wrong with a head (its lines, up to and with the empty one) by the letter of RFC 9112:
// line breaks other than CRLF, folded lines, a space before a colon, no or two Hosts, a length that
// is no number or comes twice, a length with a transfer encoding, a transfer encoding other than
// chunked.
std::optional<RequestError> CheckHead(std::string_view head);

class RequestReader {
  public:
    explicit RequestReader(const HttpLimits& limits);
    ~RequestReader();

    // The request at the front of `bytes`. Nothing yet if the head is incomplete; else `used` says
    // how many bytes it had.
    std::optional<RequestError> ReadHead(std::string_view bytes, size_t& used, bool& complete);
    // Once the head is complete: its line and fields.
    HttpRequest& request() { return request_; }
    bool keep_alive() const;
    bool is_http_1_0() const;
    bool expects_continue() const;
    // Bytes of the body that the head declares; nothing where it comes in chunks.
    std::optional<uint64_t> declared_length() const;
    // Whether the body has been read to its end.
    bool done() const { return done_; }
    // Body bytes at the front of `bytes` are appended to `body`, at most `limit` of them; `used`
    // says how many bytes they took, 0 if more must come first.
    std::optional<RequestError> ReadBody(std::string_view bytes, size_t limit, size_t& used,
                                         std::string& body);

  private:
    struct Parser;
    std::optional<RequestError> Fill();

    const HttpLimits limits_;
    std::unique_ptr<Parser> parser_;
    HttpRequest request_;
    bool chunked_ = false, done_ = false;
    uint64_t left_ = 0;  // of a body that is not chunked
    ChunkDecoder chunks_;
};

}  // namespace hone::server
