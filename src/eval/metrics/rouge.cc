#include "eval/metrics/rouge.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/status.h"
#include "eval/metrics/ngrams.h"
#include "eval/metrics/porter.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Words = std::vector<std::string>;

constexpr RougeScore Rouge::*kKinds[] = {&Rouge::rouge1, &Rouge::rouge2, &Rouge::rouge_l,
                                         &Rouge::rouge_lsum};

double Share(int64_t part, size_t whole) {
    return static_cast<double>(part) / static_cast<double>(std::max<size_t>(1, whole));
}

RougeScore Score(int64_t common, size_t predicted, size_t expected) {
    RougeScore score;
    score.precision = Share(common, predicted);
    score.recall = Share(common, expected);
    const double sum = score.precision + score.recall;
    if (sum > 0) score.f1 = 2 * score.precision * score.recall / sum;
    return score;
}

RougeScore NgramScore(const Words& prediction, const Words& reference, size_t n) {
    const auto number = [n](const Words& words) {
        return words.size() < n ? 0 : words.size() - n + 1;
    };
    return Score(CommonNgrams(CountNgrams(prediction, n), CountNgrams(reference, n)),
                 number(prediction), number(reference));
}

// lengths[i * (b.size() + 1) + j]: of the longest common subsequence of the first i words of `a`
// and the first j of `b`.
std::vector<int32_t> CommonLengths(const Words& a, const Words& b) {
    const size_t columns = b.size() + 1;
    std::vector<int32_t> lengths((a.size() + 1) * columns, 0);
    for (size_t i = 1; i <= a.size(); ++i) {
        const int32_t* above = &lengths[(i - 1) * columns];
        int32_t* row = &lengths[i * columns];
        for (size_t j = 1; j <= b.size(); ++j)
            row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
    }
    return lengths;
}

// Adds the places in `reference` of one of the longest common subsequences. Which one is that of
// rouge-score: back from the end, up unless left is longer.
void AddCommonPlaces(const Words& reference, const Words& prediction, std::set<size_t>& places) {
    const std::vector<int32_t> lengths = CommonLengths(reference, prediction);
    const size_t columns = prediction.size() + 1;
    size_t i = reference.size(), j = prediction.size();
    while (i > 0 && j > 0) {
        if (reference[i - 1] == prediction[j - 1]) {
            places.insert(--i);
            --j;
        } else if (lengths[i * columns + j - 1] > lengths[(i - 1) * columns + j]) {
            --j;
        } else {
            --i;
        }
    }
}

std::vector<Words> Lines(std::string_view text, bool stem) {
    std::vector<Words> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.push_back(TokenizeRouge(text.substr(0, end), stem));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

size_t Size(const std::vector<Words>& lines) {
    size_t size = 0;
    for (const Words& line : lines) size += line.size();
    return size;
}

// The union of each reference line's subsequences; no word counts more often than both have it.
RougeScore LinesScore(const std::vector<Words>& prediction, const std::vector<Words>& reference) {
    std::map<std::string, int64_t> predicted, expected;
    for (const Words& line : prediction)
        for (const std::string& word : line) ++predicted[word];
    for (const Words& line : reference)
        for (const std::string& word : line) ++expected[word];
    int64_t hits = 0;
    for (const Words& line : reference) {
        std::set<size_t> places;
        for (const Words& other : prediction) AddCommonPlaces(line, other, places);
        for (const size_t place : places) {
            int64_t& left = predicted[line[place]];
            int64_t& right = expected[line[place]];
            if (left == 0 || right == 0) continue;
            --left;
            --right;
            ++hits;
        }
    }
    return Score(hits, Size(prediction), Size(reference));
}

}  // namespace

std::vector<std::string> TokenizeRouge(std::string_view text, bool stem) {
    Words words;
    std::string word;
    const auto end_word = [&] {
        if (word.empty()) return;
        words.push_back(stem && word.size() > 3 ? PorterStem(word) : word);
        word.clear();
    };
    for (const char c : LowerCase(text)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            word.push_back(c);
        } else {
            end_word();
        }
    }
    end_word();
    return words;
}

Rouge ScoreRouge(std::string_view prediction, const std::vector<std::string>& references,
                 bool stem) {
    HONE_CHECK(!references.empty());
    const Words predicted = TokenizeRouge(prediction, stem);
    const std::vector<Words> predicted_lines = Lines(prediction, stem);
    Rouge best;
    for (size_t i = 0; i < references.size(); ++i) {
        const Words reference = TokenizeRouge(references[i], stem);
        Rouge rouge;
        rouge.rouge1 = NgramScore(predicted, reference, 1);
        rouge.rouge2 = NgramScore(predicted, reference, 2);
        rouge.rouge_l =
            Score(CommonLengths(reference, predicted).back(), predicted.size(), reference.size());
        rouge.rouge_lsum = LinesScore(predicted_lines, Lines(references[i], stem));
        for (const auto kind : kKinds)
            if (i == 0 || (rouge.*kind).f1 > (best.*kind).f1) best.*kind = rouge.*kind;
    }
    return best;
}

Rouge MeanRouge(const std::vector<Rouge>& rows) {
    HONE_CHECK(!rows.empty());
    Rouge mean;
    for (const auto kind : kKinds) {
        for (const auto number : {&RougeScore::precision, &RougeScore::recall, &RougeScore::f1}) {
            for (const Rouge& row : rows) mean.*kind.*number += row.*kind.*number;
            mean.*kind.*number /= static_cast<double>(rows.size());
        }
    }
    return mean;
}

}  // namespace hone
