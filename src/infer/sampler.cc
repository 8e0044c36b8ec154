#include "infer/sampler.h"

#include <algorithm>
#include <cmath>

namespace hone {

absl::Status CheckSampling(const SamplingOptions& options) {
    if (!(options.temperature >= 0 && options.temperature <= 100)) {
        return UsageError("temperature {} is outside 0 (always the likeliest token) to 100",
                          options.temperature);
    }
    if (options.top_k < 0)
        return UsageError("top_k {} is negative; 0 means all tokens", options.top_k);
    if (!(options.top_p > 0 && options.top_p <= 1)) {
        return UsageError("top_p {} is outside (0, 1]; 1 means all tokens", options.top_p);
    }
    if (!(options.min_p >= 0 && options.min_p <= 1)) {
        return UsageError("min_p {} is outside [0, 1]; 0 means all tokens", options.min_p);
    }
    if (!(options.repetition_penalty > 0 && options.repetition_penalty <= 100)) {
        return UsageError("repetition_penalty {} is outside (0, 100]; 1 means none",
                          options.repetition_penalty);
    }
    for (const auto& [name, penalty] : {std::pair("frequency_penalty", options.frequency_penalty),
                                        std::pair("presence_penalty", options.presence_penalty)})
        if (!(penalty >= -2 && penalty <= 2))
            return UsageError("{} {} is outside -2 to 2; 0 means none", name, penalty);
    for (const auto& [token, bias] : options.logit_bias)
        if (!(bias >= -100 && bias <= 100))
            return UsageError("logit_bias {} of token {} is outside -100 to 100", bias, token);
    return absl::OkStatus();
}

Sampler::Sampler(const SamplingOptions& options, int64_t vocab_size,
                 std::shared_ptr<TokenConstraint> constraint)
    : options_(options), random_(options.seed), scores_(static_cast<size_t>(vocab_size)) {
    HONE_CHECK(CheckSampling(options).ok());
    if (options.repetition_penalty != 1)
        processors_.push_back(RepetitionPenalty(options.repetition_penalty, vocab_size));
    if (options.frequency_penalty != 0 || options.presence_penalty != 0)
        processors_.push_back(CountPenalty(options.frequency_penalty, options.presence_penalty));
    if (!options.logit_bias.empty()) processors_.push_back(Bias(options.logit_bias));
    if (constraint) processors_.push_back(Mask(std::move(constraint)));
}

void Sampler::SeePrompt(std::span<const int32_t> tokens) {
    for (const auto& processor : processors_) processor->SeePrompt(tokens);
}

void Sampler::SeeDrawn(int32_t token) {
    for (const auto& processor : processors_) processor->SeeDrawn(token);
}

absl::StatusOr<int32_t> Sampler::Next(std::span<const float> logits) {
    HONE_CHECK(logits.size() == scores_.size());
    std::copy(logits.begin(), logits.end(), scores_.begin());
    for (const auto& processor : processors_) processor->Apply(scores_);
    HONE_ASSIGN_OR_RETURN(int32_t likeliest, Greedy());
    if (options_.temperature == 0) return likeliest;

    const float highest = scores_[likeliest];
    kept_.clear();
    for (size_t i = 0; i < scores_.size(); ++i) {
        // Relative to the highest, so that a low temperature cannot overflow.
        const float score = (scores_[i] - highest) / options_.temperature;
        if (score > -INFINITY) kept_.push_back({score, static_cast<int32_t>(i)});
    }
    KeepTopK();
    KeepTopP();
    KeepMinP();
    return Draw();
}

absl::StatusOr<int32_t> Sampler::Greedy() const {
    // First the highest score, in lanes that do not wait for one another, then its index. One loop
    // that carries the index would need as long as a layer of the model.
    constexpr size_t kLanes = 16;
    float lanes[kLanes];
    int32_t nans[kLanes] = {};
    std::fill(lanes, lanes + kLanes, scores_[0]);
    const size_t whole = scores_.size() / kLanes * kLanes;
    for (size_t i = 0; i < whole; i += kLanes) {
        for (size_t lane = 0; lane < kLanes; ++lane) {
            const float score = scores_[i + lane];
            nans[lane] |= score != score ? 1 : 0;
            lanes[lane] = score > lanes[lane] ? score : lanes[lane];
        }
    }
    for (size_t i = whole; i < scores_.size(); ++i) {
        nans[0] |= std::isnan(scores_[i]) ? 1 : 0;
        lanes[0] = std::max(lanes[0], scores_[i]);
    }
    const float highest = *std::max_element(lanes, lanes + kLanes);
    if (*std::max_element(nans, nans + kLanes) != 0 || !std::isfinite(highest)) {
        return ModelError(
            "the model's output is not finite: its weights or the adapter's are damaged");
    }
    return static_cast<int32_t>(std::find(scores_.begin(), scores_.end(), highest) -
                                scores_.begin());
}

void Sampler::KeepTopK() {
    const size_t k = static_cast<size_t>(options_.top_k);
    if (k == 0 || k >= kept_.size()) return;
    std::vector<float> scores;
    scores.reserve(kept_.size());
    for (const Candidate& candidate : kept_) scores.push_back(candidate.score);
    std::nth_element(scores.begin(), scores.begin() + (k - 1), scores.end(), std::greater<>());
    const float threshold = scores[k - 1];
    std::erase_if(kept_, [&](const Candidate& candidate) { return candidate.score < threshold; });
}

// Keeps each token that has less than top_p of the mass before it, likeliest first. A heap: only
// the few tokens that stay are ever sorted.
void Sampler::KeepTopP() {
    if (options_.top_p >= 1) return;
    double total = 0;
    for (const Candidate& candidate : kept_)
        total += std::exp(static_cast<double>(candidate.score));
    auto less_likely = [](const Candidate& a, const Candidate& b) {
        return a.score != b.score ? a.score < b.score : a.token > b.token;
    };
    std::make_heap(kept_.begin(), kept_.end(), less_likely);
    auto heap_end = kept_.end();
    double before = 0;
    while (heap_end != kept_.begin() && before < options_.top_p * total) {
        std::pop_heap(kept_.begin(), heap_end, less_likely);
        --heap_end;
        before += std::exp(static_cast<double>(heap_end->score));
    }
    kept_.erase(kept_.begin(), heap_end);
}

void Sampler::KeepMinP() {
    if (options_.min_p <= 0) return;
    // The likeliest is always among the kept, at score 0.
    const float threshold = std::log(options_.min_p);
    std::erase_if(kept_, [&](const Candidate& candidate) { return candidate.score < threshold; });
}

int32_t Sampler::Draw() {
    mass_.clear();
    double total = 0;
    for (const Candidate& candidate : kept_) {
        mass_.push_back(std::exp(static_cast<double>(candidate.score)));
        total += mass_.back();
    }
    const double target = random_.NextUnit() * total;
    double sum = 0;
    for (size_t i = 0; i + 1 < kept_.size(); ++i) {
        sum += mass_[i];
        if (target < sum) return kept_[i].token;
    }
    return kept_.back().token;
}

}  // namespace hone
