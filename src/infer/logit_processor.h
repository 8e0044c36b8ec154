// What changes a sequence's logits before a token is drawn from them: penalties, biases and masks,
// one after another.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hone {

// Of one sequence. A processor's result depends only on its options, on what it was told of the
// sequence, and on the logits.
class LogitProcessor {
  public:
    virtual ~LogitProcessor() = default;
    // Tokens that the sequence begins with: its prompt.
    virtual void SeePrompt(std::span<const int32_t> tokens) {}
    // A token that was drawn.
    virtual void SeeDrawn(int32_t token) {}
    // logits [V], changed in place.
    virtual void Apply(std::span<float> logits) = 0;
};

// Which tokens may come next, decided anew after each: what keeps an answer to a grammar.
class TokenConstraint {
  public:
    virtual ~TokenConstraint() = default;
    // [ceil(V / 64)] Bit t % 64 of word t / 64 says whether token t may come. Valid until the next
    // call.
    virtual std::span<const uint64_t> Allowed() = 0;
    // A token that was drawn; it ends no answer.
    virtual void Accept(int32_t token) = 0;
    // Whether nothing more can come: the answer is whole.
    virtual bool complete() const = 0;
};

// Above 1: tokens that were seen, in the prompt too, become less likely (arXiv:1909.05858).
std::unique_ptr<LogitProcessor> RepetitionPenalty(float penalty, int64_t vocab_size);

// Of every token that was drawn n > 0 times: logit -= n * frequency + presence.
std::unique_ptr<LogitProcessor> CountPenalty(float frequency, float presence);

// Adds to the logits of single tokens.
using LogitBias = std::vector<std::pair<int32_t, float>>;
std::unique_ptr<LogitProcessor> Bias(LogitBias bias);

// Minus infinity where the constraint does not allow a token.
std::unique_ptr<LogitProcessor> Mask(std::shared_ptr<TokenConstraint> constraint);

}  // namespace hone
