// JSON that is not one object on each line: an array of rows, objects one after the other, an
// object with the rows in one member. Cut into its rows without being held or parsed whole.
#include <algorithm>

#include "absl/strings/match.h"
#include "base/limits.h"
#include "data/read/json_outline.h"
#include "data/read/row_readers.h"

namespace hone {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonReader : public RowReader {
  public:
    enum class Place {
        kObjects,    // between objects
        kListStart,  // behind the list's "["
        kList,       // behind a row of the list and its ","
        kListEnd,    // behind the list's "]"
        kEnd
    };

    JsonReader(std::unique_ptr<CharScanner> scanner, Place place)
        : scanner_(std::move(scanner)), place_(place) {}

    absl::StatusOr<bool> Next(RawRow* row) override {
        row->text.clear();
        row->error.clear();
        if (place_ == Place::kObjects) {
            HONE_ASSIGN_OR_RETURN(const bool any, NextObject(row));
            // The object may have turned out to hold the list of rows.
            if (place_ != Place::kListStart) return any;
            row->text.clear();
            row->error.clear();
        }
        if (place_ == Place::kEnd) return false;
        if (place_ == Place::kListEnd) return CheckEnd(row);
        return NextElement(row);
    }

    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        return ParseJsonRow(raw, row, problem);
    }

    std::vector<std::string> notes() const override {
        std::vector<std::string> notes = scanner_->notes();
        if (!rows_member_.empty())
            notes.push_back(fmt::format("The rows of {} were taken from its member \"{}\"{}.",
                                        scanner_->path(), rows_member_,
                                        other_members_.empty()
                                            ? ""
                                            : "; not read: " + other_members_));
        return notes;
    }

  private:
    // The next character that is no white space, without moving past it; 0 at the end of the file.
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

    void Append(RawRow* row, std::string_view text) {
        if (!row->error.empty()) return;
        if (row->text.size() + text.size() > kMaxLineBytes) {
            row->error = TooLongText();
            std::string().swap(row->text);
        } else {
            row->text.append(text);
        }
    }

