// The loss of a run where it is no objective's: of embeddings, with rows that it can learn from, or
// of the user's own.
#pragma once

#include <memory>

#include "data/load/dataset.h"
#include "model/files/pooling.h"
#include "train/custom/program_token_loss.h"
#include "train/embedding/pair_loss.h"
#include "train/options/options.h"

namespace hone {

// --pooling
Pooling PoolingOf(const EmbeddingOptions& options);

// That of --loss; one of the user's is started, and its derivatives are checked with embeddings of
// C numbers.
absl::StatusOr<std::shared_ptr<PairLoss>> OpenPairLoss(const FinetuneOptions& options, int64_t C);

// Where --loss is one of the user's of labelled tokens: started, and its derivatives checked; else
// null.
absl::StatusOr<std::shared_ptr<ProgramTokenLoss>> OpenTokenLoss(const FinetuneOptions& options);

// An error of kind kData where the loss can learn nothing from the rows.
absl::Status CheckPairs(const FinetuneOptions& options, const PairLoss& loss,
                        const Dataset& dataset);

}  // namespace hone
