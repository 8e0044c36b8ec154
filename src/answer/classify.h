// Texts to what they are: a model with a head of labels asked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "answer/loaded_model.h"
#include "answer/row_answers.h"
#include "data/format/row_format.h"

namespace hone {

// A word of a text, and what it is most likely.
struct ClassifiedWord {
    size_t begin = 0, end = 0;  // bytes of the text
    std::string tag;            // "O" where it has no token of its own, or was cut off
    float probability = 0;
};

struct Classified {
    // Of a text: of each label of the model's config, in their order; they add up to 1 where a text
    // has one label.
    std::vector<float> probabilities;
    // Those that it has: the likeliest, or where a text can have several all of more than 1/2.
    std::vector<int32_t> labels;
    std::vector<ClassifiedWord> words;  // of a model that classifies these
    bool cut = false;                   // it was longer than max_seq_len
    // That all of it is right, as if its labels or words had nothing to do with each other.
    double probability = 1;
};

struct ClassifyOptions {
    int64_t max_rows = 8;        // that go through the model at a time
    int64_t max_seq_len = 1024;  // tokens of a text; the rest is cut off
    bool add_special_tokens = true;
};

// A text in the form of Classify; its words are those of SplitIntoWords.
DataRow TextToClassify(std::string_view text);

// Rows of the kind kLabelled, whose labels do not matter, in their order. The model must have a
// head of labels. kInterrupted after `progress` said so. A text without tokens is an error of kind
// kData with its number.
absl::StatusOr<std::vector<Classified>> Classify(const LoadedModel& loaded,
                                                 const std::vector<DataRow>& rows,
                                                 const ClassifyOptions& options,
                                                 const Context& context,
                                                 const AnswerProgress& progress);

// What stands between the labels of a text that has several, in the texts below.
inline constexpr std::string_view kBetweenLabels = "\n";

// What a row's own labels are, and what the model says, as texts to compare: a label; labels with
// kBetweenLabels between them; or tags with spaces between them.
std::string LabelsText(const DataRow& row);
std::string LabelsText(const Classified& classified, const ModelConfig& config);

}  // namespace hone
