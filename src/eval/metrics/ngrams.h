// Runs of n tokens and how often they occur, which BLEU, chrF and ROUGE count.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hone {

// From a run of n tokens to its number.
template <typename Tokens>
using NgramCounts = std::map<Tokens, int64_t>;

// Of a vector or a string: its runs of n items. None where it has fewer.
template <typename Tokens>
NgramCounts<Tokens> CountNgrams(const Tokens& tokens, size_t n) {
    NgramCounts<Tokens> counts;
    for (size_t i = 0; i + n <= tokens.size(); ++i)
        ++counts[Tokens(tokens.begin() + static_cast<int64_t>(i),
                        tokens.begin() + static_cast<int64_t>(i + n))];
    return counts;
}

// How many runs both have: each as often as in the one that has it less often.
template <typename Tokens>
int64_t CommonNgrams(const NgramCounts<Tokens>& a, const NgramCounts<Tokens>& b) {
    int64_t common = 0;
    for (const auto& [ngram, count] : a)
        if (const auto found = b.find(ngram); found != b.end())
            common += std::min(count, found->second);
    return common;
}

}  // namespace hone
