// The events of a job as they happen, by server-sent events.
#pragma once

#include <memory>
#include <string>

#include "platform/platform.h"
#include "server/http/service.h"

namespace hone::server {

// Sends each event, oldest first, as the data of a server-sent event with its id; then, once the
// job has ended, the job as the event "job". A client that comes back with Last-Event-ID gets what
// came after that one.
void StreamJobEvents(platform::Platform& platform, const platform::Caller& caller,
                     const std::string& job_id, std::shared_ptr<Exchange> exchange);

}  // namespace hone::server
