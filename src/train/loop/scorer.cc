#include "train/loop/scorer.h"

#include <algorithm>
#include <numeric>

#include "data/batch/batcher.h"
#include "data/load/documents.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

// Rows whose reference is computed at a time.
constexpr int64_t kRowsAtOnce = 256;

// The first token of the answer.
size_t AnswerBegins(const Example& example) {
    size_t begin = 1;
    while (begin < example.tokens.size() && example.weights[begin] <= 0) ++begin;
    return begin;
}

int64_t MateOf(const Dataset& dataset, int64_t row, int64_t batch_rows) {
    if (row % batch_rows != 0) return row - 1;
    return std::min(dataset.size(), row + batch_rows) - 1;
}

std::vector<int64_t> Rows(int64_t begin, int64_t end) {
    std::vector<int64_t> rows(static_cast<size_t>(end - begin));
    std::iota(rows.begin(), rows.end(), begin);
    return rows;
}

std::string TensorName(size_t dataset, const char* what) {
    return fmt::format("{}.{}", dataset == 0 ? "train" : "eval", what);
}

}  // namespace

Example UnrelatedAnswer(const Dataset& dataset, int64_t row, int64_t batch_rows,
                        int64_t max_tokens) {
    Example example = dataset.Get(row);
    const Example other = dataset.Get(MateOf(dataset, row, batch_rows));
    const size_t prompt = AnswerBegins(example), answer = AnswerBegins(other);
    example.tokens.resize(prompt);
    example.weights.assign(prompt, 0.0f);
    example.tokens.insert(example.tokens.end(), other.tokens.begin() + static_cast<int64_t>(answer),
                          other.tokens.end());
    example.weights.insert(example.weights.end(),
                           other.weights.begin() + static_cast<int64_t>(answer),
                           other.weights.end());
    const size_t kept = std::min(example.tokens.size(), static_cast<size_t>(max_tokens));
    example.tokens.resize(kept);
    example.weights.resize(kept);
    return example;
}

int64_t MostUnrelatedTokens(const Dataset& dataset, int64_t max_tokens) {
    size_t prompt = 0, answer = 0;
    for (int64_t row = 0; row < dataset.size(); ++row) {
        const Example example = dataset.Get(row);
        const size_t begin = AnswerBegins(example);
        prompt = std::max(prompt, begin);
        answer = std::max(answer, example.tokens.size() - begin);
    }
    return std::min(max_tokens, static_cast<int64_t>(prompt + answer));
}

AnswerPlaces::AnswerPlaces(const std::vector<int64_t>& rows, RowKind kind)
    : answers_(kind == RowKind::kPairs ? 2 : 1) {
    for (size_t i = 0; i < rows.size(); ++i) rows_.emplace(rows[i], i);
}

std::vector<size_t> AnswerPlaces::Of(const Batch& batch) const {
    std::vector<size_t> places;
    for (size_t d = 0; d < batch.rows.size(); ++d) {
        const bool second =
            answers_ == 2 && d > 0 && batch.rows[d] == batch.rows[d - 1] && batch.undesired[d] != 0;
        places.push_back(answers_ * rows_.at(batch.rows[d]) + (second ? 1 : 0));
    }
    return places;
}

Scorer::Scorer(const Objective& objective, Learner& learner, std::shared_ptr<const Dataset> train,
               std::shared_ptr<const Dataset> eval, ScorerOptions options)
    : objective_(objective),
      learner_(learner),
      train_(std::move(train)),
      eval_(std::move(eval)),
      options_(options),
      keeps_reference_(objective.wants_reference() && !learner.CanLeaveOutTrained()) {}

std::vector<const Dataset*> Scorer::datasets() const {
    std::vector<const Dataset*> all = {train_.get()};
    if (eval_) all.push_back(eval_.get());
    return all;
}

absl::Status Scorer::Pass(const std::vector<Batch>& batches, const AnswerPlaces& places,
                          const PassBegins& begins,
                          const std::function<void(size_t, const LossSums&, bool)>& take) const {
    std::vector<LossSums> documents;
    for (const Batch& batch : batches) {
        if (!begins(batch.size())) return InterruptedError("interrupted");
        HONE_RETURN_IF_ERROR(learner_.Evaluate(batch, &documents).status());
        const std::vector<size_t> answers = places.Of(batch);
        for (size_t d = 0; d < answers.size(); ++d)
            take(answers[d], documents[d], batch.undesired[d] != 0);
    }
    return absl::OkStatus();
}

std::vector<Batch> Scorer::Unrelated(const Dataset& dataset,
                                     const std::vector<int64_t>& rows) const {
    std::vector<Example> examples;
    for (int64_t row : rows)
        examples.push_back(
            UnrelatedAnswer(dataset, row, options_.batch_rows, options_.max_seq_len));
    return CutMicroBatches(examples, options_.micro_batch_tokens);
}

absl::Status Scorer::AddReference(const std::vector<Batch>& batches, const AnswerPlaces& places,
                                  const PassBegins& begins, std::vector<Answer>* answers) const {
    learner_.UseTrained(false);
    const absl::Status passed =
        Pass(batches, places, begins, [&](size_t answer, const LossSums& sums, bool) {
            (*answers)[answer].reference = -sums.loss;
        });
    learner_.UseTrained(true);
    return passed;
}

