#include "infer/logit_processor.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hone {
namespace {

class RepetitionPenaltyProcessor : public LogitProcessor {
  public:
    RepetitionPenaltyProcessor(float penalty, int64_t vocab_size)
        : penalty_(penalty), seen_(static_cast<size_t>(vocab_size)) {}

    void SeePrompt(std::span<const int32_t> tokens) override {
        for (int32_t token : tokens) SeeDrawn(token);
    }
    void SeeDrawn(int32_t token) override {
        if (seen_[token]) return;
        seen_[token] = true;
        seen_tokens_.push_back(token);
    }
    void Apply(std::span<float> logits) override {
        for (int32_t token : seen_tokens_) {
            float& logit = logits[token];
            logit = logit < 0 ? logit * penalty_ : logit / penalty_;
        }
    }

  private:
    float penalty_;
    std::vector<bool> seen_;            // [V]
    std::vector<int32_t> seen_tokens_;  // the true entries of seen_
};

class CountPenaltyProcessor : public LogitProcessor {
  public:
    CountPenaltyProcessor(float frequency, float presence)
        : frequency_(frequency), presence_(presence) {}

    void SeeDrawn(int32_t token) override { ++counts_[token]; }
    void Apply(std::span<float> logits) override {
        for (const auto& [token, count] : counts_)
            logits[token] -= static_cast<float>(count) * frequency_ + presence_;
    }

  private:
    float frequency_, presence_;
    std::map<int32_t, int64_t> counts_;
};

class BiasProcessor : public LogitProcessor {
  public:
    explicit BiasProcessor(LogitBias bias) : bias_(std::move(bias)) {}
    void Apply(std::span<float> logits) override {
        for (const auto& [token, bias] : bias_) logits[token] += bias;
    }

  private:
    LogitBias bias_;
};

class MaskProcessor : public LogitProcessor {
  public:
    explicit MaskProcessor(std::shared_ptr<TokenConstraint> constraint)
        : constraint_(std::move(constraint)) {}
    void Apply(std::span<float> logits) override {
        const std::span<const uint64_t> allowed = constraint_->Allowed();
        HONE_CHECK(allowed.size() * 64 >= logits.size());
        for (size_t word = 0; word * 64 < logits.size(); ++word) {
            const uint64_t bits = allowed[word];
            if (bits == ~uint64_t{0}) continue;
            const size_t end = std::min(logits.size(), word * 64 + 64);
            for (size_t token = word * 64; token < end; ++token)
                if ((bits >> (token % 64) & 1) == 0) logits[token] = -INFINITY;
        }
    }

  private:
    std::shared_ptr<TokenConstraint> constraint_;
};

}  // namespace

std::unique_ptr<LogitProcessor> RepetitionPenalty(float penalty, int64_t vocab_size) {
    return std::make_unique<RepetitionPenaltyProcessor>(penalty, vocab_size);
}

std::unique_ptr<LogitProcessor> CountPenalty(float frequency, float presence) {
    return std::make_unique<CountPenaltyProcessor>(frequency, presence);
}

std::unique_ptr<LogitProcessor> Bias(LogitBias bias) {
    return std::make_unique<BiasProcessor>(std::move(bias));
}

std::unique_ptr<LogitProcessor> Mask(std::shared_ptr<TokenConstraint> constraint) {
    return std::make_unique<MaskProcessor>(std::move(constraint));
}

}  // namespace hone
