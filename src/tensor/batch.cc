#include "tensor/batch.h"

#include "base/status.h"

namespace hone {

void Batch::Append(const Example& example) {
    HONE_CHECK(example.tokens.size() == example.weights.size());
    HONE_CHECK(!example.tokens.empty());
    if (document_starts.empty()) document_starts.push_back(0);
    const size_t length = example.tokens.size();
    for (size_t i = 0; i < length; ++i) {
        const bool last = i + 1 == length;
        tokens.push_back(example.tokens[i]);
        positions.push_back(static_cast<int32_t>(i));
        targets.push_back(last ? -1 : example.tokens[i + 1]);
        target_weights.push_back(last ? 0.0f : example.weights[i + 1]);
    }
    document_starts.push_back(static_cast<int32_t>(tokens.size()));
    rows.push_back(example.row);
}

double Batch::TotalWeight() const {
    double total = 0;
    for (float weight : target_weights) total += weight;
    return total;
}

}  // namespace hone
