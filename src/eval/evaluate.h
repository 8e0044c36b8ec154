// How well a model predicts a data set: mean loss, perplexity, token accuracy, and the loss of each
// row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "data/load/dataset.h"
#include "model/model.h"
#include "nlohmann/json.hpp"

namespace hone {

struct RowLoss {
    int64_t row = 0;  // Example::row
    RowPlace place;
    double loss = 0;     // mean over the row's labelled tokens, nats
    int64_t tokens = 0;  // labelled
};

struct Evaluation {
    double loss = 0;            // mean over all labelled tokens (by their weights), nats
    double perplexity = 0;      // exp(loss)
    double token_accuracy = 0;  // share of labelled tokens that the model ranks first
    int64_t tokens = 0;         // labelled
    int64_t input_tokens = 0;   // that went through the model
    int64_t num_rows = 0;
    double seconds = 0;
    std::vector<RowLoss> rows;  // in the order of the data set, if asked for
};

struct EvaluateOptions {
    // That go through the model at a time; a longer row goes alone.
    int64_t max_rows = 8;
    int64_t max_tokens = kMicroBatchTokens;
    bool per_row = false;
    // Gets the share that is done, after each batch; false ends the evaluation with kInterrupted.
    std::function<bool(double share)> progress;
};

// The logits of the data set never exist: only sums are kept. A loss that is not finite is an error
// of kind kModel that names the row, and so is a data set without labels (kData).
absl::StatusOr<Evaluation> Evaluate(Model& model, const std::shared_ptr<const Dataset>& dataset,
                                    const EvaluateOptions& options, const Context& context);

// {"loss", "perplexity", "tokens", "token_accuracy", "rows": [{"row", "file", "line", "loss",
// "tokens"}, ...]}; "rows" only when there are any.
nlohmann::ordered_json ToJson(const Evaluation& evaluation);

}  // namespace hone
