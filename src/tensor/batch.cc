#include "tensor/batch.h"

#include "base/status.h"

namespace hone {

std::vector<std::pair<int64_t, int64_t>> Example::Documents() const {
    const auto size = static_cast<int64_t>(tokens.size());
    if (second == 0) return {{0, size}};
    return {{0, second}, {second, size}};
}

void Batch::Append(const Example& example) {
    HONE_CHECK(example.tokens.size() == example.weights.size());
    HONE_CHECK(!example.tokens.empty());
    HONE_CHECK(example.second >= 0 && example.second < static_cast<int64_t>(example.tokens.size()));
    HONE_CHECK(rows.empty() || kind == example.kind, "rows with labels beside others");
    kind = example.kind;
    if (document_starts.empty()) document_starts.push_back(0);
    const auto first = static_cast<int32_t>(tokens.size());
    const bool classified = example.kind != LabelKind::kNextToken;
    for (const auto& [begin, end] : example.Documents()) {
        for (int64_t i = begin; i < end; ++i) {
            const bool last = i + 1 == end;
            tokens.push_back(example.tokens[i]);
            positions.push_back(static_cast<int32_t>(i - begin));
            targets.push_back(last || classified ? -1 : example.tokens[i + 1]);
            target_weights.push_back(classified ? example.weights[i]
                                     : last     ? 0.0f
                                                : example.weights[i + 1]);
        }
        document_starts.push_back(static_cast<int32_t>(tokens.size()));
        rows.push_back(example.row);
        undesired.push_back(begin > 0 || example.undesired ? 1 : 0);
        if (kind == LabelKind::kPair) scores.push_back(example.score);
    }
    for (const TokenLabel& label : example.labels) {
        targets[static_cast<size_t>(first + label.token)] = label.label;
        labels.push_back({first + label.token, label.label});
    }
}

double Batch::TotalWeight() const {
    double total = 0;
    for (float weight : target_weights) total += weight;
    return total;
}

}  // namespace hone
