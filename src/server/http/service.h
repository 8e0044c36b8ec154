// What the HTTP layer asks of the program above it, and what it offers to an answer that takes
// time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/message/message.h"

namespace hone::server {

// An answer that is sent as it comes into being, such as server-sent events. Any thread may use it.
// It ends when the last reference to it goes.
class StreamWriter {
  public:
    virtual ~StreamWriter() = default;
    // Sends these bytes soon, and returns at once. False if the client has gone, or is so slow that
    // HttpLimits::stream_bytes wait for it: whoever makes the answer should stop.
    virtual bool Write(std::string bytes) = 0;
};

// One request that is being answered. Any thread may use it; exactly one of Respond and Stream is
// called, once. One that goes without an answer gives 500.
class Exchange {
  public:
    virtual ~Exchange() = default;
    virtual const HttpRequest& request() const = 0;
    virtual void Respond(HttpResponse response) = 0;
    // Begins an answer of unknown length. `sign_of_life` is sent when nothing was for a while, so
    // that a client that went away is noticed.
    virtual std::unique_ptr<StreamWriter> Stream(HttpResponse head, std::string sign_of_life) = 0;
    // `call` runs when the client goes away before it has the whole answer; at once if it has
    // already. For work that is then in vain.
    virtual void OnGone(std::function<void()> call) = 0;
    // Runs the call soon on a worker thread, where it may block.
    virtual void Later(std::function<void()> call) = 0;
};

// Takes a body piece by piece. It goes with the connection if that breaks, without Finish.
class BodySink {
  public:
    virtual ~BodySink() = default;
    // False to take no more: Finish then says why, and the connection ends. May block.
    virtual bool Take(std::string_view bytes) = 0;
    // The answer, once the whole body was taken, or after a false.
    virtual HttpResponse Finish() = 0;
};

// What becomes of a request whose head has come. One of the three members says it.
struct Admission {
    std::optional<HttpResponse> refused;
    std::function<void(std::shared_ptr<Exchange>)> handle;  // takes the whole body
    std::unique_ptr<BodySink> sink;
    size_t body_limit = 0;  // bytes; more is refused with 413
};

// What was answered, for logs and figures.
struct Answered {
    const HttpRequest& request;
    int status = 0;
    uint64_t received_bytes = 0, sent_bytes = 0;
    double seconds = 0;  // from the head's last byte to the answer's
};

class HttpService {
  public:
    virtual ~HttpService() = default;
    // Looks at the head before any of the body is read. It may change the request, for what comes
    // later to see. May block, as `handle` may.
    virtual Admission Admit(HttpRequest& request) = 0;
    // The answer to a request that cannot be read or that there is no room for. Does not block.
    virtual HttpResponse Refuse(int status, const std::string& message) = 0;
    // Does not block.
    virtual void OnAnswered(const Answered& answered) = 0;
};

}  // namespace hone::server
