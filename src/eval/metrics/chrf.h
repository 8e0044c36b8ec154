// chrF (Popović, 2015, "chrF: character n-gram F-score for automatic MT evaluation"), and with
// word_order 2 chrF++, as sacrebleu computes them: characters without white space, orders 1 to 6,
// beta 2. Equal to sacrebleu.corpus_chrf and sacrebleu.sentence_chrf.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

inline constexpr size_t kChrfCharacterOrders = 6;
inline constexpr size_t kChrfMaxWordOrders = 2;

struct ChrfOptions {
    size_t word_order = 0;  // 0: chrF; 2: chrF++
    bool lowercase = false;
};

// Sums over sentences: n-grams of characters of orders 1 to 6, then those of words.
struct ChrfCounts {
    struct Order {
        int64_t prediction = 0, reference = 0, common = 0;
    };
    std::array<Order, kChrfCharacterOrders + kChrfMaxWordOrders> orders{};
    ChrfCounts& operator+=(const ChrfCounts& other);
};

// Of several references that with the highest score.
ChrfCounts CountChrf(std::string_view prediction, const std::vector<std::string>& references,
                     const ChrfOptions& options = {});
double ScoreChrf(const ChrfCounts& counts, const ChrfOptions& options = {});  // 0 to 100

// Of a whole corpus: references[i] are those of predictions[i], at least one.
double CorpusChrf(const std::vector<std::string>& predictions,
                  const std::vector<std::vector<std::string>>& references,
                  const ChrfOptions& options = {});

}  // namespace hone
