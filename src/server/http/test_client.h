// For tests: a client that says exactly what it is told to, over a socket of its own.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace hone::server::testkit {

class TestClient {
  public:
    explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        HONE_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    ~TestClient() { Close(); }
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    void Send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;  // the server has closed: what it said before is what counts
            bytes.remove_prefix(static_cast<size_t>(sent));
        }
    }
    // No more bytes will be sent; answers are still read.
    void HalfClose() { shutdown(fd_, SHUT_WR); }
    void Close() {
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }

    // One answer: its head and, by its Content-Length or chunks, its body. "" at the end.
    std::string ReadAnswer(bool has_body = true) {
        while (received_.find("\r\n\r\n") == std::string::npos)
            if (!More()) return std::exchange(received_, "");
        size_t end = received_.find("\r\n\r\n") + 4;
        const std::string head = received_.substr(0, end);
        if (has_body && head.find("Transfer-Encoding: chunked") != std::string::npos) {
            while (received_.find("0\r\n\r\n", end - 2) == std::string::npos)
                if (!More()) return std::exchange(received_, "");
            end = received_.find("0\r\n\r\n", end - 2) + 5;
        } else if (has_body && head.find("Content-Length: ") != std::string::npos) {
            end += std::stoul(head.substr(head.find("Content-Length: ") + 16));
            while (received_.size() < end)
                if (!More()) return std::exchange(received_, "");
        }
        std::string answer = received_.substr(0, end);
        received_.erase(0, end);
        return answer;
    }
    // All until the server closes.
    std::string ReadToEnd() {
        while (More()) {
        }
        return std::exchange(received_, "");
    }
    std::string Ask(std::string_view request) {
        Send(request);
        return ReadAnswer();
    }

  private:
    // False at the end, after an error and after ten seconds of silence.
    bool More() {
        pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
        if (poll(&waiting, 1, 10'000) != 1) return false;
        char bytes[4096];
        const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
        if (count <= 0) return false;
        received_.append(bytes, static_cast<size_t>(count));
        return true;
    }

    int fd_;
    std::string received_;
};

}  // namespace hone::server::testkit
