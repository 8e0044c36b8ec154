// JSON schemas as grammars: every text of the grammar is JSON that the schema allows.
//
// What is read: type (a name or a list of them), properties, required, additionalProperties, items,
// minItems and maxItems (up to kMaxSchemaItems), enum, const, anyOf, allOf of one, $ref to "#" and
// into "#/$defs" and "#/definitions", also recursive. title, description, default, examples,
// deprecated, readOnly, writeOnly, $schema, $id and $comment say nothing about what is allowed. Any
// other keyword is an error that names it, so no answer breaks a rule that the schema states.
//
// A grammar may allow less than its schema:
// - The properties of an object come in the schema's order, each once; those that are not required
//   may be left out. Where there are properties, no others come, whatever additionalProperties
//   says.
// - An object without properties may have any keys, with values of additionalProperties.
// - Numbers have at most 15 digits before the point, 15 after it, and an exponent of two. Strings
//   are any UTF-8 without unpaired surrogates. Texts nest at most kMaxCallDepth calls deep.
// - Between tokens there is no space, one space, or a line break with spaces after it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infer/grammar/automaton.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr size_t kMaxSchemaItems = 256;         // minItems, maxItems
inline constexpr size_t kMaxSchemaValues = 5000;       // of all enums
inline constexpr size_t kMaxSchemaAlternatives = 256;  // of one anyOf
inline constexpr size_t kMaxSchemaNodes = 10'000;      // schemas within a schema

// An error of kind kData says what is wrong and where: "#/properties/a: ...".
absl::StatusOr<std::shared_ptr<const Automaton>> CompileJsonSchema(
    const nlohmann::ordered_json& schema);

// Any JSON object.
std::shared_ptr<const Automaton> JsonObjectGrammar();

// A call of one of these functions: {"name": NAME, "KEY": ARGUMENTS}, the arguments by the
// function's schema (null: an empty object). Errors name the function.
struct CallableFunction {
    std::string name;
    nlohmann::ordered_json parameters;
};
absl::StatusOr<std::shared_ptr<const Automaton>> CompileFunctionCall(
    const std::vector<CallableFunction>& functions, const std::string& arguments_key);

// What OpenAI's strict mode asks of a schema: every object says additionalProperties false and
// requires all of its properties, and the schema itself is an object.
absl::Status CheckStrictSchema(const nlohmann::ordered_json& schema);

}  // namespace hone
