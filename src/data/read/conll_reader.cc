// Words with their tags as CoNLL's shared tasks have them.
#include <utility>

#include "base/limits.h"
#include "base/text/text.h"
#include "data/read/row_readers.h"

namespace hone {
namespace {

constexpr std::string_view kSpace = " \t\r\f\v";

// The first and the last column; the same where there is one.
std::pair<std::string_view, std::string_view> Columns(std::string_view line) {
    while (!line.empty() && kSpace.find(line.back()) != std::string_view::npos)
        line.remove_suffix(1);
    const std::string_view separators = line.find('\t') == std::string_view::npos ? " " : "\t";
    const size_t first = line.find_first_of(separators), last = line.find_last_of(separators);
    if (first == std::string_view::npos) return {line, line};
    return {line.substr(0, first), line.substr(last + 1)};
}

class ConllReader : public RowReader {
  public:
    explicit ConllReader(std::unique_ptr<CharScanner> scanner) : scanner_(std::move(scanner)) {}

    absl::StatusOr<bool> Next(RawRow* row) override {
        for (;;) {
            HONE_ASSIGN_OR_RETURN(const bool any, NextSentence(row));
            if (!any || !row->text.starts_with("-DOCSTART-")) return any;
        }
    }

    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        if (const size_t at = FindInvalidUtf8(raw.text); at != std::string_view::npos) {
            *problem = {raw.line, 0, InvalidUtf8Reason(raw.text, at)};
            return false;
        }
        nlohmann::ordered_json tokens = nlohmann::ordered_json::array(), tags = tokens;
        int64_t line = raw.line;
        for (std::string_view rest = raw.text; !rest.empty(); ++line) {
            const size_t end = rest.find('\n');
            const auto [word, tag] = Columns(rest.substr(0, end));
            if (word.data() == tag.data()) {
                *problem = {line, 1, "a word without a tag: a line has a word, a tab and its tag"};
                return false;
            }
            tokens.push_back(std::string(word));
            tags.push_back(std::string(tag));
            if (end == std::string_view::npos) break;
            rest.remove_prefix(end + 1);
        }
        *row = {{"tokens", std::move(tokens)}, {"tags", std::move(tags)}};
        return true;
    }

    std::vector<std::string> notes() const override { return scanner_->notes(); }

  private:
    // The lines up to a blank one, with line ends between them.
    absl::StatusOr<bool> NextSentence(RawRow* row) {
        row->text.clear();
        row->error.clear();
        row->column = 1;
        bool any = false;
        for (std::string line;;) {
            const int64_t number = scanner_->line();
            bool too_long = false;
            HONE_ASSIGN_OR_RETURN(const bool more, NextLine(*scanner_, &line, &too_long));
            if (!more) return any;
            if (!too_long && IsBlank(line)) {
                if (any) return true;
                continue;
            }
            if (!any) row->line = number;
            if (any && row->error.empty()) row->text += '\n';
            any = true;
            if (row->error.empty()) row->text += line;
            if (too_long || row->text.size() > kMaxLineBytes) {
                row->error = TooLongText();
                std::string().swap(row->text);
            }
        }
    }

    std::unique_ptr<CharScanner> scanner_;
};

}  // namespace

std::unique_ptr<RowReader> MakeConllReader(std::unique_ptr<CharScanner> scanner) {
    return std::make_unique<ConllReader>(std::move(scanner));
}

}  // namespace hone
