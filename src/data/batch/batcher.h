// Which rows are in each optimiser step, and in which order. A thread makes steps ahead of time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
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

// The place in the data: the next step. It is saved in checkpoints. The same cursor, options and
// data give the same steps, bit for bit.
struct DataCursor {
    int64_t epoch = 0;
    int64_t step = 0;  // in the epoch

    nlohmann::ordered_json ToJson() const;
    static absl::StatusOr<DataCursor> FromJson(const nlohmann::ordered_json& json);
    bool operator==(const DataCursor&) const = default;
};

// The rows of each step of each epoch. A step has batch_size * gradient_accumulation_steps bins. A
// bin is one row, or with packing a sequence of several rows. An epoch has every row once; its last
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
    // Steps of `epochs` epochs from the start. The last epoch may be a part of one; the number is
    // rounded up, and at least 1.
    int64_t TotalSteps(double epochs);
    // Indices in the data set of the rows of a step, in order. The cursor's step is below
    // StepsInEpoch(its epoch).
    std::vector<int64_t> StepRows(const DataCursor& cursor);
    // The cursor after this one.
    DataCursor Next(const DataCursor& cursor);
    // No micro-batch of any step in any epoch has more tokens than this.
    int64_t MostTokens(int64_t max_tokens) const;
    // The size of a step in words: "8 rows", "16 packed sequences of at most 512 tokens".
    std::string StepText() const;
    // A sentence if one step has all rows of an epoch and could have fewer, else empty.
    std::string Warning();

    const Dataset& dataset() const { return *dataset_; }
    std::shared_ptr<const Dataset> shared_dataset() const { return dataset_; }
    const BatcherOptions& options() const { return options_; }

  private:
    // The rows in order, and the index in them at which each bin begins, then their number.
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
    Epoch epoch_;  // the last one that was planned
};

// Puts examples end to end into batches of at most max_tokens tokens, as few batches as "best fit"
// finds. A longer example is alone in its batch. Each batch is one pass through the model, and a
// pass costs time of its own, so a few full ones are faster. The sum of the losses does not depend
// on how the examples are divided. The documents of one row stay together.
std::vector<Batch> CutMicroBatches(const std::vector<Example>& examples, int64_t max_tokens);

// The most tokens of a batch that has at most `rows` rows of the data set, and at most max_tokens
// tokens unless one row has more.
int64_t MostBatchTokens(const Dataset& dataset, int64_t rows, int64_t max_tokens);

// The first `count` tokens of a batch, at most all; the last document may be cut.
Batch BatchPrefix(const Batch& batch, int64_t count);

// One optimiser step, ready to run.
struct TrainingStep {
    DataCursor cursor;          // of this step
    DataCursor next;            // of the step after it: a checkpoint after this step stores it
    std::vector<int64_t> rows;  // indices in the data set, in the plan's order
    std::vector<Batch> micro_batches;
    double total_weight = 0;  // of all micro-batches: what the loss of the step is divided by
    int64_t tokens = 0;
    int64_t documents = 0;
};

// Makes the steps from a cursor on, without end, on a thread of its own that works `ahead` steps in
// advance. The order and the content of the steps do not depend on the thread.
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

// The whole data set once, or its rows from `first` to before `end`, in order, in batches that are
// made one at a time. A batch has at most max_rows rows, and at most max_tokens tokens unless one
// row has more.
class EvaluationBatches {
  public:
    EvaluationBatches(std::shared_ptr<const Dataset> dataset, int64_t max_rows, int64_t max_tokens,
                      int64_t first = 0, int64_t end = INT64_MAX)
        : dataset_(std::move(dataset)),
          max_rows_(max_rows),
          max_tokens_(max_tokens),
          next_(first),
          end_(std::min(end, dataset_->size())) {}
    // False at the end. Overwrites *batch.
    bool Next(Batch* batch);

  private:
    std::shared_ptr<const Dataset> dataset_;
    int64_t max_rows_;
    int64_t max_tokens_;
    int64_t next_, end_;
};

}  // namespace hone
