#include "data/format/labelled_row.h"

#include <algorithm>
#include <cctype>

#include "base/text/text.h"
#include "base/text/text_value.h"
#include "text/unicode.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

std::string Lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// The first column of one of these names whose value `fits`.
template <typename Fits>
std::string ColumnOf(const ordered_json& row, std::initializer_list<std::string_view> names,
                     const Fits& fits) {
    for (std::string_view name : names)
        for (const auto& [column, value] : row.items())
            if (Lower(column) == name && fits(value)) return column;
    return "";
}

bool IsText(const ordered_json& value) { return value.is_string(); }
bool IsList(const ordered_json& value) { return value.is_array(); }
bool IsLabelValue(const ordered_json& value) {
    return value.is_string() || value.is_number_integer() || value.is_boolean() || value.is_array();
}

absl::StatusOr<std::string> TextField(const ordered_json& row) {
    const auto text = row.find("text");
    if (text == row.end() || text->is_null()) return DataError("\"text\" is missing");
    if (!text->is_string())
        return DataError("\"text\" must be a string, not {}", text->type_name());
    if (IsBlank(text->get_ref<const std::string&>())) return DataError("\"text\" is empty");
    return text->get<std::string>();
}

DataRow Labelled(std::string text) {
    DataRow row;
    row.kind = DataRow::Kind::kLabelled;
    row.parts = {{std::move(text), false}};
    return row;
}

absl::StatusOr<ordered_json> RequiredList(const ordered_json& row, std::string_view name) {
    const auto found = row.find(std::string(name));
    if (found == row.end() || found->is_null()) return DataError("\"{}\" is missing", name);
    ordered_json list = *found;
    // A table holds a list as a text.
    if (list.is_string()) {
        list = ordered_json::parse(found->get_ref<const std::string&>(), nullptr, false);
        if (list.is_discarded()) list = nullptr;
    }
    if (!list.is_array())
        return DataError("\"{}\" must be a list, not {}", name, found->type_name());
    return list;
}

bool IsTag(std::string_view tag) {
    constexpr std::string_view kPrefixes = "BIESLU";
    return tag == "O" ||
           (tag.size() > 2 && tag[1] == '-' && kPrefixes.find(tag[0]) != std::string_view::npos &&
            tag.find_first_of(" \t\r\n") == std::string_view::npos);
}

struct Span {
    int64_t begin = 0, end = 0;  // characters
    std::string label;
};

absl::StatusOr<Span> ReadSpan(const ordered_json& json, size_t number, int64_t characters) {
    const auto member = [&](std::initializer_list<const char*> names, size_t place) {
        if (json.is_array()) return place < json.size() ? json[place] : ordered_json();
        for (const char* name : names)
            if (json.is_object() && json.contains(name)) return json[name];
        return ordered_json();
    };
    const ordered_json begin = member({"start", "begin"}, 0), end = member({"end"}, 1),
                       label = member({"label", "type", "entity", "tag"}, 2);
    if (!begin.is_number_integer() || !end.is_number_integer() || !label.is_string())
        return DataError(
            "span {} must be {{\"start\", \"end\", \"label\"}} or [start, end, label], with two "
            "whole numbers and a text",
            number);
    const Span span = {begin.get<int64_t>(), end.get<int64_t>(), label.get<std::string>()};
    if (span.begin < 0 || span.end > characters || span.begin >= span.end)
        return DataError(
            "span {} ({} to {}) {}: the text has {} characters, and a span ends behind its last",
            number, span.begin, span.end, span.begin >= span.end ? "is empty" : "crosses the text",
            characters);
    if (!IsTag("B-" + span.label))
        return DataError("span {} has the label \"{:.60}\": a label is a word without spaces",
                         number, span.label);
    return span;
}

