// One record of CSV or TSV with the quoting of RFC 4180: a field may stand in double quotes, then
// it may hold separators, line ends and doubled quotes. A quote inside a field that does not start
// with one is an ordinary character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/read/row_reader.h"

namespace hone {

// Follows the quoting, byte by byte.
class QuoteState {
  public:
    explicit QuoteState(char separator) : separator_(separator) {}

    enum class Event {
        kContent,    // a byte of the field
        kSyntax,     // an opening or closing quote
        kFieldEnd,   // the separator
        kRecordEnd,  // the line feed
        kStray       // something after a closing quote
    };

    Event Take(char c);
    bool quoted() const { return where_ == Where::kQuoted; }
    bool plain() const { return where_ == Where::kPlain; }

  private:
    enum class Where { kStart, kPlain, kQuoted, kAfterQuote };
    char separator_;
    Where where_ = Where::kStart;
};

// The fields of one record without its line end; false with the problem filled in.
bool SplitRecord(const RawRow& raw, char separator, std::vector<std::string>* fields,
                 ParseProblem* problem);

// What separates the columns of a file that begins so: `usual` where that gives two columns or more
// and as many in each record, else the one of comma, semicolon, tab and bar that does, else
// `usual`.
char GuessSeparator(std::string_view start, char usual);

}  // namespace hone
