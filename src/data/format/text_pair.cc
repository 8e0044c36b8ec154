#include "data/format/text_pair.h"

#include <array>
#include <cmath>

#include "absl/strings/ascii.h"
#include "base/text/text.h"
#include "base/text/text_value.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

// What the columns of two texts are called, on the Hub and elsewhere.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kTextNames = {{
    {"text_a", "text_b"},
    {"sentence1", "sentence2"},
    {"sentence_1", "sentence_2"},
    {"sentence_a", "sentence_b"},
    {"text1", "text2"},
    {"question1", "question2"},
    {"premise", "hypothesis"},
    {"anchor", "positive"},
    {"query", "positive"},
    {"query", "passage"},
    {"query", "document"},
}};
constexpr std::array<std::string_view, 7> kScoreNames = {
    "label",        "score", "similarity_score", "similarity", "relatedness_score",
    "is_duplicate", "labels"};

std::string ColumnNamed(const ordered_json& row, std::string_view name) {
    for (const auto& [column, value] : row.items())
        if (!value.is_null() && absl::AsciiStrToLower(column) == name) return column;
    return "";
}

absl::StatusOr<std::string> PairText(const ordered_json& row, const char* name) {
    const auto text = row.find(name);
    if (text == row.end() || text->is_null()) return DataError("\"{}\" is missing", name);
    if (!text->is_string())
        return DataError("\"{}\" must be a string, not {}", name, text->type_name());
    if (IsBlank(text->get_ref<const std::string&>())) return DataError("\"{}\" is empty", name);
    return text->get<std::string>();
}

// A number, or a text of one as tables have it; nothing where it is neither.
std::optional<double> ScoreNumber(const ordered_json& value) {
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    if (value.is_number()) return value.get<double>();
    double number = 0;
    if (value.is_string() && ReadNumber(value.get_ref<const std::string&>(), number).empty())
        return number;
    return std::nullopt;
}

absl::StatusOr<float> PairScore(const ordered_json& row, double max_score) {
    const auto label = row.find("label");
    if (label == row.end() || label->is_null()) return DataError("\"label\" is missing");
    std::optional<double> score = ScoreNumber(*label);
    // A boolean says it whatever the numbers go to.
    if (label->is_boolean()) *score *= max_score;
    if (!score || !std::isfinite(*score))
        return DataError(
            "\"label\" must be a number from 0 to {:g}, how alike the texts are, not {}", max_score,
            label->dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 60));
    if (*score < 0 || *score > max_score)
        return DataError(
            "\"label\" is {:g}: it goes from 0, nothing in common, to {:g}, the same; --max_score "
            "says another highest one",
            *score, max_score);
    return static_cast<float>(*score / max_score);
}

}  // namespace

ColumnMap GuessTextPairColumns(const ordered_json& row) {
    for (const auto& [first, second] : kTextNames) {
        const std::string a = ColumnNamed(row, first), b = ColumnNamed(row, second);
        if (a.empty() || b.empty() || !row[a].is_string() || !row[b].is_string()) continue;
        ColumnMap columns = {{"text_a", a}, {"text_b", b}};
        // A number goes before what is none, which is then an error of its row.
        std::string score;
        for (const std::string_view name : kScoreNames) {
            const std::string label = ColumnNamed(row, name);
            if (label.empty()) continue;
            const bool number = ScoreNumber(row[label]).has_value();
            if (score.empty() || number) score = label;
            if (number) break;
        }
        if (!score.empty()) columns.emplace_back("label", score);
        return columns;
    }
    return {};
}

std::optional<RowFormat> TextPairFormat(const ordered_json& row) {
    const auto has = [&](const char* name) { return row.contains(name) && !row[name].is_null(); };
    if (!has("text_a") || !has("text_b")) return std::nullopt;
    return has("label") ? RowFormat::kScoredPair : RowFormat::kAlikePair;
}

absl::StatusOr<DataRow> ConvertTextPair(const ordered_json& row, RowFormat format,
                                        double max_score) {
    HONE_ASSIGN_OR_RETURN(std::string first, PairText(row, "text_a"));
    HONE_ASSIGN_OR_RETURN(std::string second, PairText(row, "text_b"));
    DataRow pair;
    pair.kind = DataRow::Kind::kTextPair;
    pair.parts = {{std::move(first), false}, {std::move(second), false}};
    pair.score = 1;
    if (format == RowFormat::kScoredPair) {
        HONE_ASSIGN_OR_RETURN(pair.score, PairScore(row, max_score));
    }
    return pair;
}

absl::StatusOr<EncodedRow> EncodeTextPair(const ConversationEncoder& encoder, const DataRow& row,
                                          const EncodeOptions& options) {
    EncodedRow encoded;
    Example& example = encoded.example;
    example.kind = LabelKind::kPair;
    example.score = row.score;
    for (const TextPart& part : row.parts) {
        HONE_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens,
                              encoder.EncodeTextPrompt(part.text, options.add_special_tokens));
        if (tokens.empty()) return DataError("one of the texts has no tokens");
        example.second = static_cast<int64_t>(example.tokens.size());  // of the last one
        example.tokens.insert(example.tokens.end(), tokens.begin(), tokens.end());
        example.weights.resize(example.tokens.size(), 0.0f);
        example.weights.back() = 1;
    }
    return encoded;
}

}  // namespace hone
