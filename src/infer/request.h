// What an engine is asked, and what it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/logprob.h"
#include "infer/sampler.h"
#include "model/model.h"

namespace hone {

struct GenerateOptions {
    int64_t max_new_tokens = 256;
    SamplingOptions sampling;
    std::vector<std::string> stop;     // the answer ends before the first of these
    bool ignore_eos = false;           // goes on after an end token (benchmarks)
    bool show_special_tokens = false;  // their names are part of the text; end tokens' never
    // The log-probabilities of every token that was drawn and of so many of the likeliest; -1:
    // none.
    int64_t top_logprobs = -1;
};

// What of a conversation is in a cache, from one request to the next.
struct KeptCache {
    std::unique_ptr<KvCache> cache;
    std::vector<int32_t> tokens;  // in the cache
};

struct GenerateRequest {
    std::vector<int32_t> prompt;
    GenerateOptions options;
    std::string adapter;  // a name that AddAdapter was given; empty: the base alone
    std::shared_ptr<TokenConstraint> constraint;  // of this request alone; null: any token may come
    // What the prompt has in common with these tokens is not computed again, and at the end they
    // are all but the last of the prompt and the answer. Tokens that were decoded one by one are
    // among them, whose sums ran in another order: the answer may have other bits than a fresh one.
    // Must outlive the request. null: nothing is kept.
    KeptCache* kept = nullptr;
};

enum class FinishReason {
    kStop,    // an end token, a stop string, or the constraint is complete
    kLength,  // max_new_tokens, or the model's context is full
    kCancelled,
};
std::string_view FinishReasonName(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerateResult {
    std::string text;                    // without the stop string
    std::vector<int32_t> tokens;         // what was drawn, the end token included
    std::vector<TokenLogprob> logprobs;  // of `tokens`, where they were asked for
    FinishReason finish = FinishReason::kLength;
    int64_t prompt_tokens = 0;
    int64_t reused_tokens = 0;  // of the prompt, that were in a cache already
    double queue_seconds = 0;   // until its prompt was begun
    double first_seconds = 0;   // from there to the first token
    // From the start of its prefill to its last token; others may run beside it.
    double seconds = 0;
};

// One token more.
struct TokenUpdate {
    std::string_view text;  // what became certain with it, maybe nothing
    int32_t token = 0;
    const TokenLogprob* logprob = nullptr;  // where they were asked for
};

// Hears of one request, from within the engine's Step; it may call Submit and Cancel. It lives
// until OnEnd.
class RequestSink {
  public:
    virtual ~RequestSink() = default;
    virtual void OnToken(uint64_t id, const TokenUpdate& update) = 0;
    // Once, the last call. An error is of this request alone.
    virtual void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) = 0;
};

}  // namespace hone
