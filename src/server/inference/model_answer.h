// A model's answer on its way to the client, whole or as it comes into being.
#pragma once

#include <memory>
#include <string>

#include "platform/inference/inference_pool.h"
#include "server/http/service.h"

namespace hone::server {

// What the events of a model's process become for the client: as they are, unless a class derived
// from this does more. The methods are called one after another.
class AnswerForm {
  public:
    virtual ~AnswerForm() = default;

    // The bytes that a stream begins with, and those that a chunk of it becomes.
    virtual std::string Begin() { return ""; }
    virtual std::string Chunk(const std::string& data);

    // Whether Done blocks: a worker thread then calls it.
    virtual bool blocks() const { return false; }
    struct Whole {
        std::string body;  // JSON, for an answer that is no stream
        std::string rest;  // the bytes that end a stream
    };
    // Of the answer as one object, which comes after the chunks of a stream too. An error is the
    // client's in its place.
    virtual absl::StatusOr<Whole> Done(const std::string& data);
    // The bytes that end a stream which began and went wrong. error: the envelope's object.
    virtual std::string Failed(const std::string& error);
};

// Asks, and answers the exchange with what comes: one JSON object, or, where the body says
// "stream", server-sent events. An error that comes before any of it has an HTTP status; one that
// comes later is the last event. A client that goes away, or does not take what is sent, ends the
// request. The pool outlives the exchange.
void AnswerFromModel(InferencePool& pool, InferenceRequest request,
                     std::shared_ptr<Exchange> exchange,
                     std::unique_ptr<AnswerForm> form = std::make_unique<AnswerForm>());

// The answer to an error of answer/openai/api_error.h.
HttpResponse FailureResponse(const absl::Status& status);

}  // namespace hone::server
