// Tokens in the form that goes through the model: documents one after another, never padded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hone {

// Tokens that go through the model at a time unless an option says otherwise. More would be a
// little faster and need more memory: docs/performance.md.
inline constexpr int64_t kMicroBatchTokens = 1024;

// What a row teaches.
enum class LabelKind : uint8_t {
    kNextToken,  // to predict its tokens
    kSequence,   // to classify it: its labels stand at its last token
    kToken,      // to classify its tokens
    kPair        // how alike its two documents are: each has a weight at its last token
};

// A token is of a class.
struct TokenLabel {
    int32_t token = 0;
    int32_t label = 0;
    bool operator==(const TokenLabel&) const = default;
};

// The tokens of one row: one document, or the two answers to one prompt as two documents.
struct Example {
    std::vector<int32_t> tokens;
    // [tokens.size()] The weight of this token in the loss, where it is predicted from the tokens
    // before it; of a row with labels, where it is classified. 0: no loss. The weight of the first
    // token of a row that is predicted is never used.
    std::vector<float> weights;
    LabelKind kind = LabelKind::kNextToken;
    // In ascending order. A token with a weight has one label; where a row may have several, any
    // number.
    std::vector<TokenLabel> labels;
    int64_t row = 0;  // position in the data set, from 0
    // Of a row that is a pair: the first token of the second document, the answer that is not
    // preferred. 0: the row is one document.
    int64_t second = 0;
    bool undesired = false;  // its one answer was judged bad
    float score = 0;         // of kPair: how alike, 0 to 1

    // [begin, end) of the tokens of each document.
    std::vector<std::pair<int64_t, int64_t>> Documents() const;
    // Whether the weight of that token counts, `begin` being the first token of its document.
    bool HasLoss(int64_t token, int64_t begin) const {
        return weights[static_cast<size_t>(token)] != 0 &&
               (kind != LabelKind::kNextToken || token > begin);
    }
};

// T tokens of D documents. A token sees only the tokens of its own document that come before it,
// and itself.
struct Batch {
    std::vector<int32_t> tokens;           // [T]
    std::vector<int32_t> positions;        // [T] from 0 in each document
    std::vector<int32_t> document_starts;  // [D + 1] the first token of each document, then T
    // [T] The document's next token, -1 at its last; of a document with labels the (last) label of
    // the token itself, -1 without one.
    std::vector<int32_t> targets;
    std::vector<float> target_weights;  // [T] 0 where there is no loss
    // [D] Example::row. The documents of a row stand side by side, the preferred one first.
    std::vector<int64_t> rows;
    std::vector<uint8_t> undesired;  // [D] 1: an answer that is not preferred, or was judged bad
    LabelKind kind = LabelKind::kNextToken;  // of all documents
    std::vector<TokenLabel> labels;          // of all documents, in ascending order
    std::vector<float> scores;               // [D] of kPair: Example::score of the document's row

    int64_t size() const { return static_cast<int64_t>(tokens.size()); }
    int64_t num_documents() const { return static_cast<int64_t>(rows.size()); }
    void Append(const Example& example);
    // Sum of target_weights, in double.
    double TotalWeight() const;
};

}  // namespace hone
