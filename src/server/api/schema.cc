#include "server/api/schema.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <vector>

#include "text/unicode.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kReference = "#/components/schemas/";

constexpr std::string_view kWords[] = {"$ref",
                                       "type",
                                       "enum",
                                       "const",
                                       "anyOf",
                                       "properties",
                                       "required",
                                       "items",
                                       "minItems",
                                       "maxItems",
                                       "minLength",
                                       "maxLength",
                                       "minimum",
                                       "maximum",
                                       "exclusiveMinimum",
                                       "minProperties",
                                       "maxProperties",
                                       "format",
                                       "default",
                                       "description",
                                       "example",
                                       "title",
                                       "exclusiveMaximum",
                                       "additionalProperties"};

// The schema and all in it use the words that Check knows.
void CheckWords(const Json& schema) {
    HONE_CHECK(schema.is_object(), "a schema is no object: {}", schema.dump());
    for (const auto& [word, value] : schema.items()) {
        HONE_CHECK(std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords),
                   "the schema word {} is not known", word);
        if (word == "properties")
            for (const auto& [name, property] : value.items()) CheckWords(property);
        if (word == "items" || (word == "additionalProperties" && value.is_object()))
            CheckWords(value);
        if (word == "anyOf")
            for (const Json& option : value) CheckWords(option);
    }
}

std::string_view TypeName(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_boolean()) return "boolean";
    if (value.is_number_integer()) return "integer";
    if (value.is_number()) return "number";
    if (value.is_string()) return "string";
    return value.is_array() ? "array" : "object";
}

std::vector<std::string> TypesOf(const Json& schema) {
    const auto type = schema.find("type");
    if (type == schema.end()) return {};
    if (type->is_string()) return {type->get<std::string>()};
    return type->get<std::vector<std::string>>();
}

// 3.0 is an integer in JSON Schema.
bool IsWhole(const Json& value) {
    return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>() &&
           std::abs(value.get<double>()) < 9e15;
}

bool HasType(const Json& value, const std::vector<std::string>& types) {
    if (types.empty()) return true;
    const std::string_view name = TypeName(value);
    return std::any_of(types.begin(), types.end(), [&](const std::string& type) {
        return type == name || (type == "number" && name == "integer") ||
               (type == "integer" && IsWhole(value));
    });
}

std::string WithArticle(std::string_view type) {
    if (type == "null") return "null";
    const bool vowel = type.find_first_of("aeiou") == 0;
    return fmt::format("{} {}", vowel ? "an" : "a", type);
}

std::string Quoted(const std::string& path) {
    return path.empty() ? "the request body" : "'" + path + "'";
}

// The value for a message, not longer than a line.
std::string Shown(const Json& value) { return fmt::format("{:.100}", CompactJson(value)); }

class Checker {
  public:
    explicit Checker(const Json& schemas) : schemas_(schemas) {}

    std::optional<ApiError> Check(const Json& schema, const Json& value,
                                  const std::string& path) const {
        if (const auto reference = schema.find("$ref"); reference != schema.end())
            return Check(Referred(reference->get<std::string>()), value, path);
        if (const auto options = schema.find("anyOf"); options != schema.end())
            return CheckOptions(*options, value, path);
        if (!HasType(value, TypesOf(schema)))
            return Error(path, "invalid_type",
                         "Invalid type for {}: expected {}, but got {} instead.", Quoted(path),
                         Expected(schema), WithArticle(TypeName(value)));
        if (auto error = CheckChoice(schema, value, path)) return error;
        if (value.is_number()) return CheckNumber(schema, value, path);
        if (value.is_string()) return CheckString(schema, value, path);
        if (value.is_array()) return CheckArray(schema, value, path);
        if (value.is_object()) return CheckObject(schema, value, path);
        return std::nullopt;
    }

  private:
    template <typename... Args>
    static ApiError Error(const std::string& path, std::string code,
                          fmt::format_string<Args...> format, Args&&... args) {
        return {.status = 400,
                .message = fmt::format(format, std::forward<Args>(args)...),
                .param = path,
                .code = std::move(code)};
    }

