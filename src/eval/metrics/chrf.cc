#include "eval/metrics/chrf.h"

#include "base/status.h"
#include "eval/metrics/ngrams.h"
#include "eval/metrics/words.h"
#include "text/unicode.h"

namespace hone {
namespace {

using WideWords = std::vector<std::u32string>;

constexpr double kBeta = 2;

// A text as its characters without spaces, and its words with the punctuation at their ends parted.
struct Pieces {
    explicit Pieces(std::string_view text, const ChrfOptions& options) {
        for (const std::u32string& word :
             SplitWords(Characters(options.lowercase ? LowerCase(text) : std::string(text)))) {
            characters += word;
            size_t cut = 0;  // the first character alone, or the last, or none
            if (word.size() > 1 && IsAsciiPunctuation(word.back())) {
                cut = word.size() - 1;
            } else if (word.size() > 1 && IsAsciiPunctuation(word.front())) {
                cut = 1;
            }
            if (cut > 0) words.push_back(word.substr(0, cut));
            words.push_back(word.substr(cut));
        }
    }
    std::u32string characters;
    WideWords words;
};

template <typename Tokens>
ChrfCounts::Order CountOrder(const Tokens& prediction, const Tokens& reference, size_t n) {
    const auto number = [n](const Tokens& tokens) -> int64_t {
        return tokens.size() < n ? 0 : static_cast<int64_t>(tokens.size() - n + 1);
    };
    ChrfCounts::Order order;
    order.reference = number(reference);
    // A prediction is not blamed for an order that the reference is too short for.
    order.prediction = order.reference > 0 ? number(prediction) : 0;
    order.common = CommonNgrams(CountNgrams(prediction, n), CountNgrams(reference, n));
    return order;
}

}  // namespace

ChrfCounts& ChrfCounts::operator+=(const ChrfCounts& other) {
    for (size_t i = 0; i < orders.size(); ++i) {
        orders[i].prediction += other.orders[i].prediction;
        orders[i].reference += other.orders[i].reference;
        orders[i].common += other.orders[i].common;
    }
    return *this;
}

ChrfCounts CountChrf(std::string_view prediction, const std::vector<std::string>& references,
                     const ChrfOptions& options) {
    HONE_CHECK(!references.empty() && options.word_order <= kChrfMaxWordOrders);
    const Pieces predicted(prediction, options);
    ChrfCounts best;
    double best_score = -1;
    for (const std::string& text : references) {
        const Pieces reference(text, options);
        ChrfCounts counts;
        for (size_t n = 1; n <= kChrfCharacterOrders; ++n)
            counts.orders[n - 1] = CountOrder(predicted.characters, reference.characters, n);
        for (size_t n = 1; n <= options.word_order; ++n)
            counts.orders[kChrfCharacterOrders + n - 1] =
                CountOrder(predicted.words, reference.words, n);
        const double score = ScoreChrf(counts, options);
        if (score <= best_score) continue;
        best_score = score;
        best = counts;
    }
    return best;
}

double ScoreChrf(const ChrfCounts& counts, const ChrfOptions& options) {
    double precision = 0, recall = 0;
    int orders = 0;
    for (size_t i = 0; i < kChrfCharacterOrders + options.word_order; ++i) {
        const ChrfCounts::Order& order = counts.orders[i];
        if (order.prediction == 0 || order.reference == 0) continue;
        precision += static_cast<double>(order.common) / static_cast<double>(order.prediction);
        recall += static_cast<double>(order.common) / static_cast<double>(order.reference);
        ++orders;
    }
    if (precision + recall == 0) return 0;
    precision /= orders;
    recall /= orders;
    constexpr double kFactor = kBeta * kBeta;
    return 100 * (1 + kFactor) * precision * recall / (kFactor * precision + recall);
}

double CorpusChrf(const std::vector<std::string>& predictions,
                  const std::vector<std::vector<std::string>>& references,
                  const ChrfOptions& options) {
    HONE_CHECK(predictions.size() == references.size());
    ChrfCounts counts;
    for (size_t i = 0; i < predictions.size(); ++i)
        counts += CountChrf(predictions[i], references[i], options);
    return ScoreChrf(counts, options);
}

}  // namespace hone
