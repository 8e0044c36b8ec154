#include "answer/serving/task.h"

#include <algorithm>
#include <ctime>
#include <random>

#include "answer/openai/api_error.h"
#include "answer/sampling.h"

namespace hone {
namespace {

std::vector<int> ByteNumbers(std::string_view text) {
    std::vector<int> bytes;
    for (char c : text) bytes.push_back(static_cast<unsigned char>(c));
    return bytes;
}

}  // namespace

std::string NewName(std::string_view prefix) {
    static constexpr std::string_view kLetters =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::random_device random;
    std::string name(prefix);
    for (int i = 0; i < 24; ++i) name += kLetters[random() % kLetters.size()];
    return name;
}

absl::Status QueueFull() {
    return HttpError(429, "rate_limit_error",
                     "The model has more requests than it can hold: ask again later.", "",
                     "rate_limit_exceeded");
}

GenerateOptions DrawOptions(const DrawFields& fields, const ServedModel& served) {
    SamplingChoice choice;
    choice.max_new_tokens = fields.max_tokens.value_or(INT32_MAX);
    if (fields.temperature) choice.temperature = static_cast<float>(*fields.temperature);
    // OpenAI takes 0, which leaves the likeliest token, as any small number does.
    if (fields.top_p) choice.top_p = std::max(static_cast<float>(*fields.top_p), 1e-6f);
    choice.stop = fields.stop;
    choice.fallback_temperature = 1;
    choice.seed = fields.seed ? static_cast<uint64_t>(*fields.seed) : std::random_device()();
    GenerateOptions options = choice.Resolve(served.loaded().chat->generation);
    options.sampling.frequency_penalty = static_cast<float>(fields.frequency_penalty.value_or(0));
    options.sampling.presence_penalty = static_cast<float>(fields.presence_penalty.value_or(0));
    options.sampling.logit_bias = fields.logit_bias;
    return options;
}

Task::Task(TaskFrame frame, ServedModel& served, LineWriter& out)
    : frame_(std::move(frame)), served_(served), out_(out), created_(std::time(nullptr)) {}

absl::Status Task::Submit(std::vector<GenerateRequest> requests) {
    // All or none: what one is refused for, the others may not have.
    for (const GenerateRequest& request : requests)
        HONE_RETURN_IF_ERROR(served_.engine().Check(request));
    const EngineOptions& options = served_.engine().options();
    if (static_cast<size_t>(served_.engine().queued()) + requests.size() > options.max_queued)
        return QueueFull();
    for (GenerateRequest& request : requests) {
        const auto id = served_.engine().Submit(std::move(request), *this);
        HONE_CHECK(id.ok(), "{}", id.status().ToString());
        choices_.emplace(*id, choices_.size());
    }
    return absl::OkStatus();
}

void Task::Cancel() {
    silent_ = true;
    for (const auto& [id, choice] : choices_) served_.engine().Cancel(id);
}

void Task::OnToken(uint64_t id, const TokenUpdate& update) {
    if (!silent_) OnChoiceToken(choices_.at(id), update);
}

void Task::OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) {
    ++ended_;
    if (silent_) return;
    if (!result.ok()) {
        const ApiFailure failure = DescribeFailure(result.status());
        out_.Write({{"id", frame_.id},
                    {"event", "error"},
                    {"status", failure.status},
                    {"error", failure.error}});
        Cancel();
        return;
    }
    new_tokens_ += static_cast<int64_t>(result->tokens.size());
    reused_tokens_ = std::max(reused_tokens_, result->reused_tokens);
    timings_ = {{"queue_seconds", result->queue_seconds},
                {"first_token_seconds", result->first_seconds},
                {"seconds", result->seconds}};
    OnChoiceEnd(choices_.at(id), *std::move(result));
    if (finished()) Done();
}

void Task::Done() {
    Json whole = Whole();
    out_.Write(
        {{"id", frame_.id}, {"event", "done"}, {"data", std::move(whole)}, {"timings", timings_}});
}

Task::Json Task::Head(std::string_view object) const {
    return {{"id", answer_id_}, {"object", object}, {"created", created_}, {"model", frame_.model}};
}

Task::Json Task::Usage() const {
    return {{"prompt_tokens", prompt_tokens_},
            {"completion_tokens", new_tokens_},
            {"total_tokens", prompt_tokens_ + new_tokens_},
            {"prompt_tokens_details", {{"cached_tokens", reused_tokens_}, {"audio_tokens", 0}}},
            {"completion_tokens_details",
             {{"reasoning_tokens", 0},
              {"audio_tokens", 0},
              {"accepted_prediction_tokens", 0},
              {"rejected_prediction_tokens", 0}}}};
}

void Task::Chunk(Json data) {
    out_.Write({{"id", frame_.id}, {"event", "chunk"}, {"data", std::move(data)}});
}

Task::Json Task::LogprobJson(const TokenLogprob& logprob) const {
    const auto entry = [&](int32_t token, float value) -> Json {
        const std::string name = served_.token_bytes().name(token);
        return {{"token", name}, {"logprob", value}, {"bytes", ByteNumbers(name)}};
    };
    Json json = entry(logprob.token, logprob.logprob);
    json["top_logprobs"] = Json::array();
    for (const auto& [token, value] : logprob.top)
        json["top_logprobs"].push_back(entry(token, value));
    return json;
}

}  // namespace hone
