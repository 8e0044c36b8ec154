// The shapes of the API's bodies, as JSON Schema: the server checks requests by the same text that
// /openapi.json shows.
//
// Of JSON Schema this understands: $ref (to #/components/schemas/), type, enum, const, anyOf,
// properties, required, additionalProperties, maxProperties, items, minItems, maxItems, minLength,
// maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum. What only explains (description,
// default, format, example) is left to the reader. A schema with another word is a bug.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "server/api/answer.h"

namespace hone::server {

class Schemas {
  public:
    // Adds the schemas of `text`, a JSON object of them by name.
    void Add(std::string_view text);
    const nlohmann::ordered_json& all() const { return schemas_; }
    const nlohmann::ordered_json& Get(std::string_view name) const;
    // What is wrong with the value, in the API's words, with the field as the param:
    // "method.dpo.hyperparameters.beta", "messages[3].role". Nothing: it fits.
    std::optional<ApiError> Check(const nlohmann::ordered_json& schema,
                                  const nlohmann::ordered_json& value) const;

  private:
    nlohmann::ordered_json schemas_ = nlohmann::ordered_json::object();
};

}  // namespace hone::server