    // An object that stands by itself. Where a member of the first one holds the rows, stops inside
    // it.
    absl::StatusOr<bool> NextObject(RawRow* row) {
        HONE_ASSIGN_OR_RETURN(char next, SkipSpace());
        if (next == ',' && !first_) {  // objects cut out of an array
            scanner_->Take(1);
            HONE_ASSIGN_OR_RETURN(next, SkipSpace());
        }
        if (next == '\0') {
            place_ = Place::kEnd;
            return false;
        }
        row->line = scanner_->line();
        row->column = scanner_->column();
        if (next != '{') return Broken(row, "a row must be an object that begins with \"{\"");
        JsonOutline outline;
        for (;;) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
            if (piece.empty())
                return Broken(row, fmt::format("the file ends inside the object of line {}: it is "
                                               "cut off",
                                               row->line));
            size_t at = 0;
            bool list = false;
            while (at < piece.size()) {
                list = first_ && piece[at] == '[' && outline.depth() == 1 &&
                       !outline.in_string() && HoldsRows(outline.member());
                NoteMember(outline);
                outline.Take(piece[at++]);
                if (list || outline.depth() == 0) break;
            }
            Append(row, piece.substr(0, at));
            scanner_->Take(at);
            if (outline.depth() == 0) break;
            if (!list) continue;
            HONE_ASSIGN_OR_RETURN(next, SkipSpace());
            if (next != '{') continue;
            outline_ = outline;
            rows_member_ = outline.member();
            RemoveRowsMember();
            place_ = Place::kListStart;
            return true;
        }
        first_ = false;
        other_members_.clear();
        return true;
    }

    // "version", "test": what the object has beside its rows.
    void NoteMember(const JsonOutline& outline) {
        constexpr size_t kMost = 200;
        if (!first_ || outline.in_string() || outline.depth() != 1) return;
        if (outline.member() == noted_ || outline.member().empty()) return;
        noted_ = outline.member();
        if (noted_ == rows_member_ || other_members_.size() > kMost) return;
        other_members_ += (other_members_.empty() ? "\"" : ", \"") + noted_ + "\"";
    }

    void RemoveRowsMember() {
        const std::string name = fmt::format("\"{}\"", rows_member_);
        if (!absl::EndsWith(other_members_, name)) return;
        const size_t others = other_members_.size() - name.size();
        other_members_.resize(others - std::min<size_t>(others, 2));  // with the comma before it
    }

    absl::StatusOr<bool> NextElement(RawRow* row) {
        HONE_ASSIGN_OR_RETURN(char next, SkipSpace());
        if (next == ']' && place_ == Place::kListStart) {
            scanner_->Take(1);
            return CheckEnd(row);
        }
        if (next == '\0') return Broken(row, "the file ends inside the array: it is cut off");
        if (next == ',' || next == ']')
            return Broken(row, "a row is missing before this character");
        row->line = scanner_->line();
        row->column = scanner_->column();
        HONE_ASSIGN_OR_RETURN(bool closed, ReadElement(row));
        if (!closed) return Broken(row, "the file ends inside the array: it is cut off");
        HONE_ASSIGN_OR_RETURN(char end, SkipSpace());
        scanner_->Take(1);
        place_ = end == ']' ? Place::kListEnd : Place::kList;
        return true;
    }

    // The bytes up to the ',' or ']' that ends the element, without it. False: the file ends first.
    absl::StatusOr<bool> ReadElement(RawRow* row) {
        JsonOutline outline;
        for (;;) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
            if (piece.empty()) return false;
            size_t at = 0;
            bool ended = false;
            for (; at < piece.size(); ++at) {
                const char c = piece[at];
                ended = outline.depth() == 0 && !outline.in_string() && (c == ',' || c == ']');
                if (ended) break;
                outline.Take(c);
            }
            Append(row, piece.substr(0, at));
            scanner_->Take(at);
            if (!ended) continue;
            while (!row->text.empty() && IsSpace(row->text.back())) row->text.pop_back();
            return true;
        }
    }

    // After the last ']': nothing may follow but the rest of the object that holds the list.
    absl::StatusOr<bool> CheckEnd(RawRow* row) {
        const bool held = !rows_member_.empty();
        if (held) {
            outline_.Take(']');
            while (outline_.depth() > 0) {
                HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner_->Peek());
                if (piece.empty())
                    return Broken(row, "the file ends inside its object: it is cut off");
                size_t at = 0;
                while (at < piece.size() && outline_.depth() > 0) {
                    NoteMember(outline_);
                    outline_.Take(piece[at++]);
                }
                scanner_->Take(at);
            }
        }
        place_ = Place::kEnd;
        HONE_ASSIGN_OR_RETURN(char next, SkipSpace());
        if (next == '\0') return false;
        return Broken(row, held ? "something follows the object that holds the rows"
                                : "something follows the end of the array");
    }

    // A problem after which the rest of the file cannot be read.
    bool Broken(RawRow* row, std::string reason) {
        place_ = Place::kEnd;
        row->line = scanner_->line();
        row->column = scanner_->column();
        row->text.clear();
        row->error = "malformed JSON: " + std::move(reason) + "; nothing after it was read";
        return true;
    }

    std::unique_ptr<CharScanner> scanner_;
    Place place_;
    bool first_ = true;     // no object was read yet
    JsonOutline outline_;   // of the object that holds the list
    std::string rows_member_;
    std::string noted_;
    std::string other_members_;
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
            return std::make_unique<JsonReader>(std::move(scanner),
                                                JsonReader::Place::kListStart);
        }
        if (at < piece.size()) {
            const std::string_view start = piece.substr(at);
            if (start[0] == '{' && GuessJsonLayout(start) == JsonLayout::kObjects)
                return std::make_unique<JsonReader>(std::move(scanner),
                                                    JsonReader::Place::kObjects);
            return MakeJsonLinesReader(std::move(scanner));
        }
        scanner->Take(at);
    }
}

}  // namespace hone
