// The limits of the server: on bytes, times, and how much is done at once. Each is tested at the
// limit and one past it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hone::server {

struct HttpLimits {
    size_t head_bytes = 16 << 10;      // request line and fields
    size_t fields = 100;               // fields of one head
    size_t query_parts = 100;          // a=b of one query
    size_t body_piece = 256 << 10;     // read and handed on at a time
    size_t stream_bytes = 4 << 20;     // of a streamed answer that the client has not taken yet
    int connections = 4096;            // open at once
    int connections_per_client = 512;  // of those, from one address
    int queued = 1024;                 // calls that wait for a worker thread
    int workers = 8;                   // threads that may block on the disk or the database
    std::chrono::milliseconds head_time{10'000};    // from a head's first byte to its last
    std::chrono::milliseconds idle_time{75'000};    // between two requests of a connection
    std::chrono::milliseconds body_time{30'000};    // between two pieces of a body
    std::chrono::milliseconds write_time{30'000};   // until the client takes a piece
    std::chrono::milliseconds stream_time{15'000};  // a silent stream sends a sign of life
    std::chrono::milliseconds drain_time{30'000};   // for open requests, when the server ends
};

}  // namespace hone::server
