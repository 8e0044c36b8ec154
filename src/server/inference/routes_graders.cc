// Graders: https://platform.openai.com/docs/api-reference/graders.
#include <atomic>
#include <mutex>
#include <utility>

#include "answer/grading/grader.h"
#include "answer/openai/api_error.h"
#include "base/clock.h"
#include "server/api/api.h"
#include "server/inference/model_answer.h"
#include "server/inference/routes.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using platform::Platform;

constexpr char kGraderSchemas[] = R"json({
  "GraderMessage": {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
      "role": {"type": "string", "enum": ["user", "assistant", "system", "developer"]},
      "content": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]},
      "type": {"type": ["string", "null"], "enum": ["message", null]}
    }
  },
  "Grader": {
    "description": "string_check, text_similarity, score_model, label_model, or multi, a formula over others",
    "type": "object",
    "required": ["type", "name"],
    "properties": {
      "type": {"type": "string"},
      "name": {"type": "string", "maxLength": 256},
      "input": {
        "anyOf": [
          {"type": "string"}, {"type": "array", "items": {"$ref": "#/components/schemas/GraderMessage"}}
        ]
      },
      "reference": {"type": "string"},
      "operation": {"type": "string"},
      "evaluation_metric": {"type": "string"},
      "model": {"type": "string"},
      "sampling_params": {"type": ["object", "null"]},
      "range": {"type": ["array", "null"], "items": {"type": "number"}},
      "labels": {"type": "array", "items": {"type": "string"}},
      "passing_labels": {"type": "array", "items": {"type": "string"}},
      "graders": {"type": "object"},
      "calculate_output": {"type": "string"}
    }
  },
  "RunGraderRequest": {
    "type": "object",
    "required": ["grader", "model_sample"],
    "additionalProperties": false,
    "properties": {
      "grader": {"$ref": "#/components/schemas/Grader"},
      "model_sample": {"type": "string"},
      "item": {"description": "what {{item.x}} in the grader's texts stands for"}
    }
  },
  "ValidateGraderRequest": {
    "type": "object",
    "required": ["grader"],
    "additionalProperties": false,
    "properties": {"grader": {"$ref": "#/components/schemas/Grader"}}
  },
  "ValidateGraderResponse": {
    "type": "object",
    "required": ["grader"],
    "properties": {"grader": {"$ref": "#/components/schemas/Grader"}}
  },
  "RunGraderResponse": {
    "type": "object",
    "required": ["reward", "metadata", "sub_rewards", "model_grader_token_usage_per_model"],
    "properties": {
      "reward": {"type": "number"},
      "metadata": {
        "type": "object",
        "required": ["name", "type", "errors", "execution_time", "scores", "token_usage", "sampled_model_name"],
        "properties": {
          "name": {"type": "string"},
          "type": {"type": "string"},
          "errors": {"type": "object"},
          "execution_time": {"type": "number"},
          "scores": {"type": "object", "additionalProperties": {"type": "number"}},
          "token_usage": {"type": ["integer", "null"]},
          "sampled_model_name": {"type": ["string", "null"]}
        }
      },
      "sub_rewards": {"type": "object", "additionalProperties": {"type": "number"}},
      "model_grader_token_usage_per_model": {"type": "object", "additionalProperties": {"type": "integer"}}
    }
  }
})json";

// The models that a grader asks must be the caller's to use.
absl::Status CheckModels(Platform& platform, const Call& call, const Grader& grader) {
    for (const SingleGrader& part : grader.parts) {
        if (part.model.empty()) continue;
        HONE_RETURN_IF_ERROR(platform.models().Resolve(call.caller, part.model).status());
    }
    return absl::OkStatus();
}

// A run whose questions are with the pool. It lives as long as one of them has no answer.
class GraderAsking : public std::enable_shared_from_this<GraderAsking> {
  public:
    GraderAsking(Grader grader, GradedSample sample, std::shared_ptr<Exchange> exchange)
        : grader_(std::move(grader)),
          sample_(std::move(sample)),
          run_(grader_, sample_),
          exchange_(std::move(exchange)),
          left_(run_.questions().size()) {}

