// What the server and the process that runs one model say to each other: JSON objects, one a line,
// in both directions.
//
// `hone serve-model -m BASE [--requests FD] [--answers FD]` reads requests from one file descriptor
// (standard input) and writes answers to the other (standard output); logs go to standard error.
// The end of the requests ends the process, once what it took is answered. SIGTERM does so too.
//
// The first line that it writes:
//
//     {"event": "ready", "version": 1, "base": "...", "context_length": 8192, "vocab_size": 49152,
//      "memory_bytes": 512000000, "cache_bytes": 2000000000, "chat_template": true}
//
// or, where the model cannot be loaded, one {"event": "failed", "error": {...}}, and it ends. From
// its start it writes every two seconds, also while it loads:
//
//     {"event": "heartbeat", "loading": false, "step_seconds": 0.01, "running": 3, "queued": 0,
//      "cache_bytes": ..., "memory_bytes": ..., "adapters": 2, "prompt_tokens": ...,
//      "reused_tokens": ..., "new_tokens": ..., "requests": ...}
//
// step_seconds is how long the present step has run; one that does not end is a hang.
//
// A request:
//
//     {"id": "7", "kind": "chat.completion", "adapter": "/path/of/an/adapter", "model": "ft:...",
//      "body": {"messages": [...], ...}}
//
// `id` is any string of at most 128 bytes that no other request in flight has; answers carry it.
// `adapter` is the folder of an adapter, loaded when it is first named; absent or "": the base
// alone. `model` is the name that answers say; absent: the base's. `body` is the client's body, an
// object; its "model" is not read. The kinds:
//
//     chat.completion   POST /v1/chat/completions
//     completion        POST /v1/completions
//     embedding         POST /v1/embeddings
//     cancel            {"id": "7", "kind": "cancel"} ends request 7, without a further line of it
//     adapter.load      {"id", "kind", "adapter"}: loads it now; done, data {"adapter": ...}
//     adapter.unload    {"id", "kind", "adapter"}: forgets it; requests in flight keep it; done
//     stats             {"id", "kind"}: done, data as in a heartbeat
//
// Answers:
//
//     {"id": "7", "event": "chunk", "data": {...}}   a chat.completion.chunk or a text_completion
//     of
//                                                    a stream, in order; only where the body says
//                                                    "stream": true
//     {"id": "7", "event": "done", "data": {...}}    the whole chat.completion, text_completion or
//                                                    list of embeddings, also after a stream
//     {"id": "7", "event": "error", "status": 400,
//      "error": {"message", "type", "param", "code"}}
//
// A request ends with one done or error, unless it was cancelled. A stream may end with an error
// after chunks. The chunk with the usage, where stream_options asks for it, is the last chunk.
// status is 400 (the body), 404 (no such adapter), 429 (the queue is full) or 500.
//
// A line that is not such an object, or is longer than kMaxRequestBytes, is answered with
// {"id": null, "event": "error", ...}; one whose id can be read, with that id.
#pragma once

#include <cstddef>

namespace hone {

inline constexpr int kServingVersion = 1;
inline constexpr size_t kMaxRequestBytes = size_t{32} << 20;  // of one request's line
inline constexpr size_t kMaxRequestIdBytes = 128;
inline constexpr double kHeartbeatSeconds = 2;

}  // namespace hone
