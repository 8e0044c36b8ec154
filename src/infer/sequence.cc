#include "infer/sequence.h"

#include <algorithm>

#include "base/clock.h"

namespace hone {

std::string_view FinishReasonName(FinishReason reason) {
    switch (reason) {
        case FinishReason::kStop:
            return "stop";
        case FinishReason::kLength:
            return "length";
        case FinishReason::kCancelled:
            return "cancelled";
    }
    return "";
}

Engine::Sequence::Sequence(uint64_t id, GenerateRequest asked, RequestSink& sink,
                           std::shared_ptr<const Tokenizer> tokenizer)
    : id(id),
      request(std::move(asked)),
      sink(&sink),
      submitted(NowSeconds()),
      tokenizer_(std::move(tokenizer)),
      decoder_(tokenizer_, !request.options.show_special_tokens),
      stops_(request.options.stop) {
    result.prompt_tokens = prompt_tokens();
    result.finish = FinishReason::kCancelled;
}

void Engine::Sequence::Start(int64_t vocab_size) {
    started = NowSeconds();
    result.queue_seconds = started - submitted;
    sampler_.emplace(request.options.sampling, vocab_size, request.constraint);
    sampler_->SeePrompt(request.prompt);
}

int32_t Engine::Sequence::At(int64_t place) const {
    return place < prompt_tokens() ? request.prompt[place] : result.tokens[place - prompt_tokens()];
}

void Engine::Sequence::Draw(std::span<const float> logits) {
    drawn_ = sampler_->Next(logits);
    if (drawn_.ok() && request.options.top_logprobs >= 0)
        logprob_ = LogprobOf(logits, *drawn_, request.options.top_logprobs);
}

absl::StatusOr<std::string> Engine::Sequence::TakeDrawn(const std::vector<int32_t>& end_ids) {
    HONE_RETURN_IF_ERROR(drawn_.status());
    const int32_t token = *drawn_;
    if (result.tokens.empty()) result.first_seconds = NowSeconds() - started;
    result.tokens.push_back(token);
    if (logprob_) result.logprobs.push_back(*std::move(logprob_));
    sampler_->SeeDrawn(token);
    std::string text;
    if (!request.options.ignore_eos &&
        std::find(end_ids.begin(), end_ids.end(), token) != end_ids.end()) {
        End(FinishReason::kStop);
    } else {
        // Where the model's vocabulary is padded beyond the tokenizer's, such a token has no text.
        if (tokenizer_->IdToToken(token).has_value()) {
            HONE_ASSIGN_OR_RETURN(std::string decoded, decoder_.Push(token));
            text = stops_.Push(decoded);
        }
        if (request.constraint) request.constraint->Accept(token);
        if (stops_.stopped() || (request.constraint && request.constraint->complete())) {
            End(FinishReason::kStop);
        } else if (static_cast<int64_t>(result.tokens.size()) >= max_new_tokens) {
            End(FinishReason::kLength);
        }
    }
    if (ended) {
        HONE_ASSIGN_OR_RETURN(std::string rest, decoder_.Finish());
        text += stops_.Push(rest);
        text += stops_.Finish();
    }
    result.text += text;
    return text;
}

void Engine::Sequence::End(FinishReason reason) {
    ended = true;
    result.finish = reason;
    if (started > 0) result.seconds = NowSeconds() - started;
}

}  // namespace hone
