#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/text/text.h"
#include "data/format/row_format.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

// The character that the two at text[at] stand for; none: they stand for themselves.
std::optional<char> EscapeAt(std::string_view text, size_t at) {
    if (text[at] != '\\' || at + 1 >= text.size()) return std::nullopt;
    switch (text[at + 1]) {
        case 'n':
            return '\n';
        case 't':
            return '\t';
        case 'r':
            return '\r';
        case '\\':
            return '\\';
        default:
            return std::nullopt;
    }
}

// A literal as a template spells it.
std::string Escape(std::string_view literal) {
    std::string text;
    for (size_t i = 0; i < literal.size(); ++i) {
        const char c = literal[i];
        const size_t known = std::string_view("\n\t\r\\").find(c);
        if (known != std::string_view::npos) {
            text += std::string("\\") + "ntr\\"[known];
        } else if (c == '[' && i + 1 < literal.size() && literal[i + 1] == '[') {
            text += "\\[";
        } else {
            text += c;
            if (c == '{' || c == '}') text += c;
        }
    }
    return text;
}

absl::StatusOr<std::string> FieldText(const ordered_json& row, const std::string& field) {
    const auto value = row.find(field);
    if (value == row.end()) {
        std::string names;
        for (const auto& [name, unused] : row.items())
            if (names.size() < 400) names += (names.empty() ? "" : ", ") + name;
        return DataError("--text_template asks for the field \"{}\", the row has {}", field,
                         names.empty() ? "none" : names);
    }
    if (value->is_null()) return DataError("the field \"{}\" of --text_template is null", field);
    return value->is_string() ? value->get<std::string>()
                              : value->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string Unescape(std::string_view text) {
    std::string result;
    for (size_t at = 0; at < text.size(); ++at) {
        const std::optional<char> escaped = EscapeAt(text, at);
        result += escaped.value_or(text[at]);
        if (escaped) ++at;
    }
    return result;
}

// The source, read from left to right.
class TextTemplate::Parser {
  public:
    explicit Parser(std::string_view source) : source_(source) {}

    absl::StatusOr<TextTemplate> Run() {
        while (at_ < source_.size()) HONE_RETURN_IF_ERROR(Step());
        if (inside_)
            return UsageError("--text_template: the [[ at character {} is not closed by ]]",
                              opened_ + 1);
        AddLiteral();
        bool any = false;
        for (const Item& item : result_.items_) any |= item.is_field;
        if (!any)
            return UsageError("--text_template names no field: \"{}\" would be every row's text",
                              source_);
        // Without marks the whole text is trained.
        for (Item& item : result_.items_) item.trained |= !result_.marked_;
        return std::move(result_);
    }

  private:
    absl::Status Step() {
        const char c = source_[at_];
        const char next = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
        if (const std::optional<char> escaped = EscapeAt(source_, at_)) {
            literal_ += *escaped;
            at_ += 2;
        } else if (c == '\\' && (next == '[' || next == ']')) {
            literal_ += next;
            at_ += 2;
        } else if ((c == '{' || c == '}') && next == c) {
            literal_ += c;
            at_ += 2;
        } else if (c == '[' && next == '[') {
            return Open();
        } else if (c == ']' && next == ']' && inside_) {
            return Close();
        } else if (c == '}') {
            return UsageError(
                "--text_template: the }} at character {} closes nothing; a literal brace is "
                "written twice",
                at_ + 1);
        } else if (c == '{') {
            return Field();
        } else {
            literal_ += c;
            ++at_;
        }
        return absl::OkStatus();
    }

    absl::Status Field() {
        const size_t end = source_.find('}', at_);
        if (end == std::string_view::npos)
            return UsageError(
                "--text_template: the {{ at character {} is not closed; a literal brace is "
                "written twice",
                at_ + 1);
        const std::string_view field = source_.substr(at_ + 1, end - at_ - 1);
        if (field.empty() || field.find('{') != std::string_view::npos)
            return UsageError(
                "--text_template: the braces at character {} hold no field name; a literal brace "
                "is written twice",
                at_ + 1);
        AddLiteral();
        result_.items_.push_back({true, inside_, std::string(field)});
        at_ = end + 1;
        return absl::OkStatus();
    }

    absl::Status Open() {
        if (inside_)
            return UsageError(
                "--text_template: the [[ at character {} stands inside another; a literal bracket "
                "is written \\[",
                at_ + 1);
        AddLiteral();
        inside_ = result_.marked_ = true;
        opened_ = at_;
        at_ += 2;
        return absl::OkStatus();
    }

    absl::Status Close() {
        if (at_ == opened_ + 2)
            return UsageError("--text_template: the [[ ]] at character {} is empty", opened_ + 1);
        AddLiteral();
        inside_ = false;
        at_ += 2;
        return absl::OkStatus();
    }

    void AddLiteral() {
        if (!literal_.empty()) result_.items_.push_back({false, inside_, std::move(literal_)});
        literal_.clear();
    }

    std::string_view source_;
    size_t at_ = 0;
    size_t opened_ = 0;  // where the last [[ stands
    bool inside_ = false;
    std::string literal_;
    TextTemplate result_;
};

absl::StatusOr<TextTemplate> TextTemplate::Parse(std::string_view source) {
    return Parser(source).Run();
}

std::vector<std::string> TextTemplate::fields() const {
    std::vector<std::string> fields;
    for (const Item& item : items_)
        if (item.is_field) fields.push_back(item.text);
    return fields;
}

absl::StatusOr<std::vector<TextPart>> TextTemplate::Fill(const ordered_json& row) const {
    std::vector<TextPart> parts;
    bool all_blank = true;
    const Item* blank = nullptr;  // a trained field at the end so far that is empty
    for (const Item& item : items_) {
        std::string text = item.text;
        if (item.is_field) {
            HONE_ASSIGN_OR_RETURN(text, FieldText(row, item.text));
            all_blank &= IsBlank(text);
            blank = IsBlank(text) ? &item : nullptr;
            if (blank != nullptr && marked_ && item.trained)
                return DataError("the field \"{}\" is empty: there is nothing to learn", item.text);
        } else if (!IsBlank(text)) {
            blank = nullptr;
        }
        if (parts.empty() || parts.back().trained != item.trained)
            parts.push_back({"", item.trained});
        parts.back().text += text;
    }
    if (all_blank) return DataError("all fields of --text_template are empty");
    // A text whose end is trained ends in its answer.
    if (blank != nullptr && blank->trained)
        return DataError(
            "the field \"{}\", which ends --text_template, is empty: there is no answer "
            "to learn",
            blank->text);
    return parts;
}

std::string TextTemplate::Head() const {
    const auto is_field = [](const Item& item) { return item.is_field; };
    const auto first_field = std::find_if(items_.begin(), items_.end(), is_field);
    auto end = marked_ ? std::find_if(items_.begin(), items_.end(),
                                      [](const Item& item) { return item.trained; })
                       : std::find_if(items_.rbegin(), items_.rend(), is_field).base() - 1;
    // There is a field in every template.
    if (end <= first_field) end = first_field + 1;
    std::string head;
    for (auto item = items_.begin(); item != end; ++item)
        head += item->is_field ? "{" + item->text + "}" : Escape(item->text);
    while (head.ends_with(' ')) head.pop_back();
    return head;
}

absl::StatusOr<std::string> TextTemplate::FillPrompt(std::string_view prompt) const {
    std::set<std::string> names;
    std::string text;
    for (const Item& item : items_) {
        text += item.is_field ? std::string(prompt) : item.text;
        if (item.is_field) names.insert(item.text);
    }
    if (names.size() > 1)
        return UsageError(
            "the model was trained on texts with the fields {}, and a prompt is one text: write "
            "it out and give it with --raw",
            fmt::join(names, ", "));
    return text;
}

}  // namespace hone
