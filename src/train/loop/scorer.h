// Answers as an objective sees them: their log-probabilities under the model that is trained and
// under the one that training started from, its reference.
//
// Where what is trained can be left out of the model, the reference is a pass without it, and costs
// no memory. Elsewhere the reference's scores of all rows are computed once, before step 1, and are
// a part of the checkpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "data/load/dataset.h"
#include "tensor/batch.h"
#include "train/loop/learner.h"
#include "train/objective/objective.h"

namespace hone {

struct ScorerOptions {
    int64_t batch_rows = 8;  // rows whose answers are mixed to get unrelated ones
    int64_t max_seq_len = 1024;
    int64_t micro_batch_tokens = kMicroBatchTokens;
};

// Of a row of the data set, its prompt with the answer of another row: of the one before it among
// each batch_rows rows, and to the first the last. TRL pairs them in the same way.
Example UnrelatedAnswer(const Dataset& dataset, int64_t row, int64_t batch_rows,
                        int64_t max_tokens);

// No document of UnrelatedAnswer has more tokens than this.
int64_t MostUnrelatedTokens(const Dataset& dataset, int64_t max_tokens);

// Which answer of some rows each document of a batch is.
class AnswerPlaces {
  public:
    explicit AnswerPlaces(const std::vector<int64_t>& rows, RowKind kind);
    // [D] indices in ScoredRows::answers.
    std::vector<size_t> Of(const Batch& batch) const;
    size_t size() const { return rows_.size() * answers_; }

  private:
    std::unordered_map<int64_t, size_t> rows_;
    size_t answers_;  // of a row
};

class Scorer {
  public:
    // Told of each pass before it begins, with its tokens; false: the work is to end.
    using PassBegins = std::function<bool(int64_t tokens)>;

    // The references outlive the scorer; `eval` may be null.
    Scorer(const Objective& objective, Learner& learner, std::shared_ptr<const Dataset> train,
           std::shared_ptr<const Dataset> eval, ScorerOptions options);

    // The answers of `rows` of the data set, which lie in `batches`; kInterrupted where `begins`
    // or the watcher wants the end.
    absl::StatusOr<ScoredRows> Score(const Dataset& dataset, const std::vector<int64_t>& rows,
                                     const std::vector<Batch>& batches, const PassBegins& begins);

    // Whether the reference's scores are computed once, and whether that is still to be done.
    bool keeps_reference() const { return keeps_reference_; }
    bool needs_reference() const { return keeps_reference_ && reference_.empty(); }
    absl::Status ComputeReference(const PassBegins& begins);
    bool has_reference() const { return !reference_.empty(); }
    // Passes without gradients for each token that is trained, unrelated answers among them; and
    // those of the reference that ComputeReference does in all.
    double passes_per_token() const;
    double reference_passes() const;

    absl::Status WriteReference(const std::string& path) const;
    absl::Status ReadReference(const std::string& path);

  private:
    // Of one data set, by the places of the documents.
    struct Reference {
        std::vector<float> answers, unrelated;
    };
    absl::Status Pass(
        const std::vector<Batch>& batches, const AnswerPlaces& places, const PassBegins& begins,
        const std::function<void(size_t answer, const LossSums&, bool undesired)>& take) const;
    std::vector<Batch> Unrelated(const Dataset& dataset, const std::vector<int64_t>& rows) const;
    // answers[i].reference = , by passes without what is trained.
    absl::Status AddReference(const std::vector<Batch>& batches, const AnswerPlaces& places,
                              const PassBegins& begins, std::vector<Answer>* answers) const;
    absl::StatusOr<Reference> ReferenceOf(const Dataset& dataset, const PassBegins& begins) const;
    std::vector<const Dataset*> datasets() const;
    size_t answers_of_row() const { return objective_.rows() == RowKind::kPairs ? 2 : 1; }

    const Objective& objective_;
    Learner& learner_;
    std::shared_ptr<const Dataset> train_, eval_;
    ScorerOptions options_;
    bool keeps_reference_;
    std::vector<Reference> reference_;  // of datasets()
};

}  // namespace hone