    const Json& Referred(std::string_view reference) const {
        HONE_CHECK(reference.starts_with(kReference), "{}", reference);
        const std::string name(reference.substr(kReference.size()));
        HONE_CHECK(schemas_.contains(name), "no schema {}", name);
        return schemas_[name];
    }

    const Json& Resolved(const Json& schema) const {
        const auto reference = schema.find("$ref");
        return reference == schema.end() ? schema
                                         : Resolved(Referred(reference->get<std::string>()));
    }

    // "a string or null", for a message.
    std::string Expected(const Json& schema) const {
        const Json& resolved = Resolved(schema);
        std::vector<std::string> names;
        if (const auto options = resolved.find("anyOf"); options != resolved.end()) {
            for (const Json& option : *options) {
                std::string name = Expected(option);
                if (std::find(names.begin(), names.end(), name) == names.end())
                    names.push_back(std::move(name));
            }
        } else {
            for (const std::string& type : TypesOf(resolved)) names.push_back(WithArticle(type));
        }
        return names.empty() ? "another value" : fmt::format("{}", fmt::join(names, " or "));
    }

    // One must fit. If none does, the one whose type and fixed members fit says why.
    std::optional<ApiError> CheckOptions(const Json& options, const Json& value,
                                         const std::string& path) const {
        std::optional<ApiError> nearest;
        for (const Json& option : options) {
            auto error = Check(option, value, path);
            if (!error) return std::nullopt;
            if (error->code != "invalid_type" || error->param != path)
                if (!nearest || !MissesConstant(option, value)) nearest = std::move(error);
        }
        if (nearest) return nearest;
        return Error(path, "invalid_type", "Invalid type for {}: expected {}, but got {} instead.",
                     Quoted(path), Expected(Json{{"anyOf", options}}),
                     WithArticle(TypeName(value)));
    }

    // Whether a member of the object has another value than the one that the schema fixes:
    // {"type": "function"} is then not meant.
    bool MissesConstant(const Json& schema, const Json& value) const {
        const Json& resolved = Resolved(schema);
        const auto properties = resolved.find("properties");
        if (!value.is_object() || properties == resolved.end()) return false;
        for (const auto& [name, property] : properties->items()) {
            const auto fixed = property.find("const");
            const auto member = value.find(name);
            if (fixed != property.end() && (member == value.end() || *member != *fixed))
                return true;
        }
        return false;
    }

    static std::optional<ApiError> CheckChoice(const Json& schema, const Json& value,
                                               const std::string& path) {
        if (const auto fixed = schema.find("const"); fixed != schema.end() && value != *fixed)
            return Error(path, "invalid_value", "Invalid value: {}. Supported values are: {}.",
                         Shown(value), Shown(*fixed));
        const auto choices = schema.find("enum");
        if (choices == schema.end() ||
            std::find(choices->begin(), choices->end(), value) != choices->end())
            return std::nullopt;
        std::vector<std::string> names;
        for (const Json& choice : *choices) names.push_back(choice.dump());
        return Error(path, "invalid_value", "Invalid value: {}. Supported values are: {}.",
                     Shown(value), fmt::join(names, ", "));
    }

    static std::optional<ApiError> CheckNumber(const Json& schema, const Json& value,
                                               const std::string& path) {
        const double number = value.get<double>();
        const auto bound = [&](const char* word, auto holds, std::string_view sign,
                               bool low) -> std::optional<ApiError> {
            const auto limit = schema.find(word);
            if (limit == schema.end() || holds(number, limit->get<double>())) return std::nullopt;
            return Error(path,
                         fmt::format("{}_{}", value.is_number_integer() ? "integer" : "decimal",
                                     low ? "below_min_value" : "above_max_value"),
                         "Invalid {}: expected a value {} {}, but got {} instead.", Quoted(path),
                         sign, limit->dump(), Shown(value));
        };
        if (auto error = bound("minimum", std::greater_equal<>(), ">=", true)) return error;
        if (auto error = bound("exclusiveMinimum", std::greater<>(), ">", true)) return error;
        if (auto error = bound("maximum", std::less_equal<>(), "<=", false)) return error;
        return bound("exclusiveMaximum", std::less<>(), "<", false);
    }

