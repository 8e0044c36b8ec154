// What --task feature-extraction minimises: a loss over the embeddings of pairs of texts, one
// object a loss. A loss of hone's is a file of this folder and its line in pair_loss.cc;
// train/custom has those that users bring.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "train/options/options.h"

namespace hone {

// The pairs of one batch.
struct EmbeddedPairs {
    int64_t C = 0;
    std::vector<float> first, second;  // [rows, C], each embedding of length 1
    std::vector<float> scores;         // [rows] how alike, 0 to 1

    int64_t rows() const { return static_cast<int64_t>(scores.size()); }
    double Cosine(int64_t row) const;
};

// d loss / d embedding: [rows, C].
struct PairSlopes {
    std::vector<float> first, second;
};

// From this score on, two texts count as alike where a yes or no is needed.
inline constexpr float kAlike = 0.5f;

class PairLoss {
  public:
    virtual ~PairLoss() = default;
    virtual std::string_view name() const = 0;  // of --loss
    // For the plan and the checkpoints: all that the result depends on.
    virtual std::string Summary() const = 0;
    // Whether it learns nothing from pairs that are all alike; and whether it compares a pair with
    // the others of its batch.
    virtual bool wants_different() const { return false; }
    virtual bool wants_batches() const { return false; }
    // The loss of a batch, a mean over its rows, and (=) its derivatives unless `slopes` is null.
    virtual absl::StatusOr<double> Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) = 0;
};

// The names of hone's own; the first is the default.
std::span<const std::string_view> PairLossNames();
// That of the name, which must be one.
std::unique_ptr<PairLoss> MakePairLoss(std::string_view name, const EmbeddingOptions& options);

// For losses over each pair's cosine alone: slopes (=) from d loss / d cosine of each row.
void SlopesOfCosines(const EmbeddedPairs& pairs, std::span<const double> cosine_slopes,
                     PairSlopes* slopes);

}  // namespace hone
