// A model's answer on its way to the client, whole or as it comes into being.
#pragma once

#include <memory>

#include "platform/inference/inference_pool.h"
#include "server/http/service.h"

namespace hone::server {

// Asks, and answers the exchange with what comes: one JSON object, or, where the body says
// "stream", server-sent events that end with [DONE]. An error that comes before any of it has an
// HTTP status; one that comes later is the last event. A client that goes away, or does not take
// what is sent, ends the request. The pool outlives the exchange.
void AnswerFromModel(InferencePool& pool, InferenceRequest request,
                     std::shared_ptr<Exchange> exchange);

}  // namespace hone::server
