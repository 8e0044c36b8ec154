// A loss that makes the gradients of a step itself, and is no objective over answers. Of embeddings
// (embedder.h) and of single tokens (token_scorer.h) it needs the results of all rows before the
// first gradient; beside a teacher (distiller.h) another model's of each batch.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "tensor/batch.h"
#include "train/loop/scorer.h"
#include "train/objective/objective.h"

namespace hone {

class StepLoss {
  public:
    virtual ~StepLoss() = default;
    // Gradients (+=) of the mean loss of the step's rows, and what is reported of them. seed(i) is
    // that of micro-batch i. Where a number of the model, the loss or a derivative is not finite,
    // the loss that is returned is not, and *bad (=) is the first such micro-batch. kInterrupted
    // where `begins` or the watcher wants the end.
    virtual absl::StatusOr<ObjectiveSums> Gradients(const std::vector<int64_t>& rows,
                                                    const std::vector<Batch>& batches,
                                                    const std::function<uint64_t(size_t)>& seed,
                                                    const Scorer::PassBegins& begins,
                                                    size_t* bad) = 0;
    // The mean loss of rows that come in batches, in their order.
    virtual absl::StatusOr<ObjectiveSums> Evaluate(const std::function<bool(Batch*)>& next,
                                                   const Scorer::PassBegins& begins) = 0;
    // For each token of a step, passes without gradients before the one with: as Try makes them.
    virtual double scoring_passes() const { return 1; }
    // One pass of the batch, with gradients or without, whose results do not matter.
    virtual absl::Status Try(const Batch& batch, bool backward) = 0;
};

}  // namespace hone
