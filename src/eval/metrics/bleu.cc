#include "eval/metrics/bleu.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "eval/metrics/ngrams.h"
#include "eval/metrics/words.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Words = std::vector<std::string>;

bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool IsStop(char32_t c) { return c == U'.' || c == U','; }

// ASCII's punctuation but the apostrophe, the comma, the dash and the full stop.
bool SplitsWords(char32_t c) {
    return c == U' ' || (c > U' ' && c < U'\'') || (c >= U'(' && c <= U'+') || c == U'/' ||
           (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') || (c >= U'{' && c <= U'~');
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

// Where `first` and `second` match two characters that follow each other, both are written with the
// spaces of `pattern` ("1 2 "). What matched is not looked at again.
template <typename First, typename Second>
std::u32string SpacePairs(std::u32string_view text, First first, Second second,
                          std::u32string_view pattern) {
    std::u32string spaced;
    for (size_t i = 0; i < text.size(); ++i) {
        if (i + 1 == text.size() || !first(text[i]) || !second(text[i + 1])) {
            spaced.push_back(text[i]);
            continue;
        }
        for (const char32_t sign : pattern)
            spaced.push_back(sign == U'1' ? text[i] : sign == U'2' ? text[i + 1] : sign);
        ++i;
    }
    return spaced;
}

}  // namespace

std::vector<std::string> Tokenize13a(std::string_view text) {
    std::string line(text);
    ReplaceAll(line, "<skipped>", "");
    ReplaceAll(line, "-\n", "");
    ReplaceAll(line, "\n", " ");
    ReplaceAll(line, "&quot;", "\"");
    ReplaceAll(line, "&amp;", "&");
    ReplaceAll(line, "&lt;", "<");
    ReplaceAll(line, "&gt;", ">");
    std::u32string spaced;
    for (const char32_t c : Characters(" " + line + " ")) {
        if (SplitsWords(c)) {
            spaced += {U' ', c, U' '};
        } else {
            spaced.push_back(c);
        }
    }
    const auto no_digit = [](char32_t c) { return !IsDigit(c); };
    const auto dash = [](char32_t c) { return c == U'-'; };
    spaced = SpacePairs(spaced, no_digit, IsStop, U"1 2 ");
    spaced = SpacePairs(spaced, IsStop, no_digit, U" 1 2");
    spaced = SpacePairs(spaced, IsDigit, dash, U"1 2 ");
    Words words;
    for (const std::u32string& word : SplitWords(spaced)) words.push_back(Utf8(word));
    return words;
}

BleuCounts& BleuCounts::operator+=(const BleuCounts& other) {
    for (size_t n = 0; n < kBleuOrders; ++n) {
        correct[n] += other.correct[n];
        total[n] += other.total[n];
    }
    prediction_length += other.prediction_length;
    reference_length += other.reference_length;
    return *this;
}

BleuCounts CountBleu(std::string_view prediction, const std::vector<std::string>& references,
                     const BleuOptions& options) {
    HONE_CHECK(!references.empty());
    const auto tokens = [&](std::string_view text) {
        std::u32string line = Characters(options.lowercase ? LowerCase(text) : std::string(text));
        while (!line.empty() && IsSpace(line.back())) line.pop_back();
        return Tokenize13a(Utf8(line));
    };
    const Words words = tokens(prediction);
    BleuCounts counts;
    counts.prediction_length = static_cast<int64_t>(words.size());
    std::vector<Words> tokenized;
    for (const std::string& reference : references) tokenized.push_back(tokens(reference));
    const auto distance = [&](const Words& reference) {
        const auto length = static_cast<int64_t>(reference.size());
        return std::pair(std::abs(counts.prediction_length - length), length);
    };
    counts.reference_length = distance(*std::min_element(tokenized.begin(), tokenized.end(),
                                                         [&](const Words& a, const Words& b) {
                                                             return distance(a) < distance(b);
                                                         }))
                                  .second;
    for (size_t n = 0; n < kBleuOrders; ++n) {
        NgramCounts<Words> most;  // over the references
        for (const Words& reference : tokenized)
            for (const auto& [ngram, count] : CountNgrams(reference, n + 1))
                most[ngram] = std::max(most[ngram], count);
        counts.correct[n] = CommonNgrams(CountNgrams(words, n + 1), most);
        counts.total[n] = std::max<int64_t>(0, counts.prediction_length - static_cast<int64_t>(n));
    }
    return counts;
}

Bleu ScoreBleu(const BleuCounts& counts, const BleuOptions& options) {
    Bleu bleu;
    bleu.counts = counts;
    if (counts.prediction_length < counts.reference_length) {
        bleu.brevity_penalty =
            counts.prediction_length == 0
                ? 0
                : std::exp(1 - static_cast<double>(counts.reference_length) /
                                   static_cast<double>(counts.prediction_length));
    }
    if (std::all_of(counts.correct.begin(), counts.correct.end(), [](int64_t n) { return n == 0; }))
        return bleu;
    double halves = 1;  // each order without a match halves what the one before got
    size_t orders = kBleuOrders;
    for (size_t n = 0; n < kBleuOrders && counts.total[n] > 0; ++n) {
        if (options.effective_order) orders = n + 1;
        double correct = static_cast<double>(counts.correct[n]);
        if (counts.correct[n] == 0) correct = 1 / (halves *= 2);
        bleu.precisions[n] = 100 * correct / static_cast<double>(counts.total[n]);
    }
    double logs = 0;
    for (size_t n = 0; n < orders; ++n) {
        if (bleu.precisions[n] == 0) return bleu;  // texts too short for the order
        logs += std::log(bleu.precisions[n]);
    }
    bleu.score = bleu.brevity_penalty * std::exp(logs / static_cast<double>(orders));
    return bleu;
}

Bleu CorpusBleu(const std::vector<std::string>& predictions,
                const std::vector<std::vector<std::string>>& references,
                const BleuOptions& options) {
    HONE_CHECK(predictions.size() == references.size());
    BleuCounts counts;
    for (size_t i = 0; i < predictions.size(); ++i)
        counts += CountBleu(predictions[i], references[i], options);
    return ScoreBleu(counts, options);
}

}  // namespace hone
