#include "text/unicode.h"

#include <algorithm>
#include <iterator>

#include "text/rust_abi.h"

namespace hone {
namespace {

constexpr char32_t kReplacementCharacter = 0xfffd;

// The bytes of the sequence that this byte begins; 0: it begins none.
size_t SequenceLength(unsigned char first) {
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xf0 && first < 0xf5) return 4;
    return 0;
}

bool IsCharacter(char32_t value) { return value <= 0x10ffff && (value < 0xd800 || value > 0xdfff); }

// Reads one character at `at` and moves behind it.
char32_t ReadCharacter(std::string_view text, size_t& at) {
    constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const size_t length = SequenceLength(byte(at)), begin = at++;
    if (length == 1) return byte(begin);
    if (length == 0 || begin + length > text.size()) return kReplacementCharacter;
    char32_t value = byte(begin) & (0x7f >> length);
    for (size_t i = begin + 1; i < begin + length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return kReplacementCharacter;
        value = value << 6 | (byte(i) & 0x3f);
    }
    if (value < kLowest[length] || !IsCharacter(value)) return kReplacementCharacter;
    at = begin + length;
    return value;
}

}  // namespace

std::string LowerCase(std::string_view text) {
    return rust::Take(hone_unicode_lowercase(rust::Data(text), text.size()));
}

bool IsWordCharacter(char32_t character) { return hone_unicode_is_word(character); }

bool IsAsciiPunctuation(char32_t c) {
    return (c > U' ' && c < U'0') || (c > U'9' && c < U'A') || (c > U'Z' && c < U'a') ||
           (c > U'z' && c < 0x7f);
}

bool IsSpace(char32_t character) {
    if (character < 0x80)
        return character == ' ' || (character >= 0x09 && character <= 0x0d) ||
               (character >= 0x1c && character <= 0x1f);
    constexpr char32_t kOthers[] = {0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
    return (character >= 0x2000 && character <= 0x200a) ||
           std::find(std::begin(kOthers), std::end(kOthers), character) != std::end(kOthers);
}

size_t CountCharacters(std::string_view text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::u32string Characters(std::string_view text) {
    std::u32string characters;
    characters.reserve(text.size());
    for (size_t at = 0; at < text.size();) characters.push_back(ReadCharacter(text, at));
    return characters;
}

std::string Utf8(std::u32string_view characters) {
    std::string text;
    text.reserve(characters.size());
    const auto add = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
    for (char32_t value : characters) {
        if (!IsCharacter(value)) value = kReplacementCharacter;
        if (value < 0x80) {
            add(value);
            continue;
        }
        if (value < 0x800) {
            add(0xc0 | value >> 6);
        } else if (value < 0x10000) {
            add(0xe0 | value >> 12);
            add(0x80 | (value >> 6 & 0x3f));
        } else {
            add(0xf0 | value >> 18);
            add(0x80 | (value >> 12 & 0x3f));
            add(0x80 | (value >> 6 & 0x3f));
        }
        add(0x80 | (value & 0x3f));
    }
    return text;
}

}  // namespace hone
