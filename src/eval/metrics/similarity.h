// How alike two texts are, as shares of 1.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hone {

// The length of the longest common subsequence, 64 columns at a time (Hyyrö, 2004, "Bit-parallel
// LCS-length computation revisited").
size_t LongestCommonSubsequence(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b);

// 2 * LCS / (characters of both). Equal to rapidfuzz.fuzz.ratio / 100; 1 for two empty texts.
double FuzzyRatio(std::string_view a, std::string_view b);

// BLEU of one pair, as a share of 1, of as many orders as the prediction has. Equal to
// sacrebleu.sentence_bleu / 100.
double SentenceBleu(std::string_view prediction, std::string_view reference);

// GLEU (Wu et al., 2016, "Google's Neural Machine Translation System"): the runs of 1 to 4 words
// that both have, over those of the longer text. Words are those of Tokenize13a. Equal to
// nltk.translate.gleu_score.sentence_gleu.
double Gleu(std::string_view prediction, std::string_view reference);

// METEOR (Banerjee and Lavie, 2005) with the parameters of NLTK (alpha 0.9, beta 3, gamma 0.5):
// words that are equal in lower case, then those with the same stem (PorterStem). Synonyms, for
// which NLTK asks WordNet, do not count. Words are those of Tokenize13a. Equal to
// nltk.translate.meteor_score.single_meteor_score with a WordNet that knows nothing.
double Meteor(std::string_view prediction, std::string_view reference);

// F1 of the runs of n words that both have, as ScoreRouge counts them.
double RougeN(std::string_view prediction, std::string_view reference, size_t n);
// F1 of the longest common subsequence of words.
double RougeL(std::string_view prediction, std::string_view reference);

}  // namespace hone
