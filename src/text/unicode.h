// Letters and words of any script, as Python's str and re see them: for what is defined in Python.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hone {

// str.lower(): Unicode's full lower case, so that a text may get longer. What is not UTF-8 becomes
// U+FFFD.
std::string LowerCase(std::string_view text);

// Whether \w of Python's re matches the character: a letter, a number or the underscore.
bool IsWordCharacter(char32_t character);

// Whether Python's string.punctuation has it: ASCII's marks.
bool IsAsciiPunctuation(char32_t character);

// str.isspace() of one character.
bool IsSpace(char32_t character);

// How many characters UTF-8, or a part of it, begins: the bytes that continue none.
size_t CountCharacters(std::string_view text);
// The characters of a text. A byte that begins no UTF-8 sequence is U+FFFD.
std::u32string Characters(std::string_view text);
// As UTF-8. A number that is no character becomes U+FFFD.
std::string Utf8(std::u32string_view characters);

}  // namespace hone
