#include "data/load/documents.h"

#include <algorithm>

#include "fmt/format.h"

namespace hone {
namespace {

// Tokens of [begin, end) that train, in a document that starts at `begin`.
int64_t Labels(const Example& example, int64_t begin, int64_t end) {
    int64_t labels = 0;
    for (int64_t token = begin; token < end; ++token) labels += example.HasLoss(token, begin);
    return labels;
}

// What was kept of a document with labels: the sequence's own stand at its last token.
void CutLabels(const Example& whole, Example& cut) {
    const auto last = static_cast<int32_t>(cut.tokens.size()) - 1;
    cut.kind = whole.kind;
    for (TokenLabel label : whole.labels) {
        if (whole.kind == LabelKind::kSequence) label.token = last;
        if (label.token <= last) cut.labels.push_back(label);
    }
    if (whole.kind == LabelKind::kSequence) cut.weights.back() = whole.weights.back();
    cut.score = whole.score;
    if (whole.kind != LabelKind::kPair) return;
    for (const auto& [begin, end] : cut.Documents()) cut.weights[static_cast<size_t>(end - 1)] = 1;
}

}  // namespace

int64_t LongestDocument(const Example& example) {
    int64_t longest = 0;
    for (const auto& [begin, end] : example.Documents()) longest = std::max(longest, end - begin);
    return longest;
}

int64_t LabelTokens(const Example& example) {
    int64_t labels = 0;
    for (const auto& [begin, end] : example.Documents()) labels += Labels(example, begin, end);
    return labels;
}

std::string CutDocuments(Example& example, int64_t max_tokens) {
    std::string problem;
    for (const auto& [begin, end] : example.Documents()) {
        if (!problem.empty() || example.kind == LabelKind::kSequence ||
            example.kind == LabelKind::kPair ||
            Labels(example, begin, std::min(end, begin + max_tokens)) > 0)
            continue;
        problem =
            Labels(example, begin, end) == 0
                ? "no token of the row is trained"
                : fmt::format("the answer begins after the {} tokens of --max_seq_len", max_tokens);
    }
    if (LongestDocument(example) <= max_tokens) return problem;
    Example cut = {.row = example.row, .undesired = example.undesired};
    for (const auto& [begin, end] : example.Documents()) {
        const int64_t kept = std::min(end, begin + max_tokens);
        if (begin > 0) cut.second = static_cast<int64_t>(cut.tokens.size());
        cut.tokens.insert(cut.tokens.end(), example.tokens.begin() + begin,
                          example.tokens.begin() + kept);
        cut.weights.insert(cut.weights.end(), example.weights.begin() + begin,
                           example.weights.begin() + kept);
    }
    CutLabels(example, cut);
    example = std::move(cut);
    if (problem.empty() && example.second > 0 && example.kind == LabelKind::kNextToken &&
        std::equal(example.tokens.begin(), example.tokens.begin() + example.second,
                   example.tokens.begin() + example.second, example.tokens.end()))
        problem = fmt::format("up to the {} tokens of --max_seq_len both answers are the same",
                              max_tokens);
    return problem;
}

}  // namespace hone
