#include "data/read/bytes/text_encoding.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace hone {
namespace {

// Windows-1252, 0x80 to 0x9F (https://encoding.spec.whatwg.org/index-windows-1252.txt); 0: not
// assigned. From 0xA0 on it is Latin-1, that is Unicode.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

uint32_t FromWindows1252(unsigned char byte) {
    return byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte;
}

void AppendUtf8(uint32_t code, std::string* out) {
    auto put = [out](uint32_t byte) { *out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

bool IsAsciiLetter(unsigned char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// Bytes of the UTF-8 sequence that begins here; 1 where none does.
size_t SequenceSize(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const size_t size = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1;
    return size <= text.size() && simdjson::validate_utf8(text.data(), size) ? size : 1;
}

bool HasBytesBeyondAscii(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// Whether this is the beginning of a UTF-8 sequence, whose end the next piece may bring.
bool IsCutCharacter(std::string_view tail) {
    std::string whole(tail);
    while (whole.size() < 4) {
        whole += '\xA0';  // continues every sequence
        if (SequenceSize(whole) == whole.size()) return true;
    }
    return false;
}

// The word around a byte, as Windows-1252 would have it.
std::string WordAt(std::string_view text, size_t at) {
    constexpr size_t kLongest = 20;  // to each side
    auto in_word = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return IsAsciiLetter(byte) || byte >= 0x80;
    };
    size_t begin = at, end = at + 1;
    while (begin > 0 && at - begin < kLongest && in_word(text[begin - 1])) --begin;
    while (end < text.size() && end - at < kLongest && in_word(text[end])) ++end;
    std::string word;
    for (char c : text.substr(begin, end - begin))
        AppendUtf8(FromWindows1252(static_cast<unsigned char>(c)), &word);
    return word;
}

// Whether CR alone ends the lines of a file that begins like this.
bool EndsLinesInCr(std::string_view start, bool quotes) {
    bool quoted = false, any = false;
    for (char c : start) {
        if (quotes && c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == '\n') return false;
        any |= c == '\r';
    }
    return any;
}

}  // namespace

bool PlainlyWindows1252(std::string_view text) {
    constexpr size_t kLongestRun = 3;
    size_t letters = 0, high_letters = 0, run = 0;
    auto is_letter = [](unsigned char c) { return IsAsciiLetter(c) || c >= 0xC0; };
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        run = c >= 0xC0 ? run + 1 : 0;
        if (run > kLongestRun) return false;
        letters += IsAsciiLetter(c) ? 1 : 0;
        if (c < 0x80) continue;
        high_letters += c >= 0xC0 ? 1 : 0;
        if (FromWindows1252(c) == 0 || SequenceSize(text.substr(i)) > 1) return false;
        // ð ý þ ÿ and their capitals: in the Turkish page they are everyday letters.
        for (unsigned char rare : {0xD0, 0xDD, 0xDE, 0xF0, 0xFD, 0xFE, 0xFF})
            if (c == rare) return false;
        // A capital inside a word of small letters is half a character of UTF-8.
        const auto before = static_cast<unsigned char>(i > 0 ? text[i - 1] : ' ');
        if (c >= 0xC0 && c <= 0xDE && before >= 'a' && before <= 'z') return false;
        // A sign inside a word is a letter of another page: the Polish "g\xB3owa".
        const bool sign = c >= 0xA1 && c <= 0xBF && c != 0xAA && c != 0xBA && c != 0xB7;
        if (sign && i > 0 && i + 1 < text.size() &&
            is_letter(static_cast<unsigned char>(text[i - 1])) &&
            is_letter(static_cast<unsigned char>(text[i + 1])))
            return false;
    }
    return high_letters <= letters;
}

size_t FindInvalidUtf8(std::string_view text) {
    if (simdjson::validate_utf8(text.data(), text.size())) return std::string_view::npos;
    // The longest valid prefix: cut points inside a character are invalid too, so step by
    // characters.
    for (size_t at = 0; at < text.size();) {
        const size_t size = SequenceSize(text.substr(at));
        if (size == 1 && static_cast<unsigned char>(text[at]) >= 0x80) return at;
        at += size;
    }
    return std::string_view::npos;
}

std::string InvalidUtf8Reason(std::string_view text, size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::string what = fmt::format("this byte is not UTF-8 (0x{:02X})", byte);
    if (!PlainlyWindows1252(text)) return what + ": save the file as UTF-8";
    return what + fmt::format(
                      "; as Windows-1252 it would be \"{}\": save the file as UTF-8 (iconv -f "
                      "WINDOWS-1252 -t UTF-8)",
                      WordAt(text, at));
}

void TextDecoder::Begin(std::string_view* piece) {
    begun_ = true;
    if (piece->starts_with("\xEF\xBB\xBF")) {
        piece->remove_prefix(3);
        decided_ = true;
    } else if (piece->starts_with("\xFF\xFE") || piece->starts_with("\xFE\xFF")) {
        encoding_ = piece->front() == '\xFF' ? TextEncoding::kUtf16LittleEndian
                                             : TextEncoding::kUtf16BigEndian;
        piece->remove_prefix(2);
        decided_ = true;
    }
}

std::string_view TextDecoder::Decode(std::string_view piece) {
    if (!begun_) Begin(&piece);
    if (!decided_ && form_.windows_1252 && HasBytesBeyondAscii(piece)) {
        decided_ = true;
        const size_t at = FindInvalidUtf8(piece);
        if (at != std::string_view::npos && !IsCutCharacter(piece.substr(at)) &&
            PlainlyWindows1252(piece)) {
            encoding_ = TextEncoding::kWindows1252;
            example_ = WordAt(piece, at);
        }
    }
    std::string_view text = piece;
    if (encoding_ != TextEncoding::kUtf8) {
        buffer_.clear();
        if (encoding_ == TextEncoding::kWindows1252) {
            DecodeWindows1252(piece);
        } else {
            DecodeUtf16(piece);
        }
        text = buffer_;
    }
    if (!lines_known_ && !text.empty()) {
        lines_known_ = true;
        cr_ = EndsLinesInCr(text, form_.quotes);
    }
    if (!cr_) return text;
    std::string lines;
    lines.reserve(text.size());
    for (char c : text) {
        if (c != '\n' || !after_cr_) lines += c == '\r' ? '\n' : c;
        after_cr_ = c == '\r';
    }
    buffer_ = std::move(lines);
    return buffer_;
}

void TextDecoder::DecodeWindows1252(std::string_view piece) {
    for (char c : piece) {
        const auto byte = static_cast<unsigned char>(c);
        const uint32_t code = FromWindows1252(byte);
        if (code == 0) {
            buffer_ += c;  // not assigned: stays invalid
        } else {
            AppendUtf8(code, &buffer_);
        }
    }
}

void TextDecoder::DecodeUtf16(std::string_view piece) {
    const bool little = encoding_ == TextEncoding::kUtf16LittleEndian;
    for (char c : piece) {
        carry_[carry_size_++] = c;
        if (carry_size_ < 2) continue;
        carry_size_ = 0;
        const auto first = static_cast<unsigned char>(carry_[0]);
        const auto second = static_cast<unsigned char>(carry_[1]);
        const uint32_t unit = little ? first | second << 8 : first << 8 | second;
        const bool low = unit >= 0xDC00 && unit < 0xE000;
        if (high_half_ != 0) {
            if (low) {
                AppendUtf8(0x10000 + ((high_half_ - 0xD800) << 10) + (unit - 0xDC00), &buffer_);
                high_half_ = 0;
                continue;
            }
            AppendUtf8(high_half_, &buffer_);  // half a pair: no valid UTF-8 either
            high_half_ = 0;
        }
        if (unit >= 0xD800 && unit < 0xDC00) {
            high_half_ = unit;
        } else {
            AppendUtf8(unit, &buffer_);
        }
    }
}

}  // namespace hone
