#include "train/loop/embedder.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "eval/metrics/correlation.h"

namespace hone {
namespace {

bool PartIsFinite(const std::vector<float>& values, size_t begin, size_t end) {
    return std::all_of(values.begin() + static_cast<int64_t>(begin),
                       values.begin() + static_cast<int64_t>(end),
                       [](float value) { return std::isfinite(value); });
}

// What is reported of pairs beside their loss.
struct Cosines {
    std::vector<double> cosines, scores;
    std::vector<bool> alike;

    void Add(const EmbeddedPairs& pairs, size_t begin, size_t end) {
        for (size_t row = begin; row < end; ++row) {
            cosines.push_back(pairs.Cosine(static_cast<int64_t>(row)));
            scores.push_back(pairs.scores[row]);
            alike.push_back(pairs.scores[row] >= kAlike);
        }
    }
    // The accuracy takes the place that the one of labels has.
    void Report(bool whole, ObjectiveSums* sums) const {
        const Threshold best = BestThreshold(cosines, alike);
        const auto rows = static_cast<double>(cosines.size());
        sums->answers = {sums->loss, sums->weight, static_cast<int64_t>(cosines.size()),
                         std::llround(best.accuracy * rows)};
        for (size_t i = 0; i < cosines.size(); ++i)
            sums->Add(alike[i] ? "cosine/alike" : "cosine/different", cosines[i]);
        if (!whole) return;
        if (std::isfinite(best.threshold)) sums->Add("threshold", best.threshold);
        if (const double rank = Spearman(cosines, scores); std::isfinite(rank))
            sums->Add("spearman", rank);
    }
};

std::vector<size_t> PlacesOfPairs(const Batch& batch,
                                  const std::unordered_map<int64_t, size_t>& rows) {
    std::vector<size_t> places;
    for (const int64_t row : batch.rows) places.push_back(rows.at(row));
    return places;
}

}  // namespace

size_t Embedder::Bytes(int64_t C, int64_t tokens, int64_t rows) {
    // Hidden states and their slopes; of each pair two embeddings, their slopes, and both again
    // while a batch of them is with the loss, which counts in double.
    return static_cast<size_t>(C * (2 * tokens + 12 * rows)) * sizeof(float);
}

void Embedder::Embedded::Resize(size_t rows, int64_t C) {
    pairs.C = C;
    pairs.first.resize(rows * static_cast<size_t>(C));
    pairs.second.resize(rows * static_cast<size_t>(C));
    pairs.scores.resize(rows);
    first_lengths.resize(rows);
    second_lengths.resize(rows);
}

absl::Status Embedder::Embed(const Batch& batch, const std::vector<size_t>& places,
                             Embedded* embedded) {
    const int64_t C = training_.C;
    hidden_.resize(static_cast<size_t>(batch.size() * C));
    HONE_RETURN_IF_ERROR(learner_.Hidden(batch, hidden_.data()));
    for (int64_t d = 0; d < batch.num_documents(); ++d) {
        const int64_t begin = batch.document_starts[d], end = batch.document_starts[d + 1];
        const size_t place = places[d];
        const bool second = batch.undesired[d] != 0;
        float* text = (second ? embedded->pairs.second : embedded->pairs.first).data() +
                      static_cast<int64_t>(place) * C;
        const double length =
            PoolUnscaled(training_.pooling, hidden_.data() + begin * C, end - begin, C, text);
        for (int64_t c = 0; c < C && length != 0; ++c)
            text[c] = static_cast<float>(text[c] / length);
        (second ? embedded->second_lengths : embedded->first_lengths)[place] = length;
        embedded->pairs.scores[place] = batch.scores[d];
    }
    return absl::OkStatus();
}

absl::Status Embedder::Backward(const Batch& batch, const std::vector<size_t>& places,
                                const Embedded& embedded, const PairSlopes& slopes, uint64_t seed) {
    const int64_t C = training_.C;
    hidden_slopes_.resize(static_cast<size_t>(batch.size() * C));
    for (int64_t d = 0; d < batch.num_documents(); ++d) {
        const int64_t begin = batch.document_starts[d], end = batch.document_starts[d + 1];
        const auto place = static_cast<int64_t>(places[d]);
        const bool second = batch.undesired[d] != 0;
        PoolGradient(training_.pooling,
                     (second ? embedded.pairs.second : embedded.pairs.first).data() + place * C,
                     (second ? embedded.second_lengths : embedded.first_lengths)[places[d]],
                     (second ? slopes.second : slopes.first).data() + place * C, end - begin, C,
                     hidden_slopes_.data() + begin * C);
    }
    return learner_.HiddenBackward(batch, hidden_slopes_.data(), seed);
}

absl::Status Embedder::AddLoss(const EmbeddedPairs& pairs, size_t begin, size_t end,
                               PairSlopes* slopes, ObjectiveSums* sums) {
    const auto C = static_cast<size_t>(pairs.C);
    const auto part = [&](const std::vector<float>& all, size_t width) {
        return std::vector<float>(all.begin() + static_cast<int64_t>(begin * width),
                                  all.begin() + static_cast<int64_t>(end * width));
    };
    const EmbeddedPairs batch = {pairs.C, part(pairs.first, C), part(pairs.second, C),
                                 part(pairs.scores, 1)};
    PairSlopes of_batch;
    HONE_ASSIGN_OR_RETURN(const double loss,
                          training_.loss->Loss(batch, slopes == nullptr ? nullptr : &of_batch));
    const auto rows = static_cast<double>(end - begin);
    sums->loss += loss * rows;
    sums->weight += rows;
    if (slopes == nullptr) return absl::OkStatus();
    const auto share = static_cast<float>(rows / static_cast<double>(pairs.rows()));
    const auto put = [&](const std::vector<float>& from, std::vector<float>& to) {
        HONE_CHECK(from.size() == batch.first.size());
        for (size_t i = 0; i < from.size(); ++i) to[begin * C + i] = share * from[i];
    };
    put(of_batch.first, slopes->first);
    put(of_batch.second, slopes->second);
    return absl::OkStatus();
}

absl::StatusOr<ObjectiveSums> Embedder::Gradients(const std::vector<int64_t>& rows,
                                                  const std::vector<Batch>& batches,
                                                  const std::function<uint64_t(size_t)>& seed,
                                                  const Scorer::PassBegins& begins, size_t* bad) {
    std::unordered_map<int64_t, size_t> order;
    for (size_t i = 0; i < rows.size(); ++i) order.emplace(rows[i], i);
    std::vector<std::vector<size_t>> places;
    Embedded embedded;
    embedded.Resize(rows.size(), training_.C);
    for (const Batch& batch : batches) {
        if (!begins(batch.size())) return InterruptedError("interrupted");
        HONE_RETURN_IF_ERROR(
            Embed(batch, places.emplace_back(PlacesOfPairs(batch, order)), &embedded));
    }
    const EmbeddedPairs& pairs = embedded.pairs;
    PairSlopes slopes = {std::vector<float>(pairs.first.size()),
                         std::vector<float>(pairs.second.size())};
    ObjectiveSums sums;
    Cosines cosines;
    cosines.Add(pairs, 0, rows.size());
    // Numbers that are not finite go into no loss: one of the user's would be blamed for them.
    const auto check = [&](const std::vector<float>& first, const std::vector<float>& second) {
        const auto C = static_cast<size_t>(training_.C);
        for (size_t i = 0; i < batches.size(); ++i)
            for (const size_t row : places[i])
                if (!PartIsFinite(first, row * C, (row + 1) * C) ||
                    !PartIsFinite(second, row * C, (row + 1) * C)) {
                    *bad = i;
                    sums.loss = std::nan("");
                    return false;
                }
        return true;
    };
    if (!check(pairs.first, pairs.second)) return sums;
    const auto batch_rows = static_cast<size_t>(batch_rows_);
    for (size_t begin = 0; begin < rows.size(); begin += batch_rows)
        HONE_RETURN_IF_ERROR(
            AddLoss(pairs, begin, std::min(rows.size(), begin + batch_rows), &slopes, &sums));
    *bad = 0;
    if (!std::isfinite(sums.loss) || !check(slopes.first, slopes.second)) return sums;
    for (size_t i = 0; i < batches.size(); ++i) {
        if (!begins(3 * batches[i].size())) return InterruptedError("interrupted");
        HONE_RETURN_IF_ERROR(Backward(batches[i], places[i], embedded, slopes, seed(i)));
    }
    cosines.Report(false, &sums);
    return sums;
}

absl::StatusOr<ObjectiveSums> Embedder::Evaluate(const std::function<bool(Batch*)>& next,
                                                 const Scorer::PassBegins& begins) {
    ObjectiveSums sums;
    Cosines cosines;
    EmbeddedPairs waiting = {.C = training_.C};
    const auto C = static_cast<size_t>(training_.C);
    const auto take = [&](size_t rows) -> absl::Status {
        HONE_RETURN_IF_ERROR(AddLoss(waiting, 0, rows, nullptr, &sums));
        cosines.Add(waiting, 0, rows);
        const auto drop = [&](std::vector<float>& all, size_t width) {
            all.erase(all.begin(), all.begin() + static_cast<int64_t>(rows * width));
        };
        drop(waiting.first, C);
        drop(waiting.second, C);
        drop(waiting.scores, 1);
        return absl::OkStatus();
    };
    for (Batch batch; next(&batch);) {
        if (!begins(batch.size())) return InterruptedError("interrupted");
        std::unordered_map<int64_t, size_t> order;
        for (const int64_t row : batch.rows) order.emplace(row, order.size());
        Embedded embedded;
        embedded.Resize(order.size(), training_.C);
        HONE_RETURN_IF_ERROR(Embed(batch, PlacesOfPairs(batch, order), &embedded));
        const EmbeddedPairs& pairs = embedded.pairs;
        waiting.first.insert(waiting.first.end(), pairs.first.begin(), pairs.first.end());
        waiting.second.insert(waiting.second.end(), pairs.second.begin(), pairs.second.end());
        waiting.scores.insert(waiting.scores.end(), pairs.scores.begin(), pairs.scores.end());
        while (waiting.rows() >= batch_rows_)
            HONE_RETURN_IF_ERROR(take(static_cast<size_t>(batch_rows_)));
    }
    if (waiting.rows() > 0) HONE_RETURN_IF_ERROR(take(waiting.scores.size()));
    if (std::isfinite(sums.loss)) cosines.Report(true, &sums);
    return sums;
}

absl::Status Embedder::Try(const Batch& batch, bool backward) {
    hidden_.resize(static_cast<size_t>(batch.size() * training_.C));
    if (!backward) return learner_.Hidden(batch, hidden_.data());
    hidden_slopes_.assign(hidden_.size(), 1.0f);
    return learner_.HiddenBackward(batch, hidden_slopes_.data(), 0);
}

}  // namespace hone
