// Tokens in the form that goes through the model: documents one after another, never padded.
#pragma once

#include <cstdint>
#include <vector>

namespace hone {

// Tokens that go through the model at a time unless an option says otherwise. More would be a
// little faster and need more memory: docs/performance.md.
inline constexpr int64_t kMicroBatchTokens = 1024;

// One document: the tokens of one row.
struct Example {
    std::vector<int32_t> tokens;
    // [tokens.size()] The weight of this token in the loss, where it is predicted from the tokens
    // before it. 0: no loss. The weight of the first token is never used.
    std::vector<float> weights;
    int64_t row = 0;  // position in the data set, from 0
};

// T tokens of D documents. A token sees only the tokens of its own document that come before it,
// and itself.
struct Batch {
    std::vector<int32_t> tokens;           // [T]
    std::vector<int32_t> positions;        // [T] from 0 in each document
    std::vector<int32_t> document_starts;  // [D + 1] the first token of each document, then T
    std::vector<int32_t> targets;          // [T] the document's next token; -1 at its last
    std::vector<float> target_weights;     // [T] 0 where there is no loss
    std::vector<int64_t> rows;             // [D] Example::row

    int64_t size() const { return static_cast<int64_t>(tokens.size()); }
    int64_t num_documents() const { return static_cast<int64_t>(rows.size()); }
    void Append(const Example& example);
    // Sum of target_weights, in double.
    double TotalWeight() const;
};

}  // namespace hone
