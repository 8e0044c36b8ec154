// Answers in JSON against the JSON that was asked for: whether all of it is right, and how many of
// its fields are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics/classification.h"
#include "nlohmann/json.hpp"

namespace hone {

// An answer as JSON, an object or a list, in a Markdown block of code or not; nothing where it is
// none, or nested deeper than kMaxJsonDepth.
std::optional<nlohmann::ordered_json> ParseJsonAnswer(std::string_view text);

// A value is right where the same value stands in the same field of the reference. The elements of
// a list are values of one field, in any order, each as often as it occurs; the fields of an object
// inside have names such as "address.city".
struct JsonScores {
    double exact = 0;                 // the share of rows with every field right and none too many
    int64_t no_json = 0;              // predictions that are no JSON: no field of theirs is right
    std::vector<std::string> fields;  // in alphabetical order
    ClassReport report;               // by field; micro is over all values
};
// A prediction that is no JSON is nothing. References are objects or lists.
JsonScores ScoreJson(const std::vector<nlohmann::ordered_json>& expected,
                     const std::vector<std::optional<nlohmann::ordered_json>>& predicted);

// The counts of one row over all its fields.
ClassCounts CountJson(const nlohmann::ordered_json& expected,
                      const std::optional<nlohmann::ordered_json>& predicted);

}  // namespace hone
