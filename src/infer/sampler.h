// From logits to the next token: the filters of transformers' generate, in its order, with our own
// random numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "infer/logit_processor.h"

namespace hone {

struct SamplingOptions {
    float temperature = 1;  // 0: always the likeliest token
    int64_t top_k = 0;      // the k likeliest (ties included); 0: all
    float top_p = 1;        // the likeliest until their probabilities sum to top_p; 1: all
    float min_p = 0;        // at least min_p times the likeliest one's probability; 0: all
    // Above 1: tokens that were seen become less likely (arXiv:1909.05858).
    float repetition_penalty = 1;
    // -2 to 2, of tokens that were drawn: subtracted from their logits, frequency_penalty as often
    // as they were drawn and presence_penalty once.
    float frequency_penalty = 0, presence_penalty = 0;
    LogitBias logit_bias;  // -100 to 100, added to the logits of tokens
    uint64_t seed = 0;
};

// An error of kind kUsage that names the value that is out of range.
absl::Status CheckSampling(const SamplingOptions& options);

// Draws the tokens of one sequence. The draws depend only on the options, the observed tokens and
// the logits.
class Sampler {
  public:
    // `options` must pass CheckSampling, and logit_bias name tokens below vocab_size. With a
    // constraint only tokens that it allows are drawn; the sampler does not tell it of them.
    Sampler(const SamplingOptions& options, int64_t vocab_size,
            std::shared_ptr<TokenConstraint> constraint = nullptr);

    // Tells which tokens the sequence holds: the prompt, then each token that was drawn.
    void SeePrompt(std::span<const int32_t> tokens);
    void SeeDrawn(int32_t token);
    // The processors (repetition, frequency and presence penalty, bias, mask), temperature, top-k,
    // top-p, min-p, then one draw. logits [vocab_size]; a NaN, or nothing but -infinity, is an
    // error of kind kModel.
    absl::StatusOr<int32_t> Next(std::span<const float> logits);

  private:
    struct Candidate {
        float score;
        int32_t token;
    };
    absl::StatusOr<int32_t> Greedy() const;
    void KeepTopK();
    void KeepTopP();
    void KeepMinP();
    int32_t Draw();

    SamplingOptions options_;
    Random random_;
    std::vector<std::unique_ptr<LogitProcessor>> processors_;
    std::vector<float> scores_;  // [V] after the processors
    std::vector<Candidate> kept_;
    std::vector<double> mass_;  // exp(score - highest) of kept_
};

}  // namespace hone
