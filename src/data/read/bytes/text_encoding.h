// From the bytes of a text file to UTF-8: byte order marks, UTF-16, Windows-1252 and lines that end
// in CR alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

enum class TextEncoding { kUtf8, kUtf16LittleEndian, kUtf16BigEndian, kWindows1252 };

// What a file may be besides UTF-8 with LF or CRLF.
struct TextForm {
    bool windows_1252 = false;  // tables and plain texts; JSON is UTF-8 by its own standard
    bool quotes = false;        // line ends between double quotes are content, not ends of a line
};

// Decodes a file piece by piece. A byte order mark tells UTF-16. Windows-1252 is assumed if the
// first piece with bytes beyond ASCII is plainly that (PlainlyWindows1252). CR ends the lines of a
// file whose beginning has CR and no LF.
class TextDecoder {
  public:
    explicit TextDecoder(TextForm form) : form_(form) {}

    // The piece as UTF-8 with LF, valid until the next call or as long as `piece` is. What is not
    // valid stays invalid, for the row to be refused.
    std::string_view Decode(std::string_view piece);
    // Whether the bytes so far end in the middle of a character of UTF-16.
    bool half_character() const { return carry_size_ > 0; }

    TextEncoding encoding() const { return encoding_; }
    bool lines_end_in_cr() const { return cr_; }
    // Windows-1252: the first word with a character beyond ASCII, as UTF-8.
    const std::string& example() const { return example_; }

  private:
    void Begin(std::string_view* piece);
    void DecodeUtf16(std::string_view piece);
    void DecodeWindows1252(std::string_view piece);

    TextForm form_;
    TextEncoding encoding_ = TextEncoding::kUtf8;
    bool begun_ = false;
    bool decided_ = false;  // bytes beyond ASCII have shown what they are
    bool lines_known_ = false;
    bool cr_ = false;
    bool after_cr_ = false;    // the last byte was a CR that became LF
    uint32_t high_half_ = 0;   // of a surrogate pair whose second half is to come
    char carry_[2] = {};       // bytes of a unit of UTF-16 that is not whole
    size_t carry_size_ = 0;
    std::string buffer_;
    std::string example_;
};

// Text of a Western European language in Windows-1252, as far as a program can tell: no sequence
// that is valid UTF-8, no byte that the code page leaves out, no letters that are rare in it but
// frequent in its neighbours (Turkish, Polish), no long runs of letters beyond ASCII (Cyrillic,
// Greek, East Asian).
bool PlainlyWindows1252(std::string_view text);

// Where the first byte is that is not UTF-8 (RFC 3629), or npos.
size_t FindInvalidUtf8(std::string_view text);

// The reason for a row with a byte that is not UTF-8: what the byte is, what it looks like, and the
// cure.
std::string InvalidUtf8Reason(std::string_view text, size_t at);

}  // namespace hone
