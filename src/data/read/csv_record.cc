#include "data/read/csv_record.h"

#include <algorithm>

namespace hone {
namespace {

// Columns of the header and of the records below it that are whole, at most kRecords; empty where
// the header itself is not whole.
std::vector<size_t> CountColumns(std::string_view start, char separator) {
    constexpr size_t kRecords = 100;
    // Files come in pieces: so much may be one, whose end cuts a record off.
    constexpr size_t kSmallestPiece = size_t{1} << 15;
    std::vector<size_t> columns;
    QuoteState state(separator);
    size_t fields = 1, bytes = 0;
    for (char c : start) {
        if (columns.size() == kRecords) break;
        const auto event = state.Take(c);
        fields += event == QuoteState::Event::kFieldEnd ? 1 : 0;
        if (event != QuoteState::Event::kRecordEnd) {
            bytes += c == '\r' ? 0 : 1;
            continue;
        }
        if (bytes > 0) columns.push_back(fields);  // a blank line is no record
        fields = 1;
        bytes = 0;
    }
    // The last line of a file need not end.
    if (bytes > 0 && columns.size() < kRecords && !state.quoted() && start.size() < kSmallestPiece)
        columns.push_back(fields);
    return columns;
}

// The number of columns that all records have; 1 where they differ.
size_t SteadyColumns(std::string_view start, char separator) {
    const std::vector<size_t> columns = CountColumns(start, separator);
    const bool steady = std::all_of(columns.begin(), columns.end(),
                                    [&](size_t count) { return count == columns.front(); });
    return columns.empty() || !steady ? 1 : columns.front();
}

}  // namespace

QuoteState::Event QuoteState::Take(char c) {
    switch (where_) {
        case Where::kQuoted:
            if (c != '"') return Event::kContent;
            where_ = Where::kAfterQuote;
            return Event::kSyntax;
        case Where::kAfterQuote:
            if (c == '"') {
                where_ = Where::kQuoted;
                return Event::kContent;  // a doubled quote is one
            }
            if (c == '\r') return Event::kSyntax;
            [[fallthrough]];
        case Where::kStart:
        case Where::kPlain:
            if (c == '\n' || c == separator_) {
                where_ = Where::kStart;
                return c == '\n' ? Event::kRecordEnd : Event::kFieldEnd;
            }
            if (where_ == Where::kAfterQuote) {
                where_ = Where::kPlain;
                return Event::kStray;
            }
            if (where_ == Where::kStart && c == '"') {
                where_ = Where::kQuoted;
                return Event::kSyntax;
            }
            where_ = Where::kPlain;
            return Event::kContent;
    }
    return Event::kContent;
}

bool SplitRecord(const RawRow& raw, char separator, std::vector<std::string>* fields,
                 ParseProblem* problem) {
    fields->assign(1, "");
    QuoteState state(separator);
    int64_t line = raw.line, column = raw.column;
    for (char c : raw.text) {
        switch (state.Take(c)) {
            case QuoteState::Event::kContent:
                fields->back() += c;
                break;
            case QuoteState::Event::kSyntax:
                break;
            case QuoteState::Event::kFieldEnd:
                if (fields->size() == kMaxRowFields) {
                    *problem = {line, column, fmt::format("more than {} columns", kMaxRowFields)};
                    return false;
                }
                fields->emplace_back();
                break;
            case QuoteState::Event::kRecordEnd:
            case QuoteState::Event::kStray:
                *problem = {line, column,
                            "a quoted field goes on after its closing quote (a quote inside a "
                            "quoted field is written twice)"};
                return false;
        }
        ++column;
        if (c == '\n') {
            ++line;
            column = 1;
        }
    }
    if (state.plain() && fields->back().ends_with('\r')) fields->back().pop_back();
    return true;
}

char GuessSeparator(std::string_view start, char usual) {
    if (SteadyColumns(start, usual) > 1) return usual;
    char best = usual;
    size_t most = 1;
    for (char separator : {',', ';', '\t', '|'}) {
        const size_t columns = SteadyColumns(start, separator);
        if (columns <= most) continue;
        best = separator;
        most = columns;
    }
    return best;
}

}  // namespace hone
