// Which rows make an optimiser step, in which order; steps made ahead of time by a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch/shuffle.h"
#include "data/load/dataset.h"
#include "nlohmann/json.hpp"
#include "tensor/batch.h"

namespace hone {

struct BatcherOptions {
    int64_t batch_size = 8;  // rows; with packing sequences
    int64_t gradient_accumulation_steps = 1;
    bool packing = false;        // short rows share a sequence of at most max_seq_len tokens
    int64_t max_seq_len = 1024;  // matters with packing alone
    bool shuffle = true;         // false: file order, and packing only of neighbours
    uint64_t seed = 42;
};

// The next step to make. Saved in checkpoints: the same cursor, options and data give the same
// steps, bit for bit.
struct DataCursor {
    int64_t epoch = 0;
    int64_t step = 0;  // in the epoch

    nlohmann::ordered_json ToJson() const;
    static absl::StatusOr<DataCursor> FromJson(const nlohmann::ordered_json& json);
    bool operator==(const DataCursor&) const = default;
};

// The rows of each step of each epoch. A step takes batch_size * gradient_accumulation_steps bins;
// a bin is one row, or with packing a sequence of several. An epoch holds every row once; its last
// step may be smaller. This is how transformers' Trainer counts steps (dataloader_drop_last false).
class StepPlan {
  public:
    // A usage error for sizes below 1 or an empty data set. With packing, a row longer than
    // max_seq_len gets a sequence alone.
    static absl::StatusOr<StepPlan> Create(std::shared_ptr<const Dataset> dataset,
                                           const BatcherOptions& options);

    // With packing the number may differ by a step or so from epoch to epoch: each epoch is
    // shuffled and packed anew.
    int64_t StepsInEpoch(int64_t epoch);
    int64_t steps_per_epoch() { return StepsInEpoch(0); }
    // Steps of `epochs` epochs from the start, the last one a part: rounded up, at least 1.
    int64_t TotalSteps(double epochs);
    // Indices in the data set of the rows of a step, in order. The cursor's step is below
    // StepsInEpoch(its epoch).
    std::vector<int64_t> StepRows(const DataCursor& cursor);
    // The cursor after this one.
    DataCursor Next(const DataCursor& cursor);
    // Tokens of the largest of the micro-batches that all steps are cut into, whatever the epoch:
    // no micro-batch has more.
    int64_t MostTokens(int64_t max_tokens) const;
    // What a step takes: "8 rows", "16 packed sequences of at most 512 tokens".
    std::string StepText() const;
    // Share of the bins' room that tokens fill in epoch 0; 1 without packing.
    double PackingEfficiency();
    // A sentence when one step takes all that an epoch has and could take less, else empty.
    std::string Warning();

    const Dataset& dataset() const { return *dataset_; }
    const BatcherOptions& options() const { return options_; }

  private:
    // Rows in order, and where each bin begins in them, then their number.
    struct Epoch {
        int64_t number = -1;
        std::vector<int64_t> rows;
        std::vector<int64_t> bins;
    };
    StepPlan(std::shared_ptr<const Dataset> dataset, const BatcherOptions& options)
        : dataset_(std::move(dataset)), options_(options) {}
    const Epoch& PlanEpoch(int64_t epoch);
    int64_t BinsPerStep() const {
        return options_.batch_size * options_.gradient_accumulation_steps;
    }

    std::shared_ptr<const Dataset> dataset_;
    BatcherOptions options_;
    Epoch epoch_;  // the last one asked for
};

// Lays examples end to end in flat batches of at most max_tokens tokens, as few as best fit finds;
// a longer example is alone in its batch. Each batch is one pass through the model, which costs
// time of its own: few full ones are faster. The sum of their losses does not depend on the cut.
std::vector<Batch> CutMicroBatches(const std::vector<Example>& examples, int64_t max_tokens);

// No batch of at most `rows` rows and of max_tokens tokens (or of one longer row) has more tokens
// than this.
int64_t MostBatchTokens(const Dataset& dataset, int64_t rows, int64_t max_tokens);

// The first `count` tokens of a batch, at most all; the last document may be cut.
Batch BatchPrefix(const Batch& batch, int64_t count);

// One optimiser step, ready to run.
struct TrainingStep {
    DataCursor cursor;  // of this step
    DataCursor next;    // of the step after it: what a checkpoint made after this step stores
    std::vector<Batch> micro_batches;
    double total_weight = 0;  // of all micro-batches: what the loss of the step is divided by
    int64_t tokens = 0;
    int64_t documents = 0;
};

// Makes the steps from a cursor on, without end, on a thread of its own that stays `ahead` steps in
// front. The order and the content do not depend on it.
class StepPrefetcher {
  public:
    StepPrefetcher(StepPlan plan, DataCursor start, int64_t max_tokens, int ahead = 2);
    ~StepPrefetcher();
    StepPrefetcher(const StepPrefetcher&) = delete;
    StepPrefetcher& operator=(const StepPrefetcher&) = delete;

    TrainingStep Next();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// The whole data set once, in order, as flat batches made one at a time: of at most max_rows rows,
// and of at most max_tokens tokens unless one row has more.
class EvaluationBatches {
  public:
    EvaluationBatches(std::shared_ptr<const Dataset> dataset, int64_t max_rows, int64_t max_tokens)
        : dataset_(std::move(dataset)), max_rows_(max_rows), max_tokens_(max_tokens) {}
    // False at the end. Overwrites *batch.
    bool Next(Batch* batch);
    void Restart() { next_ = 0; }

  private:
    std::shared_ptr<const Dataset> dataset_;
    int64_t max_rows_;
    int64_t max_tokens_;
    int64_t next_ = 0;
};

}  // namespace hone
