#include "eval/metrics/porter.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

namespace hone {
namespace {

bool IsVowelLetter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

// For each letter whether it is a consonant; a y is one where none comes before it.
std::vector<bool> Consonants(std::string_view word) {
    std::vector<bool> consonants;
    for (const char c : word) {
        if (c == 'y') {
            consonants.push_back(consonants.empty() || !consonants.back());
        } else {
            consonants.push_back(!IsVowelLetter(c));
        }
    }
    return consonants;
}

// The paper's m: how often a vowel is followed by a consonant.
int Measure(std::string_view stem) {
    const std::vector<bool> consonants = Consonants(stem);
    int measure = 0;
    for (size_t i = 1; i < consonants.size(); ++i) measure += !consonants[i - 1] && consonants[i];
    return measure;
}

bool HasMeasure(std::string_view stem) { return Measure(stem) > 0; }
bool HasLongMeasure(std::string_view stem) { return Measure(stem) > 1; }

bool ContainsVowel(std::string_view stem) {
    const std::vector<bool> consonants = Consonants(stem);
    return std::find(consonants.begin(), consonants.end(), false) != consonants.end();
}

bool EndsWithConsonant(std::string_view word) { return !word.empty() && Consonants(word).back(); }

// The paper's *d.
bool EndsWithDoubleConsonant(std::string_view word) {
    return word.size() >= 2 && word.back() == word[word.size() - 2] && EndsWithConsonant(word);
}

// The paper's *o, and NLTK's for words of two letters.
bool EndsWithShortSyllable(std::string_view word) {
    const std::vector<bool> consonants = Consonants(word);
    const size_t size = word.size();
    if (size == 2) return !consonants[0] && consonants[1];
    return size >= 3 && consonants[size - 3] && !consonants[size - 2] && consonants[size - 1] &&
           word.back() != 'w' && word.back() != 'x' && word.back() != 'y';
}

struct Rule {
    std::string_view suffix, replacement;
    bool (*condition)(std::string_view stem) = nullptr;  // null: always
};

// The first rule whose suffix the word has decides, whether or not its condition holds.
std::string Apply(const std::string& word, const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
        if (!word.ends_with(rule.suffix)) continue;
        const std::string stem = word.substr(0, word.size() - rule.suffix.size());
        if (rule.condition != nullptr && !rule.condition(stem)) return word;
        return stem + std::string(rule.replacement);
    }
    return word;
}

// Plurals.
std::string Step1a(const std::string& word) {
    if (word.size() == 4 && word.ends_with("ies")) return word.substr(0, 3);  // NLTK: dies, ties
    return Apply(word, {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}});
}

// What is left of a word whose -ed or -ing went.
std::string Restore(const std::string& stem) {
    if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return stem + "e";
    if (EndsWithDoubleConsonant(stem)) {
        const char last = stem.back();
        if (last == 'l' || last == 's' || last == 'z') return stem;
        return stem.substr(0, stem.size() - 1);
    }
    if (Measure(stem) == 1 && EndsWithShortSyllable(stem)) return stem + "e";
    return stem;
}

// -ed and -ing.
std::string Step1b(const std::string& word) {
    if (word.ends_with("ied"))  // NLTK
        return word.substr(0, word.size() - (word.size() == 4 ? 1 : 2));
    if (word.ends_with("eed"))
        return HasMeasure(std::string_view(word).substr(0, word.size() - 3))
                   ? word.substr(0, word.size() - 1)
                   : word;
    for (const std::string_view suffix : {"ed", "ing"}) {
        if (!word.ends_with(suffix)) continue;
        const std::string stem = word.substr(0, word.size() - suffix.size());
        if (ContainsVowel(stem)) return Restore(stem);
    }
    return word;
}

// -y; NLTK's condition.
std::string Step1c(const std::string& word) {
    return Apply(word, {{"y", "i", [](std::string_view stem) {
                             return stem.size() > 1 && EndsWithConsonant(stem);
                         }}});
}

