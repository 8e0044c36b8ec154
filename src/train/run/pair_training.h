// What a run of --task feature-extraction needs beside the others: its loss, and rows that it can
// learn from.
#pragma once

#include <memory>

#include "data/load/dataset.h"
#include "model/files/pooling.h"
#include "train/embedding/pair_loss.h"
#include "train/options/options.h"

namespace hone {

// --pooling
Pooling PoolingOf(const EmbeddingOptions& options);

// That of --loss; one of the user's is started, and its derivatives are checked with embeddings of
// C numbers.
absl::StatusOr<std::shared_ptr<PairLoss>> OpenPairLoss(const FinetuneOptions& options, int64_t C);

// An error of kind kData where the loss can learn nothing from the rows.
absl::Status CheckPairs(const FinetuneOptions& options, const PairLoss& loss,
                        const Dataset& dataset);

}  // namespace hone
