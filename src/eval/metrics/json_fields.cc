#include "eval/metrics/json_fields.h"

#include <cmath>
#include <map>

#include "base/limits.h"
#include "base/status.h"
#include "eval/metrics/ngrams.h"
#include "eval/metrics/words.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// How often a field has a value, by field and value. The value of an empty list or object is
// nothing.
using Values = std::map<std::string, std::map<std::string, int64_t>>;

// 1 and 1.0 are one number.
std::string ValueText(const Json& value) {
    if (value.is_number_float()) {
        const double number = value.get<double>();
        if (std::floor(number) == number && std::abs(number) < 1e15)
            return std::to_string(static_cast<int64_t>(number));
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AddValues(const Json& value, const std::string& field, Values& values) {
    if (value.is_array()) {
        for (const Json& element : value) AddValues(element, field, values);
    } else if (value.is_object()) {
        for (const auto& [name, member] : value.items())
            AddValues(member, field.empty() ? name : field + "." + name, values);
    } else {
        ++values[field][ValueText(value)];
    }
}

// By field.
std::map<std::string, ClassCounts> CountFields(const Json& expected,
                                               const std::optional<Json>& predicted) {
    Values right, found;
    AddValues(expected, "", right);
    if (predicted) AddValues(*predicted, "", found);
    std::map<std::string, ClassCounts> counts;
    for (const auto& [field, values] : right)
        for (const auto& [value, count] : values) counts[field].expected += count;
    for (const auto& [field, values] : found) {
        for (const auto& [value, count] : values) counts[field].predicted += count;
        if (const auto same = right.find(field); same != right.end())
            counts[field].correct += CommonNgrams(values, same->second);
    }
    return counts;
}

// What stands in a block of code that is all of the answer: between ``` and ```.
std::string_view WithoutFence(std::string_view text) {
    if (!text.starts_with("```") || !text.ends_with("```")) return text;
    const size_t line = text.find('\n');
    if (line == std::string_view::npos || line + 3 > text.size() - 3) return text;
    return text.substr(line + 1, text.size() - 3 - line - 1);
}

}  // namespace

std::optional<Json> ParseJsonAnswer(std::string_view text) {
    const std::string stripped = StripSpace(text);
    size_t depth = 0;
    bool too_deep = false;
    // The parser itself would go as deep as the text does.
    const auto limit_depth = [&](int, Json::parse_event_t event, Json&) {
        using Event = Json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start)
            too_deep |= ++depth > kMaxJsonDepth;
        if (event == Event::object_end || event == Event::array_end) --depth;
        return !too_deep;
    };
    Json json = Json::parse(WithoutFence(stripped), limit_depth, /*allow_exceptions=*/false);
    if (too_deep || !json.is_structured()) return std::nullopt;
    return json;
}

ClassCounts CountJson(const Json& expected, const std::optional<Json>& predicted) {
    ClassCounts all;
    for (const auto& [field, counts] : CountFields(expected, predicted)) all += counts;
    return all;
}

JsonScores ScoreJson(const std::vector<Json>& expected,
                     const std::vector<std::optional<Json>>& predicted) {
    HONE_CHECK(expected.size() == predicted.size());
    JsonScores scores;
    std::map<std::string, ClassCounts> fields;
    int64_t exact = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        scores.no_json += !predicted[i];
        ClassCounts row;
        for (const auto& [field, counts] : CountFields(expected[i], predicted[i])) {
            fields[field] += counts;
            row += counts;
        }
        exact += predicted[i] && row.correct == row.expected && row.correct == row.predicted;
    }
    if (!expected.empty())
        scores.exact = static_cast<double>(exact) / static_cast<double>(expected.size());
    std::vector<ClassCounts> in_order;
    for (const auto& [field, counts] : fields) {
        scores.fields.push_back(field);
        in_order.push_back(counts);
    }
    scores.report = ReportClasses(in_order);
    return scores;
}

}  // namespace hone
