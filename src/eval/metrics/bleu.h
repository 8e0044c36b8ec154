// BLEU (Papineni et al., 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"),
// as sacrebleu computes it (Post, 2018): tokenizer 13a, orders 1 to 4, exponential smoothing. Equal
// to sacrebleu.corpus_bleu and sacrebleu.sentence_bleu.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

inline constexpr size_t kBleuOrders = 4;

struct BleuOptions {
    bool lowercase = false;
    // Leaves out the orders that a short text has no n-grams of; for single sentences.
    bool effective_order = false;
};

// Sums over sentences.
struct BleuCounts {
    std::array<int64_t, kBleuOrders> correct{}, total{};  // n-grams of the predictions, by order
    int64_t prediction_length = 0, reference_length = 0;  // tokens
    BleuCounts& operator+=(const BleuCounts& other);
};

struct Bleu {
    double score = 0;                              // 0 to 100
    std::array<double, kBleuOrders> precisions{};  // in percent, smoothed
    double brevity_penalty = 1;
    BleuCounts counts;
};

// The tokens of mteval-v13a.pl, which WMT used: punctuation parted from words, entities of XML
// read, "<skipped>" left out.
std::vector<std::string> Tokenize13a(std::string_view text);

// A reference length is that of the reference nearest in length, the shorter of two.
BleuCounts CountBleu(std::string_view prediction, const std::vector<std::string>& references,
                     const BleuOptions& options = {});
Bleu ScoreBleu(const BleuCounts& counts, const BleuOptions& options = {});

// Of a whole corpus: references[i] are those of predictions[i], at least one.
Bleu CorpusBleu(const std::vector<std::string>& predictions,
                const std::vector<std::vector<std::string>>& references,
                const BleuOptions& options = {});

}  // namespace hone
