// How the server's acceptor makes connections.
#pragma once

#include <memory>
#include <string>

#include "server/http/asio.h"
#include "server/http/connection.h"

namespace hone::server {

struct NewConnection {
    tcp::socket socket;  // on a strand of its own
    std::string client;  // the address
    // Not 0: it is answered with this status and this text, whatever it asks, and ended.
    int refusal = 0;
    std::string refusal_text;
};

// Starts it. It lives until the client or the server ends it, and `token` as long. `tls` null:
// none.
std::shared_ptr<Connection> StartConnection(ConnectionHost& host, NewConnection made,
                                            asio::ssl::context* tls, std::shared_ptr<void> token);

}  // namespace hone::server
