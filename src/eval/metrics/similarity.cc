#include "eval/metrics/similarity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>

#include "eval/metrics/bleu.h"
#include "eval/metrics/ngrams.h"
#include "eval/metrics/porter.h"
#include "eval/metrics/rouge.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Words = std::vector<std::string>;

// 2 * common / (a + b): F1 of what both have.
double F1(size_t common, size_t a, size_t b) {
    return common == 0 ? 0 : 2 * static_cast<double>(common) / static_cast<double>(a + b);
}

size_t NumNgrams(const Words& words, size_t n) {
    return words.size() < n ? 0 : words.size() - n + 1;
}

std::vector<uint32_t> CharacterCodes(std::string_view text) {
    const std::u32string characters = Characters(text);
    return {characters.begin(), characters.end()};
}

// Of NLTK's stemmer, which takes other words than PorterStem does: those pass unchanged.
std::string Stem(const std::string& word) {
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
    return plain ? PorterStem(word) : word;
}

// Pairs each word of the prediction with one of the reference: the last with the last.
class MeteorMatcher {
  public:
    MeteorMatcher(Words prediction, Words reference)
        : prediction_(std::move(prediction)), reference_(std::move(reference)) {}

    void Match() {
        std::unordered_map<std::string, std::vector<size_t>> places;
        for (size_t j = 0; j < reference_.size(); ++j)
            if (!used_.contains(j)) places[reference_[j]].push_back(j);
        for (size_t i = prediction_.size(); i-- > 0;) {
            if (matches_.contains(i)) continue;
            const auto found = places.find(prediction_[i]);
            if (found == places.end() || found->second.empty()) continue;
            matches_[i] = found->second.back();
            used_[found->second.back()] = true;
            found->second.pop_back();
        }
    }
    void StemAll() {
        for (std::string& word : prediction_) word = Stem(word);
        for (std::string& word : reference_) word = Stem(word);
    }
    double Score() const {
        constexpr double kAlpha = 0.9, kBeta = 3, kGamma = 0.5;
        if (matches_.empty()) return 0;
        const auto count = static_cast<double>(matches_.size());
        const double precision = count / static_cast<double>(prediction_.size()),
                     recall = count / static_cast<double>(reference_.size());
        const double mean = precision * recall / (kAlpha * precision + (1 - kAlpha) * recall);
        double chunks = 1;
        for (auto next = std::next(matches_.begin()); next != matches_.end(); ++next) {
            const auto last = std::prev(next);
            if (next->first != last->first + 1 || next->second != last->second + 1) ++chunks;
        }
        return (1 - kGamma * std::pow(chunks / count, kBeta)) * mean;
    }

  private:
    Words prediction_, reference_;
    std::map<size_t, size_t> matches_;  // from the prediction's words to the reference's
    std::unordered_map<size_t, bool> used_;
};

}  // namespace

size_t LongestCommonSubsequence(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
    const size_t blocks = (a.size() + 63) / 64;
    std::unordered_map<uint32_t, std::vector<uint64_t>> places;  // of each symbol in a
    for (size_t i = 0; i < a.size(); ++i) {
        std::vector<uint64_t>& bits = places[a[i]];
        bits.resize(blocks);
        bits[i / 64] |= uint64_t{1} << (i % 64);
    }
    // Zeros are the places of a where the length grows.
    std::vector<uint64_t> row(blocks, ~uint64_t{0});
    for (const uint32_t symbol : b) {
        const auto found = places.find(symbol);
        if (found == places.end()) continue;
        uint64_t carry = 0;
        for (size_t block = 0; block < blocks; ++block) {
            const uint64_t value = row[block], matched = value & found->second[block];
            uint64_t sum = value + matched;
            uint64_t next = sum < value;
            sum += carry;
            next |= sum < carry;
            row[block] = sum | (value - matched);
            carry = next;
        }
    }
    size_t length = 0;
    for (size_t i = 0; i < a.size(); ++i) length += ((row[i / 64] >> (i % 64)) & 1) == 0;
    return length;
}

double FuzzyRatio(std::string_view a, std::string_view b) {
    const std::vector<uint32_t> left = CharacterCodes(a), right = CharacterCodes(b);
    if (left.empty() && right.empty()) return 1;
    return F1(LongestCommonSubsequence(left, right), left.size(), right.size());
}

double SentenceBleu(std::string_view prediction, std::string_view reference) {
    const BleuOptions options{.effective_order = true};
    return ScoreBleu(CountBleu(prediction, {std::string(reference)}, options), options).score / 100;
}

double Gleu(std::string_view prediction, std::string_view reference) {
    const Words predicted = Tokenize13a(prediction), expected = Tokenize13a(reference);
    int64_t common = 0;
    size_t predicted_runs = 0, expected_runs = 0;
    for (size_t n = 1; n <= 4; ++n) {
        common += CommonNgrams(CountNgrams(predicted, n), CountNgrams(expected, n));
        predicted_runs += NumNgrams(predicted, n);
        expected_runs += NumNgrams(expected, n);
    }
    const size_t all = std::max(predicted_runs, expected_runs);
    return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

double Meteor(std::string_view prediction, std::string_view reference) {
    MeteorMatcher matcher(Tokenize13a(LowerCase(prediction)), Tokenize13a(LowerCase(reference)));
    matcher.Match();
    matcher.StemAll();
    matcher.Match();
    return matcher.Score();
}

double RougeN(std::string_view prediction, std::string_view reference, size_t n) {
    const Words predicted = TokenizeRouge(prediction, false),
                expected = TokenizeRouge(reference, false);
    const int64_t common = CommonNgrams(CountNgrams(predicted, n), CountNgrams(expected, n));
    return F1(static_cast<size_t>(common), NumNgrams(predicted, n), NumNgrams(expected, n));
}

double RougeL(std::string_view prediction, std::string_view reference) {
    std::unordered_map<std::string, uint32_t> numbers;
    const auto codes = [&](std::string_view text) {
        std::vector<uint32_t> all;
        for (const std::string& word : TokenizeRouge(text, false))
            all.push_back(
                numbers.emplace(word, static_cast<uint32_t>(numbers.size())).first->second);
        return all;
    };
    const std::vector<uint32_t> predicted = codes(prediction), expected = codes(reference);
    return F1(LongestCommonSubsequence(predicted, expected), predicted.size(), expected.size());
}

}  // namespace hone
