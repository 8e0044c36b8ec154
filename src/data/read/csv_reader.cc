// CSV and TSV with the quoting of RFC 4180: a field may stand in double quotes, then it may hold
// delimiters, line ends and doubled quotes. A quote inside a field that does not start with one is
// an ordinary character.
#include <algorithm>
#include <set>

#include "base/limits.h"
#include "data/read/row_readers.h"

namespace hone {
namespace {

// Follows the quoting, byte by byte.
class QuoteState {
  public:
    explicit QuoteState(char delimiter) : delimiter_(delimiter) {}

    enum class Event {
        kContent,    // a byte of the field
        kSyntax,     // an opening or closing quote
        kFieldEnd,   // the delimiter
        kRecordEnd,  // the line feed
        kStray       // something after a closing quote
    };

    Event Take(char c) {
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
                if (c == '\n' || c == delimiter_) {
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
    bool quoted() const { return where_ == Where::kQuoted; }
    bool plain() const { return where_ == Where::kPlain; }

  private:
    enum class Where { kStart, kPlain, kQuoted, kAfterQuote };
    char delimiter_;
    Where where_ = Where::kStart;
};

// The fields of one record without its line end; false with the problem filled in.
bool SplitRecord(const RawRow& raw, char delimiter, std::vector<std::string>* fields,
                 ParseProblem* problem) {
    fields->assign(1, "");
    QuoteState state(delimiter);
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

class CsvReader : public RowReader {
  public:
    CsvReader(std::unique_ptr<CharScanner> scanner, char delimiter)
        : scanner_(std::move(scanner)), delimiter_(delimiter) {}

    absl::Status ReadHeader() {
        RawRow raw;
        HONE_ASSIGN_OR_RETURN(bool any, Next(&raw));
        if (!any) return absl::OkStatus();  // no rows
        ParseProblem problem{raw.line, raw.column, raw.error};
        if (!raw.error.empty() || !CheckText(raw, &problem) ||
            !SplitRecord(raw, delimiter_, &columns_, &problem))
            return DataError("{}, line {}, column {}: {}", scanner_->path(), problem.line,
                             problem.column, problem.reason);
        std::set<std::string> seen;
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i].empty()) columns_[i] = fmt::format("column {}", i + 1);
            if (!seen.insert(columns_[i]).second)
                return DataError(
                    "{}: two columns are called \"{}\"; the first line must name the "
                    "columns, each once",
                    scanner_->path(), columns_[i]);
        }
        return absl::OkStatus();
    }

    absl::StatusOr<bool> Next(RawRow* row) override {
        do {
            HONE_ASSIGN_OR_RETURN(bool any, ReadRecord(row));
            if (!any) return false;
        } while (row->error.empty() && row->text.find_first_not_of(" \r") == std::string::npos);
        return true;
    }

    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        std::vector<std::string> fields;
        if (!CheckText(raw, problem) || !SplitRecord(raw, delimiter_, &fields, problem))
            return false;
        if (fields.size() != columns_.size()) {
            *problem = {
                raw.line, 0,
                fmt::format("{} fields where the header has {}", fields.size(), columns_.size())};
            return false;
        }
        *row = nlohmann::ordered_json::object();
        auto& members = row->get_ref<nlohmann::ordered_json::object_t&>();
        // The columns are distinct: no need to look each one up.
        for (size_t i = 0; i < fields.size(); ++i)
            members.push_back({columns_[i], std::move(fields[i])});
        return true;
    }

  private:
    static bool CheckText(const RawRow& raw, ParseProblem* problem) {
        const size_t at = FindInvalidUtf8(raw.text);
        if (at == std::string_view::npos) return true;
        const std::string_view before = std::string_view(raw.text).substr(0, at);
        const size_t last = before.rfind('\n');
        *problem = {raw.line + std::count(before.begin(), before.end(), '\n'),
                    static_cast<int64_t>(last == std::string_view::npos ? at + 1 : at - last),
                    "this byte is not UTF-8"};
        return false;
    }

    // One record with the line ends inside its quotes, without the one that ends it.
    absl::StatusOr<bool> ReadRecord(RawRow* row) {
        row->text.clear();
        row->error.clear();
        row->line = scanner_->line();
        row->column = 1;
        QuoteState state(delimiter_);
        bool any = false, ended = false;
        int64_t line = row->line, column = 1;
        int64_t quote_line = 0, quote_column = 0;  // of the quote that is open
        while (!ended) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
            if (piece.empty()) break;
            any = true;
            size_t at = 0;
            while (at < piece.size() && !ended) {
                const bool was_quoted = state.quoted();
                const char c = piece[at++];
                ended = state.Take(c) == QuoteState::Event::kRecordEnd;
                if (state.quoted() && !was_quoted) {
                    quote_line = line;
                    quote_column = column;
                }
                ++column;
                if (c == '\n') {
                    ++line;
                    column = 1;
                }
            }
            if (row->error.empty()) row->text.append(piece.substr(0, ended ? at - 1 : at));
            scanner_->Take(at);
            if (row->text.size() > kMaxLineBytes) {
                row->error = TooLongText();
                std::string().swap(row->text);
            }
        }
        if (!ended && state.quoted()) {
            row->line = quote_line;
            row->column = quote_column;
            row->error = "this quote is never closed; nothing after it was read";
            row->text.clear();
        }
        return any;
    }

    std::unique_ptr<CharScanner> scanner_;
    char delimiter_;
    std::vector<std::string> columns_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> MakeCsvReader(std::unique_ptr<CharScanner> scanner,
                                                         char delimiter) {
    auto reader = std::make_unique<CsvReader>(std::move(scanner), delimiter);
    HONE_RETURN_IF_ERROR(reader->ReadHeader());
    return reader;
}

}  // namespace hone