    // Of a string's, list's or object's size, which is counted in `units`.
    static std::optional<ApiError> CheckSize(const Json& schema, const char* least,
                                             const char* most, size_t size, std::string_view units,
                                             const std::string& path) {
        const auto minimum = schema.find(least), maximum = schema.find(most);
        const bool below = minimum != schema.end() && size < minimum->get<size_t>();
        const bool above = maximum != schema.end() && size > maximum->get<size_t>();
        if (!below && !above) return std::nullopt;
        return Error(path, below ? "too_short" : "too_long",
                     "Invalid {}: expected at {} {} {}, but got {} instead.", Quoted(path),
                     below ? "least" : "most", (below ? minimum : maximum)->dump(), units, size);
    }

    static std::optional<ApiError> CheckString(const Json& schema, const Json& value,
                                               const std::string& path) {
        if (!schema.contains("minLength") && !schema.contains("maxLength")) return std::nullopt;
        return CheckSize(schema, "minLength", "maxLength",
                         CountCharacters(value.get_ref<const std::string&>()), "characters", path);
    }

    std::optional<ApiError> CheckArray(const Json& schema, const Json& value,
                                       const std::string& path) const {
        if (auto error = CheckSize(schema, "minItems", "maxItems", value.size(), "items", path))
            return error;
        const auto items = schema.find("items");
        if (items == schema.end()) return std::nullopt;
        for (size_t i = 0; i < value.size(); ++i)
            if (auto error = Check(*items, value[i], fmt::format("{}[{}]", path, i))) return error;
        return std::nullopt;
    }

    std::optional<ApiError> CheckObject(const Json& schema, const Json& value,
                                        const std::string& path) const {
        const auto inside = [&](const std::string& name) {
            return path.empty() ? name : path + "." + name;
        };
        if (auto error =
                CheckSize(schema, "minProperties", "maxProperties", value.size(), "members", path))
            return error;
        if (const auto required = schema.find("required"); required != schema.end()) {
            for (const auto& name : *required) {
                if (value.contains(name.get_ref<const std::string&>())) continue;
                const std::string missing = inside(name);
                return Error(missing, "missing_required_parameter",
                             "Missing required parameter: '{}'.", missing);
            }
        }
        const auto properties = schema.find("properties");
        const auto others = schema.find("additionalProperties");
        for (const auto& [name, member] : value.items()) {
            const bool known = properties != schema.end() && properties->contains(name);
            if (!known && others != schema.end() && *others == false)
                return Error(inside(name).substr(0, 200), "unknown_parameter",
                             "Unknown parameter: '{:.200}'.", inside(name));
            const Json* rule = known ? &(*properties)[name]
                               : others != schema.end() && others->is_object() ? &*others
                                                                               : nullptr;
            if (rule == nullptr) continue;
            if (auto error = Check(*rule, member, inside(name))) return error;
        }
        return std::nullopt;
    }

    const Json& schemas_;
};

}  // namespace

void Schemas::Add(std::string_view text) {
    const Json added = Json::parse(text);
    for (const auto& [name, schema] : added.items()) {
        HONE_CHECK(!schemas_.contains(name), "two schemas {}", name);
        CheckWords(schema);
        schemas_[name] = schema;
    }
}

const Json& Schemas::Get(std::string_view name) const {
    const auto schema = schemas_.find(std::string(name));
    HONE_CHECK(schema != schemas_.end(), "no schema {}", name);
    return *schema;
}

std::optional<ApiError> Schemas::Check(const Json& schema, const Json& value) const {
    return Checker(schemas_).Check(schema, value, "");
}

}  // namespace hone::server
