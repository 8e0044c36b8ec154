#include "data/format/row_format.h"

namespace hone {

using nlohmann::ordered_json;

absl::StatusOr<TextTemplate> TextTemplate::Parse(std::string_view source) {
    TextTemplate result;
    std::string literal;
    for (size_t i = 0; i < source.size(); ++i) {
        const char c = source[i];
        const char next = i + 1 < source.size() ? source[i + 1] : '\0';
        if (c == '\\' && (next == 'n' || next == 't' || next == 'r' || next == '\\')) {
            literal += next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : '\\';
            ++i;
        } else if ((c == '{' || c == '}') && next == c) {
            literal += c;
            ++i;
        } else if (c == '}') {
            return UsageError(
                "--text_template: the }} at character {} closes nothing; a literal brace is "
                "written twice",
                i + 1);
        } else if (c == '{') {
            const size_t end = source.find('}', i);
            if (end == std::string_view::npos)
                return UsageError(
                    "--text_template: the {{ at character {} is not closed; a literal brace is "
                    "written twice",
                    i + 1);
            const std::string_view field = source.substr(i + 1, end - i - 1);
            if (field.empty() || field.find('{') != std::string_view::npos)
                return UsageError(
                    "--text_template: the braces at character {} hold no field name; a literal "
                    "brace is written twice",
                    i + 1);
            result.literals_.push_back(std::move(literal));
            literal.clear();
            result.fields_.emplace_back(field);
            i = end;
        } else {
            literal += c;
        }
    }
    result.literals_.push_back(std::move(literal));
    if (result.fields_.empty())
        return UsageError("--text_template names no field: \"{}\" would be every row's text",
                          source);
    return result;
}

absl::StatusOr<std::string> TextTemplate::Fill(const ordered_json& row) const {
    std::string text = literals_[0];
    for (size_t i = 0; i < fields_.size(); ++i) {
        const auto value = row.find(fields_[i]);
        if (value == row.end()) {
            std::string names;
            for (const auto& [name, unused] : row.items())
                if (names.size() < 400) names += (names.empty() ? "" : ", ") + name;
            return DataError("--text_template asks for the field \"{}\", the row has {}",
                             fields_[i], names.empty() ? "none" : names);
        }
        if (value->is_null())
            return DataError("the field \"{}\" of --text_template is null", fields_[i]);
        text += value->is_string()
                    ? value->get<std::string>()
                    : value->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
        text += literals_[i + 1];
    }
    return text;
}

}  // namespace hone
