// Exact match and the F1 of words, as the SQuAD data set's own script scores answers (Rajpurkar et
// al., 2016). Equal to its compute_exact and compute_f1 of version 1.1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

// In lower case, without ASCII's punctuation, without the words "a", "an" and "the", and with
// single spaces.
std::string NormalizeAnswer(std::string_view text);

// 1 where the prediction is one of the references after NormalizeAnswer, else 0.
double ExactMatch(std::string_view prediction, const std::vector<std::string>& references);

// 2 P R / (P + R) over the words of the normalized texts, each as often as it occurs in both; of
// several references the highest. 0 where nothing is common, also of two empty texts.
double TokenF1(std::string_view prediction, const std::vector<std::string>& references);

}  // namespace hone
