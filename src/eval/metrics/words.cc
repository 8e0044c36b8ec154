#include "eval/metrics/words.h"

#include "text/unicode.h"

namespace hone {

std::vector<std::u32string> SplitWords(std::u32string_view text) {
    std::vector<std::u32string> words;
    bool inside = false;
    for (const char32_t character : text) {
        const bool space = IsSpace(character);
        if (!space && !inside) words.emplace_back();
        if (!space) words.back().push_back(character);
        inside = !space;
    }
    return words;
}

std::vector<std::string> SplitWords(std::string_view text) {
    std::vector<std::string> words;
    for (const std::u32string& word : SplitWords(Characters(text))) words.push_back(Utf8(word));
    return words;
}

std::string StripSpace(std::string_view text) {
    const std::u32string characters = Characters(text);
    size_t begin = 0, end = characters.size();
    while (begin < end && IsSpace(characters[begin])) ++begin;
    while (end > begin && IsSpace(characters[end - 1])) --end;
    return Utf8(std::u32string_view(characters).substr(begin, end - begin));
}

}  // namespace hone
