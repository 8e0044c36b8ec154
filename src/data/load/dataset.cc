#include "data/load/dataset.h"

#include <algorithm>

#include "base/files/hash.h"
#include "data/load/documents.h"
#include "data/load/token_store.h"
#include "fmt/format.h"

namespace hone {

std::string RowProblem::ToText() const {
    std::string text = place.file;
    if (place.line > 0) text += fmt::format(", line {}", place.line);
    if (place.column > 0) text += fmt::format(", column {}", place.column);
    return text + ": " + reason;
}

Dataset::Dataset(std::shared_ptr<const TokenStore> store, std::vector<int64_t> rows)
    : store_(std::move(store)), rows_(std::move(rows)) {
    Sha256 hash;
    for (int64_t row : rows_) {
        const Example example = store_->Read(row);
        total_tokens_ += static_cast<int64_t>(example.tokens.size());
        longest_ = std::max(longest_, static_cast<int64_t>(example.tokens.size()));
        longest_document_ = std::max(longest_document_, LongestDocument(example));
        const bool predicted = example.kind == LabelKind::kNextToken;
        for (size_t i = predicted ? 1 : 0; i < example.weights.size(); ++i)
            total_weight_ += example.weights[i];
        const uint64_t size = example.tokens.size();
        hash.Update({reinterpret_cast<const char*>(&size), sizeof size});
        hash.Update({reinterpret_cast<const char*>(example.tokens.data()),
                     example.tokens.size() * sizeof(int32_t)});
        hash.Update({reinterpret_cast<const char*>(example.weights.data()),
                     example.weights.size() * sizeof(float)});
        if (example.second != 0 || example.undesired)
            hash.Update(fmt::format("second {} undesired {}", example.second, example.undesired));
        if (predicted) continue;
        hash.Update(fmt::format("labels {}", static_cast<int>(example.kind)));
        for (const TokenLabel& label : example.labels)
            hash.Update(fmt::format(" {}:{}", label.token, label.label));
        if (example.kind == LabelKind::kPair) hash.Update(fmt::format(" {}", example.score));
    }
    fingerprint_ = hash.Finish();
}

int64_t Dataset::Length(int64_t i) const { return store_->Length(rows_[static_cast<size_t>(i)]); }

Example Dataset::Get(int64_t i) const {
    Example example = store_->Read(rows_[static_cast<size_t>(i)]);
    example.row = i;
    return example;
}

RowPlace Dataset::Place(int64_t i) const {
    const int64_t row = rows_[static_cast<size_t>(i)];
    return {store_->files[store_->File(row)], store_->Line(row), 0};
}

}  // namespace hone
