// The server as a whole: listens, keeps the connections within their limits, ends in order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/http/service.h"
#include "server/message/limits.h"

namespace hone::server {

struct HttpServerOptions {
    std::string host = "127.0.0.1";  // an address
    uint16_t port = 0;               // 0: any that is free
    std::string tls_cert, tls_key;   // PEM files; both empty: no TLS
    int threads = 2;                 // of the network
    HttpLimits limits;
};

class HttpServer {
  public:
    // Listens once this returns. The service outlives it. Errors name the address or the file.
    static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                             HttpService& service);
    // Stop, if that was not called.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    uint16_t port() const;
    int connections() const;
    // Takes no more connections, finishes the answers that are being made for up to
    // HttpLimits::drain_time, and ends.
    void Stop();

  private:
    class Registry;
    struct Parts;
    explicit HttpServer(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace hone::server
