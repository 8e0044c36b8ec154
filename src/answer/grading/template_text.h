// Texts with places for what is graded: "{{item.question}}", "{{ sample.output_text }}".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// What a grader looks at.
struct GradedSample {
    std::string output_text;      // what the model said
    nlohmann::ordered_json item;  // the row that it was asked about; null: none
};

// The places are `item`, `sample.output_text` and `sample.output_json` (the output read as JSON),
// the last and the first with members and elements behind them: "item.facts[0].year". A string
// stands there as it is, anything else as JSON.
class TemplateText {
  public:
    // An error (kind kData) says which place is none.
    static absl::StatusOr<TemplateText> Parse(std::string_view text);

    // absl::StatusCode::kNotFound: a place that the sample does not have; kInvalidArgument: the
    // output is no JSON.
    absl::StatusOr<std::string> Fill(const GradedSample& sample) const;

  private:
    enum class Root { kLiteral, kItem, kOutputText, kOutputJson };
    struct Piece {
        Root root = Root::kLiteral;
        std::string text;               // of a literal; else the place as it was written
        std::vector<std::string> path;  // members, and elements by their numbers
    };
    static absl::StatusOr<Piece> ReadPlace(std::string_view place);

    std::vector<Piece> pieces_;
};

}  // namespace hone
