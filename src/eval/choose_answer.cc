#include "eval/choose_answer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <utility>

namespace hone {
namespace {

// So many branches go through the model together.
constexpr size_t kBranchesTogether = 64;

double LogSum(std::span<const float> logits) {
    const float most = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - most));
    return most + std::log(sum);
}

// Candidates that have their first tokens in common, some of them not in the cache yet.
struct Branch {
    std::vector<size_t> candidates;
    size_t length = 0;  // tokens in common
    size_t cached = 0;  // of them in `cache`, which may hold those of another branch behind
    std::shared_ptr<KvCache> cache;  // that of the branch that this one comes from
};

class Tree {
  public:
    Tree(Model& model, const std::vector<Example>& candidates, const Context& context)
        : model_(model),
          candidates_(candidates),
          context_(context),
          vocab_size_(static_cast<size_t>(model.config().vocab_size)),
          sums_(candidates.size(), 0.0) {
        for (const Example& candidate : candidates) {
            const auto last = std::find_if(candidate.weights.rbegin(), candidate.weights.rend(),
                                           [](float weight) { return weight != 0; });
            ends_.push_back(static_cast<size_t>(candidate.weights.rend() - last));
            longest_ = std::max(longest_, static_cast<int64_t>(candidate.tokens.size()));
        }
    }

    absl::StatusOr<std::vector<double>> Run() {
        Branch root;
        // At least one token of each is left to be told apart by.
        root.length = *std::min_element(ends_.begin(), ends_.end()) - 1;
        for (size_t i = 0; i < candidates_.size(); ++i) {
            const Example& candidate = candidates_[i];
            root.candidates.push_back(i);
            const auto labelled = std::find_if(candidate.weights.begin(), candidate.weights.end(),
                                               [](float weight) { return weight != 0; });
            const auto [differs, unused] =
                std::mismatch(candidate.tokens.begin(), candidate.tokens.end(),
                              candidates_[0].tokens.begin(), candidates_[0].tokens.end());
            root.length =
                std::min({root.length, static_cast<size_t>(labelled - candidate.weights.begin()),
                          static_cast<size_t>(differs - candidate.tokens.begin())});
        }
        HONE_CHECK(root.length >= 1, "a candidate begins with a labelled token");
        root.cache = model_.NewCache(longest_);
        root.cache->Expect(longest_);
        std::vector<Branch> roots;
        roots.push_back(std::move(root));
        HONE_RETURN_IF_ERROR(Descend(std::move(roots)));
        return std::move(sums_);
    }

  private:
    // Takes the branches through the model, then those that they part into.
    absl::Status Descend(std::vector<Branch> branches) {
        for (size_t begin = 0; begin < branches.size(); begin += kBranchesTogether) {
            const size_t count = std::min(kBranchesTogether, branches.size() - begin);
            HONE_ASSIGN_OR_RETURN(std::vector<Branch> next,
                                  Step(std::span(branches).subspan(begin, count)));
            if (!next.empty()) HONE_RETURN_IF_ERROR(Descend(std::move(next)));
        }
        return absl::OkStatus();
    }

    absl::StatusOr<std::vector<Branch>> Step(std::span<Branch> branches) {
        std::vector<std::vector<int32_t>> tokens;
        std::vector<KvCache*> caches;
        for (Branch& branch : branches) {
            if (branch.cache.use_count() > 1) {
                std::shared_ptr<KvCache> own = model_.NewCache(longest_);
                own->CopyFrom(*branch.cache, static_cast<int64_t>(branch.cached));
                branch.cache = std::move(own);
            }
            const auto& all = candidates_[branch.candidates[0]].tokens;
            tokens.emplace_back(all.begin() + static_cast<int64_t>(branch.cached),
                                all.begin() + static_cast<int64_t>(branch.length));
            caches.push_back(branch.cache.get());
        }
        std::vector<float> logits(branches.size() * vocab_size_);
        HONE_RETURN_IF_ERROR(model_.Decode(context_, tokens, caches, logits.data()));
        const auto row = [&](size_t i) {
            return std::span<const float>(logits).subspan(i * vocab_size_, vocab_size_);
        };
        std::vector<double> log_sums(branches.size());
        context_.ParallelFor(static_cast<int64_t>(branches.size()), [&](int64_t i, int) {
            log_sums[static_cast<size_t>(i)] = LogSum(row(static_cast<size_t>(i)));
        });
        std::vector<Branch> next;
        for (size_t i = 0; i < branches.size(); ++i) Part(branches[i], row(i), log_sums[i], next);
        return next;
    }

    // Adds the next token of each candidate to its sum, and a branch for each token after which
    // there are more.
    void Part(Branch& branch, std::span<const float> logits, double log_sum,
              std::vector<Branch>& next) {
        std::map<int32_t, std::vector<size_t>> by_token;
        for (const size_t candidate : branch.candidates) {
            const Example& example = candidates_[candidate];
            const int32_t token = example.tokens[branch.length];
            sums_[candidate] +=
                example.weights[branch.length] * (logits[static_cast<size_t>(token)] - log_sum);
            if (branch.length + 1 < ends_[candidate]) by_token[token].push_back(candidate);
        }
        for (auto& [token, candidates] : by_token) {
            Branch child;
            child.candidates = std::move(candidates);
            child.length = branch.length + 1;
            child.cached = branch.length;
            child.cache = branch.cache;
            next.push_back(std::move(child));
        }
        branch.cache.reset();  // so that the last child may have it as it is
    }

    Model& model_;
    const std::vector<Example>& candidates_;
    const Context& context_;
    const size_t vocab_size_;
    std::vector<double> sums_;
    std::vector<size_t> ends_;  // of each candidate: behind its last labelled token
    int64_t longest_ = 0;       // tokens of a candidate
};

// The same number for candidates with the same rotary positions, which may follow from the length.
int64_t RotaryKind(const Model& model, const Example& candidate) {
    const auto length = static_cast<int64_t>(candidate.tokens.size()) + model.virtual_tokens();
    int64_t passed = 0;
    for (const RotaryConfig& rotary : model.config().rotary)
        passed += rotary.scaling.kind == RopeScaling::Kind::kLongRope &&
                  length > rotary.scaling.original_max_position_embeddings;
    return passed;
}

}  // namespace

absl::StatusOr<std::vector<double>> LogProbabilities(Model& model,
                                                     const std::vector<Example>& candidates,
                                                     const Context& context) {
    HONE_CHECK(!candidates.empty());
    // Those with other positions have no keys in common.
    std::map<int64_t, std::vector<size_t>> kinds;
    for (size_t i = 0; i < candidates.size(); ++i)
        kinds[RotaryKind(model, candidates[i])].push_back(i);
    std::vector<double> sums(candidates.size());
    for (const auto& [kind, members] : kinds) {
        std::vector<Example> some;
        for (const size_t i : members) some.push_back(candidates[i]);
        HONE_ASSIGN_OR_RETURN(const std::vector<double> found, Tree(model, some, context).Run());
        for (size_t k = 0; k < members.size(); ++k) sums[members[k]] = found[k];
    }
    return sums;
}

}  // namespace hone
