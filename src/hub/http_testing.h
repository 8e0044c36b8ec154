// For tests: a small HTTP server on 127.0.0.1 that answers as it is told, and can break off in the
// middle.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"

namespace hone::testkit {

struct Request {
    std::string path;                            // with the query
    std::map<std::string, std::string> headers;  // names in lower case
    // The first byte asked for by Range; 0 without it.
    size_t range_begin() const {
        auto range = headers.find("range");
        return range == headers.end()
                   ? 0
                   : std::stoul(range->second.substr(std::string("bytes=").size()));
    }
};

struct Reply {
    int code = 200;
    std::string body;
    std::string location;  // for redirects
    size_t cut_after =
        std::string::npos;  // bytes of the body that are sent before the connection breaks
};

class HttpServer {
  public:
    explicit HttpServer(std::function<Reply(const Request&)> handler)
        : handler_(std::move(handler)) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        HONE_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                   listen(listener_, 16) == 0 &&
                   getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { Serve(); });
    }
    ~HttpServer() {
        shutdown(listener_, SHUT_RDWR);  // wakes accept
        thread_.join();
        close(listener_);
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
    std::vector<Request> requests() const {
        std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    void Serve() {
        for (;;) {
            int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection < 0) return;
            std::string text;
            char buffer[4096];
            while (text.find("\r\n\r\n") == text.npos) {
                ssize_t got = recv(connection, buffer, sizeof buffer, 0);
                if (got <= 0) break;
                text.append(buffer, static_cast<size_t>(got));
            }
            Request request = Parse(text);
            {
                std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            Answer(connection, handler_(request));
            close(connection);
        }
    }

    static Request Parse(const std::string& text) {
        Request request;
        size_t path = text.find(' ') + 1;
        request.path = text.substr(path, text.find(' ', path) - path);
        for (size_t at = text.find("\r\n"); at != text.npos;) {
            size_t begin = at + 2, end = text.find("\r\n", begin), colon = text.find(": ", begin);
            if (end == text.npos || colon == text.npos || colon > end) break;
            std::string name = text.substr(begin, colon - begin);
            for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            request.headers[name] = text.substr(colon + 2, end - colon - 2);
            at = end;
        }
        return request;
    }

    static void Answer(int connection, const Reply& reply) {
        std::string text =
            fmt::format("HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n", reply.code,
                        reply.body.size());
        if (!reply.location.empty()) text += "Location: " + reply.location + "\r\n";
        text += "\r\n" + reply.body.substr(0, reply.cut_after);
        for (size_t done = 0; done < text.size();) {
            ssize_t sent = send(connection, text.data() + done, text.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) return;
            done += static_cast<size_t>(sent);
        }
    }

    std::function<Reply(const Request&)> handler_;
    int listener_ = -1;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
};

}  // namespace hone::testkit
