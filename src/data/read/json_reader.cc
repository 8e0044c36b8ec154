// .json: an array of rows, cut into its elements without being held or parsed whole.
#include <algorithm>

#include "base/limits.h"
#include "data/read/row_readers.h"

namespace hone {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonArrayReader : public RowReader {
  public:
    explicit JsonArrayReader(std::unique_ptr<CharScanner> scanner) : scanner_(std::move(scanner)) {}

    absl::StatusOr<bool> Next(RawRow* row) override {
        row->text.clear();
        row->error.clear();
        if (ended_) return false;
        if (closed_) return CheckEnd(row);
        HONE_ASSIGN_OR_RETURN(char next, SkipSpace());
        if (next == ']' && first_) {
            scanner_->Take(1);
            return CheckEnd(row);
        }
        if (next == '\0') return Broken(row, "the file ends inside the array: it is cut off");
        if (next == ',' || next == ']')
            return Broken(row, "a row is missing before this character");
        first_ = false;
        row->line = scanner_->line();
        row->column = scanner_->column();
        HONE_ASSIGN_OR_RETURN(bool closed, ReadElement(row));
        if (!closed) return Broken(row, "the file ends inside the array: it is cut off");
        HONE_ASSIGN_OR_RETURN(char end, SkipSpace());
        scanner_->Take(1);
        closed_ = end == ']';
        return true;
    }

    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        return ParseJsonRow(raw, row, problem);
    }

  private:
    // The next character that is no white space, not taken; 0 at the end of the file.
    absl::StatusOr<char> SkipSpace() {
        for (;;) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
            if (piece.empty()) return '\0';
            const size_t at = static_cast<size_t>(
                std::find_if_not(piece.begin(), piece.end(), IsSpace) - piece.begin());
            scanner_->Take(at);
            if (at < piece.size()) return piece[at];
        }
    }

    // The bytes up to the ',' or ']' that ends the element, not taken. False: the file ends first.
    absl::StatusOr<bool> ReadElement(RawRow* row) {
        int64_t depth = 0;
        bool in_string = false, escaped = false;
        for (;;) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
            if (piece.empty()) return false;
            size_t at = 0;
            bool ended = false;
            for (; at < piece.size(); ++at) {
                const char c = piece[at];
                if (in_string) {
                    if (escaped) {
                        escaped = false;
                    } else if (c == '\\') {
                        escaped = true;
                    } else if (c == '"') {
                        in_string = false;
                    }
                    continue;
                }
                if (depth == 0 && (c == ',' || c == ']')) {
                    ended = true;
                    break;
                }
                if (c == '"') in_string = true;
                if (c == '{' || c == '[') ++depth;
                if ((c == '}' || c == ']') && depth > 0) --depth;
            }
            if (row->error.empty() && row->text.size() + at > kMaxLineBytes) {
                row->error = TooLongText();
                std::string().swap(row->text);
            }
            if (row->error.empty()) row->text.append(piece.substr(0, at));
            scanner_->Take(at);
            if (!ended) continue;
            while (!row->text.empty() && IsSpace(row->text.back())) row->text.pop_back();
            return true;
        }
    }

    // After the last ']': nothing may follow.
    absl::StatusOr<bool> CheckEnd(RawRow* row) {
        ended_ = true;
        HONE_ASSIGN_OR_RETURN(char next, SkipSpace());
        if (next == '\0') return false;
        return Broken(row, "something follows the end of the array");
    }

    // A problem after which the rest of the file cannot be read.
    bool Broken(RawRow* row, std::string reason) {
        ended_ = true;
        row->line = scanner_->line();
        row->column = scanner_->column();
        row->text.clear();
        row->error = "malformed JSON: " + std::move(reason) + "; nothing after it was read";
        return true;
    }

    std::unique_ptr<CharScanner> scanner_;
    bool first_ = true;
    bool closed_ = false;  // the array's ']' was read
    bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> MakeJsonReader(std::unique_ptr<CharScanner> scanner) {
    for (;;) {
        HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner->Peek());
        const size_t at = std::min(piece.find_first_not_of(" \t\r\n"), piece.size());
        // An empty file has no rows, in either form.
        if (piece.empty()) return MakeJsonLinesReader(std::move(scanner));
        if (at < piece.size() && piece[at] == '[') {
            scanner->Take(at + 1);
            return std::make_unique<JsonArrayReader>(std::move(scanner));
        }
        if (at < piece.size()) return MakeJsonLinesReader(std::move(scanner));
        scanner->Take(at);
    }
}

}  // namespace hone
