// The fields that completions and chat completions have in common.
#pragma once

#include "answer/openai/body_reader.h"
#include "answer/openai/requests.h"

namespace hone {

// Reads all but n and max_tokens, whose ranges differ.
void ReadDrawFields(BodyReader& reader, DrawFields& fields);

// A string, an array of strings, an array of tokens or an array of those.
absl::StatusOr<std::vector<TextOrTokens>> ReadTexts(const nlohmann::ordered_json& value,
                                                    std::string_view param);

}  // namespace hone
