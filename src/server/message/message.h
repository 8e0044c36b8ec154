// A request and its answer, as the routes see them: plain values, without the library that moves
// them over the network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hone::server {

// The fields of a head, in the order they came. Names are compared without regard to case.
class HttpHeaders {
  public:
    void Add(std::string name, std::string value) {
        fields_.emplace_back(std::move(name), std::move(value));
    }
    // The first value of that name; "" where there is none.
    std::string_view Get(std::string_view name) const;
    bool Has(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
    std::string method;  // "GET"
    std::string path;    // as it was sent, without the query: "/v1/files/file-1"
    std::vector<std::pair<std::string, std::string>> query;  // decoded, in their order
    HttpHeaders headers;
    std::string body;
    std::string client;  // the address of the other end, without its port
    std::string id;      // the x-request-id of the answer

    // For the log, once they are known.
    std::string route;    // its pattern: "/v1/files/{file_id}"
    std::string project;  // whose key it came with
    std::string key_id;

    // The first value of that name in the query; null where there is none.
    const std::string* Query(std::string_view name) const;
};

// The bytes of an answer that are too many to hold: read piece by piece while they are sent.
class BodySource {
  public:
    virtual ~BodySource() = default;
    virtual uint64_t size() const = 0;
    // The next bytes, at most `limit` of them, into `bytes`. Nothing is left when it gives none. It
    // may block: a worker thread calls it.
    virtual absl::Status Read(size_t limit, std::string& bytes) = 0;
};

struct HttpResponse {
    int status = 200;
    HttpHeaders headers;
    std::string body;
    std::shared_ptr<BodySource> source;  // in place of the body, where there is one
    bool close = false;                  // the connection ends after it
};

// "Not Found" for 404; "" for a status that this server does not send.
std::string_view StatusText(int status);

// Decodes %XX. False if a % is not followed by two hex digits, or a zero byte comes out.
bool PercentDecode(std::string_view text, std::string& decoded);

// The parts of "a=1&b%5Bc%5D=2", decoded, + read as a space. False if one cannot be decoded or
// there are more than `limit`.
bool ParseQuery(std::string_view text, size_t limit,
                std::vector<std::pair<std::string, std::string>>& query);

}  // namespace hone::server
