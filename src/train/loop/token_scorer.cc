#include "train/loop/token_scorer.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace hone {
namespace {

std::vector<size_t> PlacesOfRows(const Batch& batch,
                                 const std::unordered_map<int64_t, size_t>& order) {
    std::vector<size_t> places;
    for (const int64_t row : batch.rows) places.push_back(order.at(row));
    return places;
}

// visit(document, token) for each token with a label, in their order.
template <typename Visit>
void ForLabelled(const Batch& batch, const Visit& visit) {
    for (int64_t d = 0; d < batch.num_documents(); ++d)
        for (int32_t t = batch.document_starts[d]; t < batch.document_starts[d + 1]; ++t)
            if (batch.target_weights[t] != 0) visit(static_cast<size_t>(d), t);
}

}  // namespace

absl::Status TokenScorer::Score(const Batch& batch, const std::vector<size_t>& places,
                                RowValues* logps) {
    std::vector<double> losses(static_cast<size_t>(batch.size()));
    HONE_RETURN_IF_ERROR(learner_.TokenLosses(batch, losses.data()));
    ForLabelled(batch, [&](size_t d, int32_t t) {
        (*logps)[places[d]].push_back(static_cast<float>(-losses[t] / batch.target_weights[t]));
    });
    return absl::OkStatus();
}

absl::Status TokenScorer::AddLosses(const RowValues& logps, RowValues* slopes,
                                    ObjectiveSums* sums) {
    const auto rows = static_cast<int64_t>(logps.size());
    if (slopes != nullptr) slopes->clear();
    for (int64_t begin = 0; begin < rows; begin += batch_rows_) {
        const int64_t end = std::min(rows, begin + batch_rows_);
        RowValues of_batch;
        HONE_ASSIGN_OR_RETURN(const double loss,
                              loss_->Loss(RowValues(logps.begin() + begin, logps.begin() + end),
                                          slopes == nullptr ? nullptr : &of_batch));
        sums->loss += loss * static_cast<double>(end - begin);
        sums->weight += static_cast<double>(end - begin);
        const auto share =
            static_cast<float>(static_cast<double>(end - begin) / static_cast<double>(rows));
        for (std::vector<float>& row : of_batch) {
            for (float& slope : row) slope *= share;
            slopes->push_back(std::move(row));
        }
    }
    return absl::OkStatus();
}

absl::StatusOr<ObjectiveSums> TokenScorer::Gradients(const std::vector<int64_t>& rows,
                                                     const std::vector<Batch>& batches,
                                                     const std::function<uint64_t(size_t)>& seed,
                                                     const Scorer::PassBegins& begins,
                                                     size_t* bad) {
    std::unordered_map<int64_t, size_t> order;
    for (size_t i = 0; i < rows.size(); ++i) order.emplace(rows[i], i);
    RowValues logps(rows.size()), slopes;
    ObjectiveSums sums;
    for (size_t i = 0; i < batches.size(); ++i) {
        if (!begins(batches[i].size())) return InterruptedError("interrupted");
        const std::vector<size_t> places = PlacesOfRows(batches[i], order);
        HONE_RETURN_IF_ERROR(Score(batches[i], places, &logps));
        for (const size_t row : places)
            for (const float logp : logps[row])
                if (!std::isfinite(logp)) {
                    *bad = i;
                    sums.loss = std::nan("");
                    return sums;
                }
    }
    HONE_RETURN_IF_ERROR(AddLosses(logps, &slopes, &sums));
    std::vector<size_t> next(rows.size());
    for (size_t i = 0; i < batches.size(); ++i) {
        Batch batch = batches[i];
        const std::vector<size_t> places = PlacesOfRows(batch, order);
        ForLabelled(batches[i], [&](size_t d, int32_t t) {
            const size_t row = places[d], token = next[row]++;
            batch.target_weights[t] = -slopes[row][token];
            sums.answers.loss -= logps[row][token];
            sums.answers.weight += 1;
        });
        if (!begins(3 * batch.size())) return InterruptedError("interrupted");
        HONE_ASSIGN_OR_RETURN(const LossSums part, learner_.ForwardBackward(batch, 1.0f, seed(i)));
        if (!std::isfinite(part.loss)) {
            *bad = i;
            sums.loss = part.loss;
            return sums;
        }
        sums.answers.labelled += part.labelled;
        sums.answers.correct += part.correct;
    }
    // So that checkpoints hold the loss apart from that of the labels.
    sums.Add("loss/labels", sums.answers.loss, sums.answers.weight);
    return sums;
}

absl::StatusOr<ObjectiveSums> TokenScorer::Evaluate(const std::function<bool(Batch*)>& next,
                                                    const Scorer::PassBegins& begins) {
    ObjectiveSums sums;
    RowValues waiting;
    for (Batch batch; next(&batch);) {
        if (!begins(2 * batch.size())) return InterruptedError("interrupted");
        std::unordered_map<int64_t, size_t> order;
        for (const int64_t row : batch.rows) order.emplace(row, order.size());
        RowValues logps(order.size());
        HONE_RETURN_IF_ERROR(Score(batch, PlacesOfRows(batch, order), &logps));
        HONE_ASSIGN_OR_RETURN(const LossSums labels, learner_.Evaluate(batch));
        sums.answers += labels;
        if (!std::isfinite(labels.loss)) {
            sums.loss = labels.loss;
            sums.weight = 1;
            return sums;
        }
        for (std::vector<float>& row : logps) waiting.push_back(std::move(row));
        while (static_cast<int64_t>(waiting.size()) >= batch_rows_) {
            const auto end = waiting.begin() + batch_rows_;
            HONE_RETURN_IF_ERROR(AddLosses(RowValues(waiting.begin(), end), nullptr, &sums));
            waiting.erase(waiting.begin(), end);
        }
    }
    if (!waiting.empty()) HONE_RETURN_IF_ERROR(AddLosses(waiting, nullptr, &sums));
    sums.Add("loss/labels", sums.answers.loss, sums.answers.weight);
    return sums;
}

absl::Status TokenScorer::Try(const Batch& batch, bool backward) {
    if (backward) return learner_.ForwardBackward(batch, 1.0f, 0).status();
    return learner_.Evaluate(batch).status();
}

}  // namespace hone
