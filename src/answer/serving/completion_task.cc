#include "answer/serving/completion_task.h"

#include <algorithm>

#include "answer/openai/api_error.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

CompletionTask::CompletionTask(TaskFrame frame, CompletionRequest request, ServedModel& served,
                               LineWriter& out)
    : Task(std::move(frame), served, out), request_(std::move(request)) {
    answer_id_ = NewName("cmpl-");
    stream_ = request_.stream;
    include_usage_ = request_.include_usage;
}

absl::StatusOr<std::vector<int32_t>> CompletionTask::Encode(const TextOrTokens& prompt) const {
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, served_.Encode(prompt, "prompt"));
    const int64_t most = served_.context_length() - (*request_.max_tokens > 0 ? 1 : 0);
    if (static_cast<int64_t>(tokens.size()) > most)
        return RequestError(
            fmt::format("This model's maximum context length is {} tokens. However, your prompt "
                        "resulted in {} tokens. Please reduce the length of the prompt.",
                        served_.context_length(), tokens.size()),
            "prompt", "context_length_exceeded");
    return tokens;
}

absl::StatusOr<CompletionTask::Choice> CompletionTask::Echo(const std::vector<int32_t>& prompt,
                                                            const TextOrTokens& said) {
    Choice choice;
    if (!request_.echo) return choice;
    if (std::holds_alternative<std::string>(said)) {
        choice.text = std::get<std::string>(said);
    } else {
        HONE_ASSIGN_OR_RETURN(choice.text, served_.encoder().tokenizer().Decode(prompt, true));
    }
    if (!request_.logprobs) return choice;
    choice.logprobs.push_back({.token = prompt[0]});
    HONE_ASSIGN_OR_RETURN(const std::vector<TokenLogprob> scores,
                          served_.Score(prompt, frame_.adapter, *request_.logprobs));
    choice.logprobs.insert(choice.logprobs.end(), scores.begin(), scores.end());
    return choice;
}

absl::StatusOr<std::unique_ptr<Task>> CompletionTask::Start(TaskFrame frame, const Json& body,
                                                            ServedModel& served, LineWriter& out) {
    HONE_ASSIGN_OR_RETURN(CompletionRequest request, ReadCompletionRequest(body));
    HONE_RETURN_IF_ERROR(served.UseAdapter(frame.adapter));
    std::unique_ptr<CompletionTask> task(
        new CompletionTask(std::move(frame), std::move(request), served, out));
    const CompletionRequest& asked = task->request_;
    std::vector<GenerateRequest> requests;
    GenerateRequest next;
    next.adapter = task->frame_.adapter;
    next.options = DrawOptions(asked, served);
    if (asked.logprobs) next.options.top_logprobs = *asked.logprobs;
    for (const TextOrTokens& prompt : asked.prompts) {
        HONE_ASSIGN_OR_RETURN(next.prompt, task->Encode(prompt));
        task->prompt_tokens_ += static_cast<int64_t>(next.prompt.size());
        HONE_ASSIGN_OR_RETURN(const Choice echo, task->Echo(next.prompt, prompt));
        for (int64_t i = 0; i < asked.n; ++i) {
            task->parts_.push_back(echo);
            requests.push_back(next);
            ++next.options.sampling.seed;
        }
    }
    const bool draws = *asked.max_tokens > 0;
    if (draws) {
        HONE_RETURN_IF_ERROR(task->Submit(std::move(requests)));
    }
    for (size_t i = 0; i < task->parts_.size(); ++i) {
        const Choice& part = task->parts_[i];
        if (task->stream_ && asked.echo)
            task->ChoiceChunk(i, part.text, task->LogprobsJson(part.logprobs, 0), nullptr);
        if (!draws) task->OnChoiceEnd(i, {});
    }
    if (!draws) task->Done();
    return task;
}

Json CompletionTask::LogprobsJson(const std::vector<TokenLogprob>& logprobs, size_t offset) const {
    if (!request_.logprobs) return nullptr;
    Json tokens = Json::array(), numbers = Json::array(), top = Json::array(),
         offsets = Json::array();
    for (size_t i = 0; i < logprobs.size(); ++i) {
        tokens.push_back(served_.token_bytes().name(logprobs[i].token));
        numbers.push_back(logprobs[i].logprob);
        Json likeliest = Json::object();
        for (const auto& [token, value] : logprobs[i].top)
            likeliest[served_.token_bytes().name(token)] = value;
        top.push_back(std::move(likeliest));
        offsets.push_back(offset);
        offset += CountCharacters(served_.token_bytes().text(logprobs[i].token));
    }
    return {{"tokens", std::move(tokens)},
            {"token_logprobs", std::move(numbers)},
            {"top_logprobs", std::move(top)},
            {"text_offset", std::move(offsets)}};
}

void CompletionTask::ChoiceChunk(size_t index, const std::string& text, Json logprobs,
                                 Json finish_reason) {
    Json data = Head("text_completion");
    data["choices"] = Json::array({{{"text", text},
                                    {"index", index},
                                    {"logprobs", std::move(logprobs)},
                                    {"finish_reason", std::move(finish_reason)}}});
    if (include_usage_) data["usage"] = nullptr;
    Chunk(std::move(data));
}

void CompletionTask::OnChoiceToken(size_t choice, const TokenUpdate& update) {
    Choice& part = parts_[choice];
    const size_t offset = CountCharacters(part.text);
    part.text += update.text;
    const bool has_logprob = update.logprob != nullptr && !IsEnd(update.token);
    if (has_logprob) part.logprobs.push_back(*update.logprob);
    if (stream_ && (!update.text.empty() || has_logprob))
        ChoiceChunk(choice, std::string(update.text),
                    has_logprob ? LogprobsJson({*update.logprob}, offset) : Json(), nullptr);
}

void CompletionTask::OnChoiceEnd(size_t choice, GenerateResult result) {
    parts_[choice].finish_reason = FinishReasonName(result.finish);
    if (stream_) ChoiceChunk(choice, "", nullptr, parts_[choice].finish_reason);
}

Json CompletionTask::Whole() {
    Json data = Head("text_completion");
    data["choices"] = Json::array();
    for (size_t i = 0; i < parts_.size(); ++i)
        data["choices"].push_back({{"text", parts_[i].text},
                                   {"index", i},
                                   {"logprobs", LogprobsJson(parts_[i].logprobs, 0)},
                                   {"finish_reason", parts_[i].finish_reason}});
    data["usage"] = Usage();
    if (stream_ && include_usage_) {
        Json last = Head("text_completion");
        last["choices"] = Json::array();
        last["usage"] = data["usage"];
        Chunk(std::move(last));
    }
    return data;
}

}  // namespace hone
