#include "eval/metrics/squad.h"

#include <algorithm>

#include "eval/metrics/ngrams.h"
#include "eval/metrics/words.h"
#include "text/unicode.h"

namespace hone {
namespace {

// Each of the words a, an, the as a space. Words are what \b of a regular expression parts: the
// "the" of "the-end" is one.
std::u32string WithoutArticles(std::u32string_view text) {
    std::u32string kept;
    for (size_t at = 0; at < text.size();) {
        size_t end = at;
        while (end < text.size() && IsWordCharacter(text[end])) ++end;
        if (end == at) {
            kept.push_back(text[at++]);
            continue;
        }
        const std::u32string_view word = text.substr(at, end - at);
        const bool article = word == U"a" || word == U"an" || word == U"the";
        kept += article ? std::u32string_view(U" ") : word;
        at = end;
    }
    return kept;
}

}  // namespace

std::string NormalizeAnswer(std::string_view text) {
    std::u32string characters = Characters(LowerCase(text));
    std::erase_if(characters, IsAsciiPunctuation);
    std::string normalized;
    for (const std::u32string& word : SplitWords(WithoutArticles(characters)))
        normalized += (normalized.empty() ? "" : " ") + Utf8(word);
    return normalized;
}

double ExactMatch(std::string_view prediction, const std::vector<std::string>& references) {
    const std::string normalized = NormalizeAnswer(prediction);
    return std::any_of(references.begin(), references.end(),
                       [&](const std::string& reference) {
                           return NormalizeAnswer(reference) == normalized;
                       })
               ? 1
               : 0;
}

double TokenF1(std::string_view prediction, const std::vector<std::string>& references) {
    const std::vector<std::string> predicted = SplitWords(NormalizeAnswer(prediction));
    double best = 0;
    for (const std::string& reference : references) {
        const std::vector<std::string> expected = SplitWords(NormalizeAnswer(reference));
        const auto common =
            static_cast<double>(CommonNgrams(CountNgrams(predicted, 1), CountNgrams(expected, 1)));
        if (common == 0) continue;
        const double precision = common / static_cast<double>(predicted.size());
        const double recall = common / static_cast<double>(expected.size());
        best = std::max(best, 2 * precision * recall / (precision + recall));
    }
    return best;
}

}  // namespace hone
