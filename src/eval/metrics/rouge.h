// ROUGE (Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"), as Google's
// rouge-score computes it: ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum. Equal to
// rouge_scorer.RougeScorer.score_multi.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

// Shares of 1.
struct RougeScore {
    double precision = 0, recall = 0, f1 = 0;
};

struct Rouge {
    RougeScore rouge1, rouge2;  // words and pairs of words that both have
    RougeScore rouge_l;         // the longest common subsequence of words
    // The same by lines, each line of the reference against all of the prediction.
    RougeScore rouge_lsum;
};

// Words of a to z and 0 to 9 in lower case; everything else parts them. With `stem` those of more
// than three letters as PorterStem leaves them.
std::vector<std::string> TokenizeRouge(std::string_view text, bool stem);

// Of several references each score is that of the reference with the highest F1.
Rouge ScoreRouge(std::string_view prediction, const std::vector<std::string>& references,
                 bool stem = false);

// The mean of each number over the rows; at least one.
Rouge MeanRouge(const std::vector<Rouge>& rows);

}  // namespace hone
