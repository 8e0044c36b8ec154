// CSV and TSV: records as rows, the first one names the columns.
#include <algorithm>
#include <set>

#include "base/limits.h"
#include "data/read/csv_record.h"
#include "data/read/row_readers.h"

namespace hone {
namespace {

class CsvReader : public RowReader {
  public:
    // `usual` separates the columns unless `separator` says what does, or the file another thing.
    CsvReader(std::unique_ptr<CharScanner> scanner, char usual, char separator)
        : scanner_(std::move(scanner)), usual_(usual), separator_(separator) {}

    absl::Status ReadHeader() {
        HONE_RETURN_IF_ERROR(ChooseSeparator());
        RawRow raw;
        HONE_ASSIGN_OR_RETURN(bool any, Next(&raw));
        if (!any) return absl::OkStatus();  // no rows
        ParseProblem problem{raw.line, raw.column, raw.error};
        if (!raw.error.empty() || !CheckText(raw, &problem) ||
            !SplitRecord(raw, separator_, &columns_, &problem))
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
        if (!CheckText(raw, problem) || !SplitRecord(raw, separator_, &fields, problem))
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

    std::vector<std::string> notes() const override {
        std::vector<std::string> notes = scanner_->notes();
        if (separator_ != usual_)
            notes.push_back(fmt::format("The columns of {} are separated by {}.", scanner_->path(),
                                        SeparatorName(separator_)));
        return notes;
    }

  private:
    static std::string SeparatorName(char separator) {
        switch (separator) {
            case ',':
                return "commas";
            case ';':
                return "semicolons";
            case '\t':
                return "tabs";
            default:
                return fmt::format("\"{}\"", separator);
        }
    }

    // What the caller says, else what Excel's first line "sep=;" says, else what fits the records.
    absl::Status ChooseSeparator() {
        HONE_ASSIGN_OR_RETURN(const std::string_view start, scanner_->Peek());
        const size_t end = start.find('\n');
        if (start.starts_with("sep=") && (end == 5 || (end == 6 && start[5] == '\r'))) {
            if (separator_ == 0) separator_ = start[4];
            scanner_->Take(end + 1);
        }
        if (separator_ == 0) separator_ = GuessSeparator(start, usual_);
        return absl::OkStatus();
    }

    static bool CheckText(const RawRow& raw, ParseProblem* problem) {
        const size_t at = FindInvalidUtf8(raw.text);
        if (at == std::string_view::npos) return true;
        const std::string_view before = std::string_view(raw.text).substr(0, at);
        const size_t last = before.rfind('\n');
        *problem = {raw.line + std::count(before.begin(), before.end(), '\n'),
                    static_cast<int64_t>(last == std::string_view::npos ? at + 1 : at - last),
                    InvalidUtf8Reason(raw.text, at)};
        return false;
    }

    // One record with the line ends inside its quotes, without the one that ends it.
    absl::StatusOr<bool> ReadRecord(RawRow* row) {
        row->text.clear();
        row->error.clear();
        row->line = scanner_->line();
        row->column = 1;
        QuoteState state(separator_);
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
    char usual_;
    char separator_;
    std::vector<std::string> columns_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> MakeCsvReader(std::unique_ptr<CharScanner> scanner,
                                                         char usual, char separator) {
    auto reader = std::make_unique<CsvReader>(std::move(scanner), usual, separator);
    HONE_RETURN_IF_ERROR(reader->ReadHeader());
    return reader;
}

}  // namespace hone
