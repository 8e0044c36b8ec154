// Texts as the losses of train/embedding see them: their embeddings by the model that is trained,
// and from the derivatives by these to gradients of the parameters.
//
// As with the answers of an objective, all pairs of a step are embedded first, without gradients,
// since a loss may compare each with the others; then each micro-batch goes forward and backward
// once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/files/pooling.h"
#include "train/embedding/pair_loss.h"
#include "train/loop/learner.h"
#include "train/loop/step_loss.h"

namespace hone {

struct EmbeddingTraining {
    Pooling pooling = Pooling::kMean;
    std::shared_ptr<PairLoss> loss;
    int64_t C = 0;  // of the model
};

class Embedder : public StepLoss {
  public:
    // `learner` outlives this. batch_rows: pairs of a batch, which a loss sees together.
    Embedder(EmbeddingTraining training, Learner& learner, int64_t batch_rows)
        : training_(std::move(training)), learner_(learner), batch_rows_(batch_rows) {}

    // Bytes beside the model's, with passes of so many tokens and steps of so many rows.
    static size_t Bytes(int64_t C, int64_t tokens, int64_t rows);

    absl::StatusOr<ObjectiveSums> Gradients(const std::vector<int64_t>& rows,
                                            const std::vector<Batch>& batches,
                                            const std::function<uint64_t(size_t)>& seed,
                                            const Scorer::PassBegins& begins, size_t* bad) override;
    absl::StatusOr<ObjectiveSums> Evaluate(const std::function<bool(Batch*)>& next,
                                           const Scorer::PassBegins& begins) override;
    absl::Status Try(const Batch& batch, bool backward) override;

  private:
    // The pairs of some rows in their order, and how long each text was before it was brought to
    // length 1.
    struct Embedded {
        EmbeddedPairs pairs;
        std::vector<double> first_lengths, second_lengths;
        void Resize(size_t rows, int64_t C);
    };
    // places[d]: of each document the place of its row.
    absl::Status Embed(const Batch& batch, const std::vector<size_t>& places, Embedded* embedded);
    absl::Status Backward(const Batch& batch, const std::vector<size_t>& places,
                          const Embedded& embedded, const PairSlopes& slopes, uint64_t seed);
    // Adds the loss of a batch, rows [begin, end), with its rows as weight; its derivatives (=) go
    // into `slopes`, of all rows, unless it is null.
    absl::Status AddLoss(const EmbeddedPairs& pairs, size_t begin, size_t end, PairSlopes* slopes,
                         ObjectiveSums* sums);

    EmbeddingTraining training_;
    Learner& learner_;
    int64_t batch_rows_;
    std::vector<float> hidden_, hidden_slopes_;  // [T, C] of a pass
};

}  // namespace hone
