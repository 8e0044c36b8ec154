#include "server/inference/model_answer.h"

#include <atomic>
#include <utility>

#include "answer/openai/api_error.h"
#include "server/api/answer.h"
#include "server/message/sse.h"

namespace hone::server {
namespace {

HttpResponse JsonText(std::string text, int status = 200) {
    HttpResponse response{.status = status, .body = std::move(text)};
    response.headers.Add("Content-Type", "application/json");
    return response;
}

// Called by the pool's thread, but for the construction and the end of an answer whose form blocks.
class ModelAnswer : public std::enable_shared_from_this<ModelAnswer> {
  public:
    ModelAnswer(InferencePool& pool, std::shared_ptr<Exchange> exchange,
                std::unique_ptr<AnswerForm> form)
        : pool_(pool), exchange_(std::move(exchange)), form_(std::move(form)) {}

    void OnEvent(const InferenceEvent& event) {
        switch (event.kind) {
            case InferenceEvent::Kind::kChunk:
                return Send(form_->Chunk(event.data));
            case InferenceEvent::Kind::kDone:
                if (!form_->blocks()) return Finish(event.data);
                exchange_->Later(
                    [self = shared_from_this(), data = event.data] { self->Finish(data); });
                return;
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
            bytes.insert(0, form_->Begin());
        }
        if (!stream_->Write(std::move(bytes)) && id_ != 0) pool_.Cancel(id_);
    }

    void Finish(const std::string& data) {
        auto whole = form_->Done(data);
        if (stream_ == nullptr)
            return exchange_->Respond(whole.ok() ? JsonText(std::move(whole->body))
                                                 : ErrorResponse(whole.status()));
        if (whole.ok()) {
            Send(std::move(whole->rest));
        } else {
            const HttpResponse refusal = ErrorResponse(whole.status());
            Send(form_->Failed(nlohmann::ordered_json::parse(refusal.body)["error"].dump()));
        }
        stream_.reset();
    }

    void Fail(const InferenceEvent& event) {
        if (stream_ != nullptr) {
            Send(form_->Failed(event.data));
            return stream_.reset();
        }
        HttpResponse response = JsonText("{\"error\":" + event.data + "}", event.status);
        if (event.retry_after_seconds > 0)
            response.headers.Add("Retry-After", fmt::format("{}", event.retry_after_seconds));
        exchange_->Respond(std::move(response));
    }

    InferencePool& pool_;
    const std::shared_ptr<Exchange> exchange_;
    const std::unique_ptr<AnswerForm> form_;
    std::unique_ptr<StreamWriter> stream_;
    std::atomic<uint64_t> id_{0};
};

}  // namespace

std::string AnswerForm::Chunk(const std::string& data) { return SseMessage(data); }

absl::StatusOr<AnswerForm::Whole> AnswerForm::Done(const std::string& data) {
    return Whole{data, SseMessage("[DONE]")};
}

std::string AnswerForm::Failed(const std::string& error) {
    return SseMessage("{\"error\":" + error + "}");
}

void AnswerFromModel(InferencePool& pool, InferenceRequest request,
                     std::shared_ptr<Exchange> exchange, std::unique_ptr<AnswerForm> form) {
    const auto answer = std::make_shared<ModelAnswer>(pool, exchange, std::move(form));
    const uint64_t id = pool.Ask(std::move(request),
                                 [answer](const InferenceEvent& event) { answer->OnEvent(event); });
    answer->SetId(id);
    exchange->OnGone([&pool, id] { pool.Cancel(id); });
}

HttpResponse FailureResponse(const absl::Status& status) {
    const ApiFailure failure = DescribeFailure(status);
    return JsonResponse({{"error", failure.error}}, failure.status);
}

}  // namespace hone::server