// In the order of the text; none overlap.
absl::StatusOr<std::vector<Span>> ReadSpans(const ordered_json& list, int64_t characters) {
    std::vector<std::pair<Span, size_t>> spans;
    for (size_t i = 0; i < list.size(); ++i) {
        HONE_ASSIGN_OR_RETURN(Span span, ReadSpan(list[i], i + 1, characters));
        spans.emplace_back(std::move(span), i + 1);
    }
    std::stable_sort(spans.begin(), spans.end(),
                     [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
    std::vector<Span> sorted;
    for (size_t i = 0; i < spans.size(); ++i) {
        if (i > 0 && spans[i].first.begin < spans[i - 1].first.end)
            return DataError("spans {} ({} to {}) and {} ({} to {}) overlap", spans[i - 1].second,
                             spans[i - 1].first.begin, spans[i - 1].first.end, spans[i].second,
                             spans[i].first.begin, spans[i].first.end);
        sorted.push_back(spans[i].first);
    }
    return sorted;
}

// [characters + 1] the byte at which each begins.
std::vector<size_t> CharacterStarts(std::string_view text) {
    std::vector<size_t> starts;
    for (size_t i = 0; i < text.size(); ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) starts.push_back(i);
    starts.push_back(text.size());
    return starts;
}

}  // namespace

absl::StatusOr<std::string> LabelText(const ordered_json& label, std::string_view field,
                                      const std::vector<std::string>& names) {
    // Tables have numbers as texts.
    int64_t number = -1;
    const bool is_text = label.is_string();
    if (is_text && !names.empty()) ReadInteger(label.get_ref<const std::string&>(), number);
    if (label.is_number_integer()) number = label.get<int64_t>();
    if (label.is_boolean()) number = label.get<bool>() ? 1 : 0;
    if (is_text && number < 0) {
        if (IsBlank(label.get_ref<const std::string&>()))
            return DataError("\"{}\" is empty: there is nothing to learn", field);
        return label.get<std::string>();
    }
    if (!is_text && !label.is_number_integer() && !label.is_boolean())
        return DataError("\"{}\" must be a string or a whole number, not {}", field,
                         label.type_name());
    if (names.empty()) return label.dump();
    if (number < 0 || number >= static_cast<int64_t>(names.size()))
        return DataError("\"{}\" is {}, and --label_names names 0 to {}", field, label.dump(),
                         names.size() - 1);
    return names[static_cast<size_t>(number)];
}

ColumnMap GuessLabelledColumns(const ordered_json& row, LabelKind kind) {
    const std::string text = ColumnOf(
        row, {"text", "sentence", "utterance", "review", "tweet", "content", "document", "query"},
        IsText);
    if (kind == LabelKind::kSequence) {
        const std::string label =
            ColumnOf(row,
                     {"label_text", "label_name", "label", "labels", "category", "categories",
                      "intent", "sentiment", "class", "target", "topic"},
                     IsLabelValue);
        if (text.empty() || label.empty() || text == label) return {};
        return {{"text", text}, {"label", label}};
    }
    const std::string tokens = ColumnOf(row, {"tokens", "words"}, IsLabelValue),
                      tags = ColumnOf(row, {"ner_tags", "tags", "labels", "bio_tags", "ner"},
                                      IsLabelValue);
    if (!tokens.empty() && !tags.empty()) return {{"tokens", tokens}, {"tags", tags}};
    const std::string spans =
        ColumnOf(row, {"spans", "entities", "labels", "label", "annotations"},
                 [](const ordered_json& value) { return IsList(value) || IsText(value); });
    if (text.empty() || spans.empty()) return {};
    return {{"text", text}, {"spans", spans}};
}

std::optional<RowFormat> LabelledFormat(const ordered_json& row, LabelKind kind) {
    const auto has = [&](const char* name) { return row.contains(name) && !row[name].is_null(); };
    if (kind == LabelKind::kSequence)
        return has("text") && has("label") ? std::optional(RowFormat::kLabelledText) : std::nullopt;
    if (has("tokens") && has("tags")) return RowFormat::kLabelledWords;
    if (has("text") && has("spans")) return RowFormat::kLabelledSpans;
    return std::nullopt;
}

absl::StatusOr<DataRow> ConvertLabelledText(const ordered_json& row, const LabelOptions& options,
                                            const std::vector<std::string>& names) {
    HONE_ASSIGN_OR_RETURN(std::string text, TextField(row));
    DataRow labelled = Labelled(std::move(text));
    const auto label = row.find("label");
    if (label == row.end()) return DataError("\"label\" is missing");
    if (!options.multi) {
        if (label->is_array())
            return DataError(
                "\"label\" is a list: for texts with several labels say --problem_type "
                "multi_label_classification");
        HONE_ASSIGN_OR_RETURN(std::string name, LabelText(*label, "label", names));
        labelled.labels.push_back(std::move(name));
        return labelled;
    }
    ordered_json list = ordered_json::array();
    if (label->is_array()) {
        list = *label;
    } else if (label->is_string() && !options.separator.empty()) {
        std::string_view rest = label->get_ref<const std::string&>();
        for (size_t end = 0; end != std::string_view::npos;) {
            end = rest.find(options.separator);
            const std::string_view piece = rest.substr(0, end);
            const size_t begin = piece.find_first_not_of(" \t");
            if (begin != std::string_view::npos)
                list.push_back(
                    std::string(piece.substr(begin, piece.find_last_not_of(" \t") + 1 - begin)));
            if (end != std::string_view::npos) rest.remove_prefix(end + options.separator.size());
        }
    } else if (!label->is_null() && !(label->is_string() && IsBlank(label->get<std::string>()))) {
        list.push_back(*label);
    }
    for (const ordered_json& entry : list) {
        HONE_ASSIGN_OR_RETURN(std::string name, LabelText(entry, "label", names));
        if (std::find(labelled.labels.begin(), labelled.labels.end(), name) ==
            labelled.labels.end())
            labelled.labels.push_back(std::move(name));
    }
    return labelled;
}

absl::StatusOr<DataRow> ConvertLabelledWords(const ordered_json& row,
                                             const std::vector<std::string>& names) {
    HONE_ASSIGN_OR_RETURN(const ordered_json tokens, RequiredList(row, "tokens"));
    HONE_ASSIGN_OR_RETURN(const ordered_json tags, RequiredList(row, "tags"));
    if (tokens.size() != tags.size())
        return DataError("{} tags for {} tokens", tags.size(), tokens.size());
    if (tokens.empty()) return DataError("\"tokens\" is empty");
    std::string text;
    std::vector<LabelledWord> words;
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (!tokens[i].is_string())
            return DataError("token {} must be a string, not {}", i + 1, tokens[i].type_name());
        HONE_ASSIGN_OR_RETURN(std::string tag, LabelText(tags[i], "tags", names));
        if (!IsTag(tag))
            return DataError("tag {}, \"{:.60}\", is none: a tag is O, or B-TYPE, I-TYPE (E-, S-)",
                             i + 1, tag);
        if (!text.empty()) text += ' ';
        const size_t begin = text.size();
        text += tokens[i].get_ref<const std::string&>();
        words.push_back({begin, text.size(), std::move(tag)});
    }
    if (IsBlank(text)) return DataError("\"tokens\" holds no word");
    DataRow labelled = Labelled(std::move(text));
    labelled.words = std::move(words);
    return labelled;
}