absl::StatusOr<ScoredRows> Scorer::Score(const Dataset& dataset, const std::vector<int64_t>& rows,
                                         const std::vector<Batch>& batches,
                                         const PassBegins& begins) {
    const AnswerPlaces places(rows, objective_.rows()), of_rows(rows, RowKind::kJudged);
    ScoredRows scored;
    scored.answers.resize(places.size());
    const auto take = [](std::vector<Answer>& answers) {
        return [&answers](size_t answer, const LossSums& sums, bool undesired) {
            answers[answer].likelihood = sums;
            answers[answer].undesired = undesired;
        };
    };
    HONE_RETURN_IF_ERROR(Pass(batches, places, begins, take(scored.answers)));
    std::vector<Batch> unrelated;
    if (objective_.wants_unrelated()) {
        unrelated = Unrelated(dataset, rows);
        scored.unrelated.resize(rows.size());
        HONE_RETURN_IF_ERROR(Pass(unrelated, of_rows, begins, take(scored.unrelated)));
    }
    if (!objective_.wants_reference()) return scored;
    if (!keeps_reference_) {
        HONE_RETURN_IF_ERROR(AddReference(batches, places, begins, &scored.answers));
        HONE_RETURN_IF_ERROR(AddReference(unrelated, of_rows, begins, &scored.unrelated));
        return scored;
    }
    const Reference& kept = reference_.at(&dataset == train_.get() ? 0 : 1);
    const size_t of_row = answers_of_row();
    for (size_t i = 0; i < scored.answers.size(); ++i)
        scored.answers[i].reference =
            kept.answers[static_cast<size_t>(rows[i / of_row]) * of_row + i % of_row];
    for (size_t i = 0; i < scored.unrelated.size(); ++i)
        scored.unrelated[i].reference = kept.unrelated[static_cast<size_t>(rows[i])];
    return scored;
}

absl::StatusOr<Scorer::Reference> Scorer::ReferenceOf(const Dataset& dataset,
                                                      const PassBegins& begins) const {
    Reference reference;
    reference.answers.resize(static_cast<size_t>(dataset.size()) * answers_of_row());
    if (objective_.wants_unrelated())
        reference.unrelated.resize(static_cast<size_t>(dataset.size()));
    for (int64_t begin = 0; begin < dataset.size(); begin += kRowsAtOnce) {
        const auto rows = Rows(begin, std::min(dataset.size(), begin + kRowsAtOnce));
        std::vector<Example> examples;
        for (int64_t row : rows) examples.push_back(dataset.Get(row));
        const auto into = [&](std::vector<float>& scores, size_t of_row) {
            float* first = scores.data() + static_cast<size_t>(begin) * of_row;
            return [first](size_t answer, const LossSums& sums, bool) {
                first[answer] = static_cast<float>(-sums.loss);
            };
        };
        HONE_RETURN_IF_ERROR(Pass(CutMicroBatches(examples, options_.micro_batch_tokens),
                                  AnswerPlaces(rows, objective_.rows()), begins,
                                  into(reference.answers, answers_of_row())));
        if (objective_.wants_unrelated())
            HONE_RETURN_IF_ERROR(Pass(Unrelated(dataset, rows),
                                      AnswerPlaces(rows, RowKind::kJudged), begins,
                                      into(reference.unrelated, 1)));
    }
    return reference;
}

absl::Status Scorer::ComputeReference(const PassBegins& begins) {
    std::vector<Reference> all;
    for (const Dataset* dataset : datasets()) {
        HONE_ASSIGN_OR_RETURN(Reference reference, ReferenceOf(*dataset, begins));
        all.push_back(std::move(reference));
    }
    reference_ = std::move(all);
    return absl::OkStatus();
}

double Scorer::passes_per_token() const {
    const double models = objective_.wants_reference() && !keeps_reference_ ? 2 : 1;
    return models * (objective_.wants_unrelated() ? 2 : 1);
}

double Scorer::reference_passes() const {
    if (!keeps_reference_) return 0;
    double tokens = 0;
    for (const Dataset* dataset : datasets())
        tokens += static_cast<double>(dataset->total_tokens());
    return tokens * (objective_.wants_unrelated() ? 2 : 1);
}

absl::Status Scorer::WriteReference(const std::string& path) const {
    std::vector<TensorToWrite> tensors;
    const auto add = [&](size_t dataset, const char* what, const std::vector<float>& scores) {
        if (scores.empty()) return;
        tensors.push_back(
            {TensorName(dataset, what),
             {static_cast<int64_t>(scores.size())},
             DType::kF32,
             {reinterpret_cast<const uint8_t*>(scores.data()), scores.size() * sizeof(float)}});
    };
    for (size_t i = 0; i < reference_.size(); ++i) {
        add(i, "answers", reference_[i].answers);
        add(i, "unrelated", reference_[i].unrelated);
    }
    return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

absl::Status Scorer::ReadReference(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const auto file, OpenSafetensors(path));
    std::vector<Reference> all(datasets().size());
    const auto read = [&](size_t dataset, const char* what, size_t count,
                          std::vector<float>& scores) -> absl::Status {
        const StoredTensor* tensor = file->Find(TensorName(dataset, what));
        if (tensor == nullptr || tensor->elements() != static_cast<int64_t>(count))
            return TrainingError("{} does not hold the reference's scores of these rows", path);
        HONE_ASSIGN_OR_RETURN(scores, ReadTensor(*tensor));
        return absl::OkStatus();
    };
    for (size_t i = 0; i < all.size(); ++i) {
        const auto rows = static_cast<size_t>(datasets()[i]->size());
        HONE_RETURN_IF_ERROR(read(i, "answers", rows * answers_of_row(), all[i].answers));
        if (objective_.wants_unrelated())
            HONE_RETURN_IF_ERROR(read(i, "unrelated", rows, all[i].unrelated));
    }
    reference_ = std::move(all);
    return absl::OkStatus();
}

}  // namespace hone
