// The two ends of one answer: whoever makes it, on any thread, and the connection that sends it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/http/service.h"
#include "server/http/worker_pool.h"

namespace hone::server {

class PendingExchange : public Exchange, public std::enable_shared_from_this<PendingExchange> {
  public:
    // `wake` is called, from any thread, when there is something to send.
    PendingExchange(HttpRequest request, WorkerPool& pool, size_t stream_limit,
                    std::function<void()> wake)
        : request_(std::move(request)),
          stream_limit_(stream_limit),
          pool_(&pool),
          wake_(std::move(wake)) {}

    const HttpRequest& request() const override { return request_; }
    void Respond(HttpResponse response) override;
    std::unique_ptr<StreamWriter> Stream(HttpResponse head, std::string sign_of_life) override;
    void OnGone(std::function<void()> call) override;
    void Later(std::function<void()> call) override;

    // The connection's side.
    HttpRequest& mutable_request() { return request_; }  // until it is handed over
    struct Ready {
        std::optional<HttpResponse> response;  // the whole answer, or the head of a stream
        bool streams = false;
        std::string bytes;   // of the stream, since the last Take
        bool ended = false;  // no more bytes will come
    };
    Ready Take();
    std::string sign_of_life() const;
    // Nobody has answered yet, and the client waits.
    bool awaited() const;
    // The answer was sent, or cannot be: nothing that is called from now on has an effect. Where it
    // was not sent, the OnGone calls run.
    void Detach(bool sent);

  private:
    class Writer;
    bool Write(std::string bytes);
    void EndStream();
    void Wake();

    HttpRequest request_;
    const size_t stream_limit_;
    mutable std::mutex mutex_;
    WorkerPool* pool_;            // null once detached
    std::function<void()> wake_;  // empty once detached
    Ready ready_;
    bool answered_ = false, gone_ = false;
    std::string sign_of_life_;
    std::vector<std::function<void()>> on_gone_;
};

// Hands an exchange to whoever answers it. When the last copy goes without an answer, the client
// gets 500.
std::shared_ptr<Exchange> HandOver(std::shared_ptr<PendingExchange> exchange,
                                   std::function<HttpResponse()> otherwise);

}  // namespace hone::server
