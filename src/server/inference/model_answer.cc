#include "server/api/model_answer.h"

#include <atomic>
#include <utility>

#include "server/api/answer.h"
#include "server/http/sse.h"

namespace hone::server {
namespace {

HttpResponse JsonText(std::string text, int status = 200) {
    HttpResponse response{.status = status, .body = std::move(text)};
    response.headers.Add("Content-Type", "application/json");
    return response;
}

// Called by the pool's thread alone, but for the construction.
class ModelAnswer {
  public:
    ModelAnswer(InferencePool& pool, std::shared_ptr<Exchange> exchange)
        : pool_(pool), exchange_(std::move(exchange)) {}

    void OnEvent(const InferenceEvent& event) {
        switch (event.kind) {
            case InferenceEvent::Kind::kChunk:
                return Send(SseMessage(event.data));
            case InferenceEvent::Kind::kDone:
                if (stream_ == nullptr) return exchange_->Respond(JsonText(event.data));
                Send(SseMessage("[DONE]"));
                return stream_.reset();
            case InferenceEvent::Kind::kError:
                return Fail(event);
        }
    }

    // The request's number, once the pool has given it.
    void SetId(uint64_t id) { id_ = id; }

  private:
    void Send(std::string bytes) {
        if (stream_ == nullptr) {
            HttpResponse head;
            head.headers.Add("Content-Type", "text/event-stream; charset=utf-8");
            head.headers.Add("Cache-Control", "no-store");
            stream_ = exchange_->Stream(std::move(head), kSseSignOfLife);
        }
        if (!stream_->Write(std::move(bytes)) && id_ != 0) pool_.Cancel(id_);
    }

    void Fail(const InferenceEvent& event) {
        const std::string envelope = "{\"error\":" + event.data + "}";
        if (stream_ != nullptr) {
            Send(SseMessage(envelope));
            return stream_.reset();
        }
        HttpResponse response = JsonText(envelope, event.status);
        if (event.retry_after_seconds > 0)
            response.headers.Add("Retry-After", fmt::format("{}", event.retry_after_seconds));
        exchange_->Respond(std::move(response));
    }

    InferencePool& pool_;
    const std::shared_ptr<Exchange> exchange_;
    std::unique_ptr<StreamWriter> stream_;
    std::atomic<uint64_t> id_{0};
};

}  // namespace

void AnswerFromModel(InferencePool& pool, InferenceRequest request,
                     std::shared_ptr<Exchange> exchange) {
    const auto answer = std::make_shared<ModelAnswer>(pool, exchange);
    const uint64_t id = pool.Ask(std::move(request),
                                 [answer](const InferenceEvent& event) { answer->OnEvent(event); });
    answer->SetId(id);
    exchange->OnGone([&pool, id] { pool.Cancel(id); });
}

}  // namespace hone::server
