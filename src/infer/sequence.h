// One request on its way through an engine: what to feed next, and everything that turns tokens
// into text.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "infer/engine.h"
#include "infer/stop.h"

namespace hone {

struct Engine::Sequence {
    Sequence(uint64_t id, GenerateRequest request, RequestSink& sink,
             std::shared_ptr<const Tokenizer> tokenizer);

    // Before the first draw. Until here a sequence is little more than its request: any number may
    // wait.
    void Start(int64_t vocab_size);
    // logits [V] of what was fed last: draws the next token into `drawn`, with its log-probability.
    void Draw(std::span<const float> logits);
    // Takes the drawn token up; returns the text that became certain with it. A token that ends the
    // answer adds nothing to the text.
    absl::StatusOr<std::string> TakeDrawn(const std::vector<int32_t>& end_ids);
    void End(FinishReason reason);

    int64_t prompt_tokens() const { return static_cast<int64_t>(request.prompt.size()); }
    // All tokens of the sequence so far.
    int64_t known() const { return prompt_tokens() + static_cast<int64_t>(result.tokens.size()); }
    // Whether its whole prompt was fed.
    bool answering() const { return fed >= prompt_tokens(); }
    int64_t max_tokens() const { return prompt_tokens() + max_new_tokens; }
    // The token at that place of prompt and answer.
    int32_t At(int64_t place) const;
    PrefixSource source() const { return {adapter.get(), request.prompt, cache.get()}; }

    uint64_t id;
    GenerateRequest request;
    RequestSink* sink;
    std::shared_ptr<const Adapter> adapter;
    int64_t max_new_tokens = 0;
    std::unique_ptr<KvCache> cache;  // none while it waits
    bool begun = false;              // what of the prompt was in another's cache is in its own
    int64_t fed = 0;                 // tokens in the cache
    bool cancelled = false;
    bool ended = false;
    absl::Status error;
    GenerateResult result;
    double submitted = 0, started = 0;  // NowSeconds

  private:
    std::optional<Sampler> sampler_;  // once it started
    std::shared_ptr<const Tokenizer> tokenizer_;
    StreamDecoder decoder_;
    StopFilter stops_;
    absl::StatusOr<int32_t> drawn_ = 0;
    std::optional<TokenLogprob> logprob_;
};

}  // namespace hone