    void Start(Platform& platform, InferencePool& pool, const platform::Caller& caller) {
        if (left_ == 0) return Respond();
        for (size_t i = 0; i < run_.questions().size(); ++i) {
            const ModelQuestion& question = run_.questions()[i];
            auto place = platform.models().Resolve(
                caller,
                question.model.empty() ? platform.options().models.front().name : question.model);
            if (!place.ok()) {
                Answer(i, place.status());
                continue;
            }
            const uint64_t id =
                pool.Ask({.base = place->base_path,
                          .adapter = place->adapter_path,
                          .model = place->id,
                          .kind = question.kind,
                          .body = question.body},
                         [self = shared_from_this(), i](const InferenceEvent& event) {
                             self->OnEvent(i, event);
                         });
            exchange_->OnGone([&pool, id] { pool.Cancel(id); });
        }
    }

  private:
    void OnEvent(size_t question, const InferenceEvent& event) {
        const Json data = Json::parse(event.data);
        if (event.kind == InferenceEvent::Kind::kError)
            return Answer(question, OtherError("{}", data["message"].get<std::string>()));
        Answer(question, data);
    }

    void Answer(size_t question, absl::StatusOr<Json> answer) {
        {
            const std::lock_guard lock(mutex_);
            run_.Answer(question, std::move(answer));
            if (--left_ > 0) return;
        }
        Respond();
    }

    void Respond() { exchange_->Respond(JsonResponse(run_.Finish(NowSeconds() - began_))); }

    const double began_ = NowSeconds();
    const Grader grader_;
    const GradedSample sample_;
    std::mutex mutex_;
    GraderRun run_;
    const std::shared_ptr<Exchange> exchange_;
    size_t left_;
};

void Run(Platform& platform, InferencePool& pool, const Call& call,
         std::shared_ptr<Exchange> exchange) {
    auto grader = Grader::Read(call.body["grader"]);
    if (!grader.ok()) return exchange->Respond(FailureResponse(grader.status()));
    const absl::Status models = CheckModels(platform, call, *grader);
    if (!models.ok()) return exchange->Respond(ErrorResponse(models));
    GradedSample sample{call.body["model_sample"], call.body.value("item", Json())};
    std::make_shared<GraderAsking>(*std::move(grader), std::move(sample), std::move(exchange))
        ->Start(platform, pool, call.caller);
}

HttpResponse Validate(Platform& platform, const Call& call) {
    const auto grader = Grader::Read(call.body["grader"]);
    if (!grader.ok()) return FailureResponse(grader.status());
    const absl::Status models = CheckModels(platform, call, *grader);
    if (!models.ok()) return ErrorResponse(models);
    return JsonResponse({{"grader", call.body["grader"]}});
}

}  // namespace

void AddGraderRoutes(Api& api, Platform& platform, InferencePool& pool) {
    api.schemas().Add(kGraderSchemas);
    Router& router = api.router();
    router.Add({.method = "POST",
                .pattern = "/v1/fine_tuning/alpha/graders/run",
                .operation = "runGrader",
                .summary = "what a sample is worth to a grader",
                .body = BodyKind::kJson,
                .body_limit = SIZE_MAX,
                .request_schema = "RunGraderRequest",
                .response_schema = "RunGraderResponse",
                .answer = [&](const Call& call, std::shared_ptr<Exchange> exchange) {
                    Run(platform, pool, call, std::move(exchange));
                }});
    router.Add({.method = "POST",
                .pattern = "/v1/fine_tuning/alpha/graders/validate",
                .operation = "validateGrader",
                .summary = "whether a grader can be run",
                .body = BodyKind::kJson,
                .request_schema = "ValidateGraderRequest",
                .response_schema = "ValidateGraderResponse",
                .handle = [&](const Call& call) { return Validate(platform, call); }});
}

}  // namespace hone::server
