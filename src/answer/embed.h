// Texts to embeddings, by a loaded model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "answer/loaded_model.h"
#include "data/format/row_format.h"

namespace hone {

// Whether the adapter, or without one the model, was made for embeddings: PEFT's task type
// FEATURE_EXTRACTION, or a pooling beside the weights.
absl::StatusOr<bool> MakesEmbeddings(const OpenedModel& opened);

struct EmbedOptions {
    int64_t max_rows = 8;        // texts that go through the model at a time
    int64_t max_seq_len = 1024;  // tokens of a text; the rest is cut off
    bool add_special_tokens = true;
    // Gets the number of texts that are done; false ends the work with kInterrupted.
    std::function<bool(int64_t texts)> progress;
};

struct Embedding {
    std::vector<float> values;  // [hidden_size], of length 1
    bool cut = false;           // the text was longer than max_seq_len
};

// The embedding of each text as it stands, pooled as the adapter's or the model's files say. A text
// without tokens is an error of kind kData with its number.
absl::StatusOr<std::vector<Embedding>> EmbedTexts(const LoadedModel& loaded,
                                                  const std::vector<std::string>& texts,
                                                  const EmbedOptions& options,
                                                  const Context& context);

struct PairCosine {
    double cosine = 0;
    bool cut = false;  // one of the texts was
};
// Of each row of the kind kTextPair, in their order; `progress` counts rows.
absl::StatusOr<std::vector<PairCosine>> CompareTexts(const LoadedModel& loaded,
                                                     const std::vector<DataRow>& rows,
                                                     const EmbedOptions& options,
                                                     const Context& context);

}  // namespace hone
