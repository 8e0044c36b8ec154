#include "eval/evaluate.h"

#include <cmath>

#include "base/clock.h"
#include "data/batch/batcher.h"

namespace hone {
namespace {

// Adds the documents of one batch; an error when a loss is not finite.
absl::Status AddDocuments(const Batch& batch, const std::vector<LossSums>& documents,
                          const Dataset& dataset, bool per_row, Evaluation& evaluation) {
    HONE_CHECK(documents.size() == batch.rows.size());
    for (size_t i = 0; i < documents.size(); ++i) {
        const LossSums& sums = documents[i];
        const RowPlace place = dataset.Place(batch.rows[i]);
        if (!std::isfinite(sums.loss)) {
            return ModelError(
                "the loss of row {} ({}, line {}) is not finite: the model's or the adapter's "
                "weights are damaged",
                batch.rows[i], place.file, place.line);
        }
        if (!per_row) continue;
        RowLoss row;
        row.row = batch.rows[i];
        row.place = place;
        row.loss = sums.weight > 0 ? sums.loss / sums.weight : 0;
        row.tokens = sums.labelled;
        evaluation.rows.push_back(std::move(row));
    }
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(Model& model, const std::shared_ptr<const Dataset>& dataset,
                                    const EvaluateOptions& options, const Context& context) {
    const double start = NowSeconds();
    Evaluation evaluation;
    LossSums total;
    EvaluationBatches batches(dataset, options.max_rows, options.max_tokens);
    Batch batch;
    while (batches.Next(&batch)) {
        std::vector<LossSums> documents;
        HONE_ASSIGN_OR_RETURN(LossSums sums, model.Evaluate(context, batch, &documents));
        total += sums;
        absl::Status added = AddDocuments(batch, documents, *dataset, options.per_row, evaluation);
        if (!added.ok()) HONE_RETURN_IF_ERROR(CheckFinite(model.files(), context));
        HONE_RETURN_IF_ERROR(added);
        evaluation.input_tokens += batch.size();
        evaluation.num_rows += batch.num_documents();
        const double share =
            static_cast<double>(evaluation.num_rows) / static_cast<double>(dataset->size());
        if (options.progress && !options.progress(share))
            return InterruptedError("evaluation interrupted");
    }
    if (total.weight <= 0 || total.labelled == 0) {
        return DataError("no token of the {} rows has a label: there is nothing to evaluate",
                         evaluation.num_rows);
    }
    evaluation.loss = total.loss / total.weight;
    evaluation.perplexity = std::exp(evaluation.loss);
    evaluation.token_accuracy =
        static_cast<double>(total.correct) / static_cast<double>(total.labelled);
    evaluation.tokens = total.labelled;
    evaluation.seconds = NowSeconds() - start;
    return evaluation;
}

nlohmann::ordered_json ToJson(const Evaluation& evaluation) {
    nlohmann::ordered_json json = {{"loss", evaluation.loss},
                                   {"perplexity", evaluation.perplexity},
                                   {"tokens", evaluation.tokens},
                                   {"token_accuracy", evaluation.token_accuracy}};
    if (evaluation.rows.empty()) return json;
    auto& rows = json["rows"] = nlohmann::ordered_json::array();
    for (const RowLoss& row : evaluation.rows) {
        rows.push_back({{"row", row.row},
                        {"file", row.place.file},
                        {"line", row.place.line},
                        {"loss", row.loss},
                        {"tokens", row.tokens}});
    }
    return json;
}

}  // namespace hone
