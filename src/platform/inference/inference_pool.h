// The children that answer requests for the server: one `hone serve-model` for each base model in
// use, with all its adapters. The server's side of answer/serving/protocol.h.
//
// A child has no network and sees nothing of this process's environment but a few harmless
// variables (platform/execute/child.h).
//
// A child is started when its base is first asked for. Requests wait until it is ready. Where the
// memory that children may take is used up, the one that was idle for the longest time ends to make
// room; where none is idle, a request is answered with 503. A child that ended, or says nothing for
// longer than it may, is killed: each of its requests ends with an error (503), and the next
// request for its base starts it again. One that keeps failing is left alone for a while, longer
// each time.
//
// Thread-safe. A sink is called from the pool's own thread, must return soon, and may call Ask and
// Cancel, but not destroy the pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

struct InferencePoolOptions {
    std::string program;                 // the hone that is run, a path
    std::vector<std::string> arguments;  // behind `serve-model --model_name_or_path BASE ...`
    size_t memory_bytes = SIZE_MAX;      // of all children, and so of each
    size_t max_children = 8;
    size_t max_waiting = 4096;    // requests in the pool at a time; more are answered with 429
    double silence_seconds = 30;  // without a line a child counts as hung
    double step_seconds = 300;    // longer in one step of the engine likewise
    double start_seconds = 600;   // until it is ready
};

struct InferenceRequest {
    std::string base;             // what `--model_name_or_path` takes: a folder, a file or a name
    std::string adapter;          // the folder of the adapter; empty: the base alone
    std::string model;            // the name that the answer says
    std::string kind;             // "chat.completion", "completion" or "embedding"
    nlohmann::ordered_json body;  // the client's, an object; the child checks it
};

// What a sink hears: any number of chunks, where the body says "stream", and then one of the
// others.
struct InferenceEvent {
    enum class Kind {
        kChunk,  // data: the JSON object of one server-sent event
        kDone,   // data: the answer as one object, also where it was streamed
        kError,  // data: the object of the envelope's "error": message, type, param, code
    };
    Kind kind = Kind::kChunk;
    std::string data;             // JSON on one line, without a newline
    int status = 200;             // of HTTP; kError: 400, 404, 429, 500, 503
    int retry_after_seconds = 0;  // kError, above 0: for the header Retry-After
};

using InferenceSink = std::function<void(const InferenceEvent& event)>;

// One child, for /metrics and pages.
struct InferenceChild {
    std::string base;
    std::string state;  // "starting", "ready", "waiting" (it failed, and starts again on demand)
    int pid = 0;        // 0: none runs
    int64_t context_length = 0, restarts = 0;
    size_t requests = 0;  // in flight or waiting for it to start
    size_t memory_bytes = 0;
    nlohmann::ordered_json stats;  // of its last heartbeat; null before the first
};

class InferencePool {
  public:
    explicit InferencePool(InferencePoolOptions options);
    // Ends all children; requests that are not answered get an error, each within this call.
    ~InferencePool();
    InferencePool(const InferencePool&) = delete;
    InferencePool& operator=(const InferencePool&) = delete;

    // Hands the request on and returns its number. The sink hears of it until a kDone or kError,
    // which may come before this returns.
    uint64_t Ask(InferenceRequest request, InferenceSink sink);
    // The sink hears no more of the request, once this returns (unless it is called by the sink).
    // Without effect where there is none of that number.
    void Cancel(uint64_t id);

    // Before the folder of an adapter is deleted or written again: its child forgets it.
    void ForgetAdapter(const std::string& base, const std::string& adapter);
    // Ends the child of a base once its requests are answered: before its files change.
    void ForgetBase(const std::string& base);
    // Takes no new request (503) and waits until those that are there are answered, at most for so
    // long; true: all were.
    bool Drain(double seconds);

    std::vector<InferenceChild> Children() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace hone
