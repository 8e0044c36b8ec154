// The labelled tokens of a step as a user's loss sees them (train/custom/program_token_loss.h):
// their log-probabilities, and from the derivatives by these to gradients, by one pass in which
// each token's weight is minus its derivative.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "train/custom/program_token_loss.h"
#include "train/loop/learner.h"
#include "train/loop/step_loss.h"

namespace hone {

class TokenScorer : public StepLoss {
  public:
    // `learner` outlives this. batch_rows: rows that the loss sees together.
    TokenScorer(std::shared_ptr<ProgramTokenLoss> loss, Learner& learner, int64_t batch_rows)
        : loss_(std::move(loss)), learner_(learner), batch_rows_(batch_rows) {}

    absl::StatusOr<ObjectiveSums> Gradients(const std::vector<int64_t>& rows,
                                            const std::vector<Batch>& batches,
                                            const std::function<uint64_t(size_t)>& seed,
                                            const Scorer::PassBegins& begins, size_t* bad) override;
    absl::StatusOr<ObjectiveSums> Evaluate(const std::function<bool(Batch*)>& next,
                                           const Scorer::PassBegins& begins) override;
    absl::Status Try(const Batch& batch, bool backward) override;

  private:
    // Of each row, in the order of its tokens.
    using RowValues = std::vector<std::vector<float>>;
    // Appends to logps those of the batch's tokens; places[d]: the row of document d.
    absl::Status Score(const Batch& batch, const std::vector<size_t>& places, RowValues* logps);
    // Adds the losses of the rows, batch by batch, with their rows as weight; slopes (=) of the
    // mean of all unless null.
    absl::Status AddLosses(const RowValues& logps, RowValues* slopes, ObjectiveSums* sums);

    std::shared_ptr<ProgramTokenLoss> loss_;
    Learner& learner_;
    int64_t batch_rows_;
};

}  // namespace hone
