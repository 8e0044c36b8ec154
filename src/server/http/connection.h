// One connection of a client: requests come in, answers go out, one after the other.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "server/http/service.h"
#include "server/http/worker_pool.h"
#include "server/message/limits.h"

namespace hone::server {

// What the connections of a server share. It outlives them.
struct ConnectionHost {
    HttpService& service;
    WorkerPool& pool;
    const HttpLimits limits;
    std::atomic<bool> draining{false};
};

class Connection {
  public:
    virtual ~Connection() = default;
    // Ends it once the answer that is being made has been sent; at once if there is none. From any
    // thread, as EndNow.
    virtual void EndSoon() = 0;
    virtual void EndNow() = 0;
};

}  // namespace hone::server