std::string Step2(const std::string& word) {
    // NLTK: this one first, and what it leaves once more.
    if (word.ends_with("alli") && HasMeasure(std::string_view(word).substr(0, word.size() - 4)))
        return Step2(word.substr(0, word.size() - 2));
    // NLTK: the l is a part of the stem, so that "geo" and "theo" are long enough.
    const auto before_ogi = [](std::string_view stem) {
        return HasMeasure(std::string(stem) + "l");
    };
    return Apply(word, {{"ational", "ate", HasMeasure}, {"tional", "tion", HasMeasure},
                        {"enci", "ence", HasMeasure},   {"anci", "ance", HasMeasure},
                        {"izer", "ize", HasMeasure},    {"bli", "ble", HasMeasure},
                        {"alli", "al", HasMeasure},     {"entli", "ent", HasMeasure},
                        {"eli", "e", HasMeasure},       {"ousli", "ous", HasMeasure},
                        {"ization", "ize", HasMeasure}, {"ation", "ate", HasMeasure},
                        {"ator", "ate", HasMeasure},    {"alism", "al", HasMeasure},
                        {"iveness", "ive", HasMeasure}, {"fulness", "ful", HasMeasure},
                        {"ousness", "ous", HasMeasure}, {"aliti", "al", HasMeasure},
                        {"iviti", "ive", HasMeasure},   {"biliti", "ble", HasMeasure},
                        {"fulli", "ful", HasMeasure},   {"logi", "log", before_ogi}});
}

std::string Step3(const std::string& word) {
    return Apply(word, {{"icate", "ic", HasMeasure},
                        {"ative", "", HasMeasure},
                        {"alize", "al", HasMeasure},
                        {"iciti", "ic", HasMeasure},
                        {"ical", "ic", HasMeasure},
                        {"ful", "", HasMeasure},
                        {"ness", "", HasMeasure}});
}

std::string Step4(const std::string& word) {
    const auto before_ion = [](std::string_view stem) {
        return HasLongMeasure(stem) && (stem.back() == 's' || stem.back() == 't');
    };
    return Apply(word, {{"al", "", HasLongMeasure},
                        {"ance", "", HasLongMeasure},
                        {"ence", "", HasLongMeasure},
                        {"er", "", HasLongMeasure},
                        {"ic", "", HasLongMeasure},
                        {"able", "", HasLongMeasure},
                        {"ible", "", HasLongMeasure},
                        {"ant", "", HasLongMeasure},
                        {"ement", "", HasLongMeasure},
                        {"ment", "", HasLongMeasure},
                        {"ent", "", HasLongMeasure},
                        {"ion", "", before_ion},
                        {"ou", "", HasLongMeasure},
                        {"ism", "", HasLongMeasure},
                        {"ate", "", HasLongMeasure},
                        {"iti", "", HasLongMeasure},
                        {"ous", "", HasLongMeasure},
                        {"ive", "", HasLongMeasure},
                        {"ize", "", HasLongMeasure}});
}

// A final -e, then one of two l.
std::string Step5(const std::string& word) {
    std::string stem = word;
    if (word.ends_with("e")) {
        const std::string before = word.substr(0, word.size() - 1);
        const int measure = Measure(before);
        if (measure > 1 || (measure == 1 && !EndsWithShortSyllable(before))) stem = before;
    }
    const std::string shorter = stem.substr(0, stem.size() - 1);
    return stem.ends_with("ll") && HasLongMeasure(shorter) ? shorter : stem;
}

struct Irregular {
    std::string_view word, stem;
};
constexpr Irregular kIrregular[] = {
    {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
    {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
    {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};

}  // namespace

std::string PorterStem(std::string word) {
    for (const Irregular& irregular : kIrregular)
        if (word == irregular.word) return std::string(irregular.stem);
    if (word.size() <= 2) return word;
    for (const auto step : {Step1a, Step1b, Step1c, Step2, Step3, Step4, Step5}) word = step(word);
    return word;
}

}  // namespace hone