absl::StatusOr<DataRow> ConvertLabelledSpans(const ordered_json& row) {
    HONE_ASSIGN_OR_RETURN(std::string text, TextField(row));
    HONE_ASSIGN_OR_RETURN(const ordered_json list, RequiredList(row, "spans"));
    const std::vector<size_t> starts = CharacterStarts(text);
    HONE_ASSIGN_OR_RETURN(const std::vector<Span> spans,
                          ReadSpans(list, static_cast<int64_t>(starts.size()) - 1));
    std::vector<LabelledWord> words = SplitIntoWords(text);
    if (words.empty()) return DataError("\"text\" holds no word");
    for (LabelledWord& word : words) word.tag = "O";
    for (const Span& span : spans) {
        const size_t begin = starts[static_cast<size_t>(span.begin)],
                     end = starts[static_cast<size_t>(span.end)];
        bool first = true;
        for (LabelledWord& word : words) {
            // A word that two spans cut is the first one's.
            if (word.end <= begin || word.begin >= end || word.tag != "O") continue;
            word.tag = (first ? "B-" : "I-") + span.label;
            first = false;
        }
    }
    DataRow labelled = Labelled(std::move(text));
    labelled.words = std::move(words);
    return labelled;
}

std::vector<LabelledWord> SplitIntoWords(std::string_view text) {
    const std::vector<size_t> starts = CharacterStarts(text);
    const std::u32string characters = Characters(text);
    std::vector<LabelledWord> words;
    bool in_word = false;
    for (size_t i = 0; i + 1 < starts.size() && i < characters.size(); ++i) {
        const bool letter = IsWordCharacter(characters[i]);
        if (letter && in_word) {
            words.back().end = starts[i + 1];
        } else if (!IsSpace(characters[i])) {
            words.push_back({starts[i], starts[i + 1], ""});
        }
        in_word = letter;
    }
    return words;
}

}  // namespace hone
