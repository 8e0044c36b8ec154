#include "infer/grammar/json_schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "infer/grammar/json_syntax.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 10> kAnnotations = {
    "title",    "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly",   "$schema", "$id",      "$comment"};
constexpr std::array<std::string_view, 2> kDefinitions = {"$defs", "definitions"};
constexpr std::array<std::string_view, 7> kShapes = {
    "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems"};
constexpr std::array<std::string_view, 7> kTypes = {"string", "number", "integer", "boolean",
                                                    "null",   "object", "array"};

template <size_t N>
bool In(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsOfType(const Json& value, std::string_view type) {
    if (type == "string") return value.is_string();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_number_integer();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    return type == "object" ? value.is_object() : value.is_array();
}

std::string Text(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Compiler {
  public:
    Compiler() : syntax_(automaton_) {}

    // Rule 0 is the schema.
    absl::Status Whole(const Json& schema) {
        automaton_.AddRule();
        HONE_ASSIGN_OR_RETURN(const int end, Value(automaton_.Start(0), {schema, schema, "#"}));
        automaton_.Jump(end, automaton_.End(0));
        return FinishRules();
    }

    absl::Status Calls(const std::vector<CallableFunction>& functions,
                       const std::string& arguments_key) {
        automaton_.AddRule();
        for (const CallableFunction& function : functions) {
            const int key = automaton_.Literal(
                automaton_.Start(0),
                fmt::format("{{\"name\": {}, {}: ", Text(function.name), Text(arguments_key)));
            absl::StatusOr<int> end =
                function.parameters.is_null()
                    ? automaton_.Literal(key, "{}")
                    : Value(key, {function.parameters, function.parameters, "#"});
            absl::Status status = end.status();
            if (status.ok()) {
                automaton_.Jump(automaton_.Literal(*end, "}"), automaton_.End(0));
                status = FinishRules();
            }
            if (!status.ok()) return Annotate(status, "function " + function.name);
        }
        return absl::OkStatus();
    }

    absl::StatusOr<std::shared_ptr<const Automaton>> Take() {
        HONE_RETURN_IF_ERROR(automaton_.Finish());
        return std::make_shared<const Automaton>(std::move(automaton_));
    }

  private:
    // A schema, the one that its references start from, and where it stands there.
    struct At {
        const Json& schema;
        const Json& root;
        std::string path;
    };

    static At Below(const At& at, const Json& schema, const std::string& step) {
        return {schema, at.root, at.path + "/" + step};
    }

    static absl::Status Wrong(const At& at, std::string_view what) {
        return DataError("{:.200}: {}", at.path, what);
    }

    absl::Status FinishRules() {
        while (!waiting_.empty()) {
            const auto [rule, at] = waiting_.back();
            waiting_.pop_back();
            HONE_ASSIGN_OR_RETURN(const int end, Value(automaton_.Start(rule), at));
            automaton_.Jump(end, automaton_.End(rule));
        }
        return absl::OkStatus();
    }

    absl::Status CheckKeywords(const At& at) const {
        for (const auto& [name, value] : at.schema.items())
            if (!In(kAnnotations, name) && !In(kDefinitions, name) && !In(kShapes, name) &&
                name != "enum" && name != "const" && name != "anyOf" && name != "allOf" &&
                name != "$ref")
                return Wrong(at, fmt::format("the keyword \"{:.60}\" is not supported", name));
        return absl::OkStatus();
    }

    // The keyword stands alone, but for what does not narrow it.
    static absl::Status CheckAlone(const At& at, std::string_view keyword,
                                   std::string_view beside = "") {
        for (const auto& [name, value] : at.schema.items())
            if (name != keyword && name != beside && !In(kAnnotations, name) &&
                !In(kDefinitions, name))
                return Wrong(at,
                             fmt::format("\"{}\" beside \"{}\" is not supported", name, keyword));
        return absl::OkStatus();
    }

    absl::StatusOr<int> Value(int from, const At& at) {
        if (++nodes_ > kMaxSchemaNodes)
            return Wrong(at, fmt::format("more than {} schemas", kMaxSchemaNodes));
        if (automaton_.size() > kMaxGrammarStates) return Wrong(at, "the schema is too large");
        if (at.schema == true) return syntax_.Value(from);
        if (!at.schema.is_object())
            return Wrong(at,
                         fmt::format("a schema must be an object, not {:.60}", Text(at.schema)));
        HONE_RETURN_IF_ERROR(CheckKeywords(at));
        if (at.schema.contains("$ref")) return Reference(from, at);
        if (at.schema.contains("const")) {
            HONE_RETURN_IF_ERROR(CheckAlone(at, "const", "type"));
            return Values(from, at, Json::array({at.schema["const"]}), "const");
        }
        if (at.schema.contains("enum")) {
            HONE_RETURN_IF_ERROR(CheckAlone(at, "enum", "type"));
            return Values(from, at, at.schema["enum"], "enum");
        }
        for (const char* keyword : {"anyOf", "allOf"})
            if (at.schema.contains(keyword)) return Alternatives(from, at, keyword);
        HONE_ASSIGN_OR_RETURN(const std::vector<std::string> types, Types(at));
        if (types.empty()) return syntax_.Value(from);
        const int joined = automaton_.NewState();
        for (const std::string& type : types) {
            HONE_ASSIGN_OR_RETURN(const int end, OfType(from, at, type));
            automaton_.Jump(end, joined);
        }
        return joined;
    }

    absl::StatusOr<int> Reference(int from, const At& at) {
        HONE_RETURN_IF_ERROR(CheckAlone(at, "$ref"));
        const Json& value = at.schema["$ref"];
        const std::string name = value.is_string() ? value.get<std::string>() : "";
        const Json* target = nullptr;
        if (name == "#") {
            target = &at.root;
        } else if (name.starts_with("#/")) {
            // Its parts may hold ~0 and ~1; a part that is not there throws.
            try {
                target = &at.root.at(Json::json_pointer(name.substr(1)));
            } catch (const Json::exception&) {
                target = nullptr;
            }
        }
        if (target == nullptr)
            return Wrong(at,
                         fmt::format("\"$ref\" {:.100} leads nowhere in this schema", Text(value)));
        const auto [found, added] = rules_.emplace(target, 0);
        if (added) {
            found->second = automaton_.AddRule();
            waiting_.push_back({found->second, At{*target, at.root, name}});
        }
        return automaton_.Call(from, found->second);
    }

    absl::StatusOr<int> Values(int from, const At& at, const Json& values,
                               std::string_view keyword) {
        if (!values.is_array() || values.empty())
            return Wrong(at, fmt::format("\"{}\" must be a list with a value", keyword));
        HONE_ASSIGN_OR_RETURN(const std::vector<std::string> types, Types(at));
        // Values that begin alike go the same way as far as they do.
        const int joined = automaton_.NewState();
        std::map<std::pair<int, char>, int> steps;
        bool any = false;
        for (const Json& value : values) {
            if (++values_ > kMaxSchemaValues)
                return Wrong(at, fmt::format("more than {} values of enums", kMaxSchemaValues));
            if (!types.empty() && std::none_of(types.begin(), types.end(), [&](const auto& type) {
                    return IsOfType(value, type);
                }))
                continue;
            any = true;
            int at_state = from;
            for (char byte : Text(value)) {
                const auto [step, added] = steps.emplace(std::pair(at_state, byte), 0);
                if (added) step->second = automaton_.Literal(at_state, {&byte, 1});
                at_state = step->second;
            }
            automaton_.Jump(at_state, joined);
        }
        if (!any) return Wrong(at, fmt::format("no value of \"{}\" has the type", keyword));
        return joined;
    }

    absl::StatusOr<int> Alternatives(int from, const At& at, const char* keyword) {
        HONE_RETURN_IF_ERROR(CheckAlone(at, keyword));
        const Json& schemas = at.schema[keyword];
        if (!schemas.is_array() || schemas.empty())
            return Wrong(at, fmt::format("\"{}\" must be a list with a schema", keyword));
        if (schemas.size() > kMaxSchemaAlternatives)
            return Wrong(
                at, fmt::format("more than {} schemas in \"{}\"", kMaxSchemaAlternatives, keyword));
        if (schemas.size() > 1 && keyword == std::string_view("allOf"))
            return Wrong(at, "\"allOf\" of several schemas is not supported");
        const int joined = automaton_.NewState();
        for (size_t i = 0; i < schemas.size(); ++i) {
            HONE_ASSIGN_OR_RETURN(
                const int end,
                Value(from, Below(at, schemas[i], fmt::format("{}/{}", keyword, i))));
            automaton_.Jump(end, joined);
        }
        return joined;
    }

    // Empty: any.
    static absl::StatusOr<std::vector<std::string>> Types(const At& at) {
        std::vector<std::string> types;
        const Json& schema = at.schema;
        if (const auto type = schema.find("type"); type != schema.end()) {
            const Json list = type->is_array() ? *type : Json::array({*type});
            for (const Json& one : list) {
                if (!one.is_string() || !In(kTypes, one.get_ref<const std::string&>()))
                    return Wrong(at, fmt::format("{:.60} is no type", Text(one)));
                types.push_back(one);
            }
            if (types.empty()) return Wrong(at, "\"type\" is an empty list");
        } else if (schema.contains("properties") || schema.contains("required") ||
                   schema.contains("additionalProperties")) {
            types.push_back("object");
        } else if (schema.contains("items") || schema.contains("minItems") ||
                   schema.contains("maxItems")) {
            types.push_back("array");
        }
        return types;
    }

    absl::StatusOr<int> OfType(int from, const At& at, std::string_view type) {
        if (type == "string") return syntax_.String(from);
        if (type == "number") return syntax_.Number(from);
        if (type == "integer") return syntax_.Integer(from);
        if (type == "null") return automaton_.Literal(from, "null");
        if (type == "boolean")
            return syntax_.Either(
                {automaton_.Literal(from, "true"), automaton_.Literal(from, "false")});
        return type == "object" ? Object(from, at) : Array(from, at);
    }

    absl::StatusOr<std::vector<std::string>> RequiredNames(const At& at, const Json& properties) {
        std::vector<std::string> names;
        const auto required = at.schema.find("required");
        if (required == at.schema.end()) return names;
        if (!required->is_array()) return Wrong(at, "\"required\" must be a list");
        for (const Json& name : *required) {
            if (!name.is_string()) return Wrong(at, "\"required\" must hold strings");
            names.push_back(name);
            if (!properties.contains(names.back()))
                return Wrong(at, fmt::format("\"required\" names {:.60}, which is not among the "
                                             "properties",
                                             Text(name)));
        }
        return names;
    }

    absl::StatusOr<int> Object(int from, const At& at) {
        const Json properties = at.schema.value("properties", Json::object());
        if (!properties.is_object()) return Wrong(at, "\"properties\" must be an object");
        const auto more = at.schema.find("additionalProperties");
        const bool closed = more != at.schema.end() && *more == false;
        HONE_ASSIGN_OR_RETURN(const std::vector<std::string> required,
                              RequiredNames(at, properties));
        if (!properties.empty()) return Properties(from, at, required);
        if (closed) return automaton_.Literal(syntax_.Space(automaton_.Literal(from, "{")), "}");
        if (more == at.schema.end() || *more == true) return syntax_.Object(from);
        absl::Status status;
        const int end = syntax_.Pairs(from, [&](int value) {
            auto behind = Value(value, Below(at, *more, "additionalProperties"));
            status = behind.status();
            return behind.ok() ? *behind : value;
        });
        if (!status.ok()) return status;
        return end;
    }

    absl::StatusOr<int> Properties(int from, const At& at,
                                   const std::vector<std::string>& required) {
        // Two ways through the list: nothing was written yet, or a comma comes before the next.
        std::optional<int> none = syntax_.Space(automaton_.Literal(from, "{")), some;
        for (const auto& [name, schema] : at.schema["properties"].items()) {
            const int key = automaton_.NewState();
            if (none) automaton_.Jump(*none, key);
            if (some) automaton_.Jump(syntax_.Space(automaton_.Literal(*some, ",")), key);
            const int colon = automaton_.Literal(key, Text(name) + ":");
            HONE_ASSIGN_OR_RETURN(const int end, Value(syntax_.Space(colon),
                                                       Below(at, schema, "properties/" + name)));
            const int behind = automaton_.NewState();
            automaton_.Jump(end, behind);
            if (std::find(required.begin(), required.end(), name) != required.end()) {
                none.reset();
            } else if (some) {
                automaton_.Jump(*some, behind);
            }
            some = behind;
        }
        const int close = automaton_.NewState();
        if (none) automaton_.Jump(*none, close);
        automaton_.Jump(syntax_.Space(*some), close);
        return automaton_.Literal(close, "}");
    }

    absl::StatusOr<std::optional<int64_t>> Count(const At& at, const char* keyword) {
        const auto value = at.schema.find(keyword);
        if (value == at.schema.end()) return std::optional<int64_t>();
        if (!value->is_number_integer() || *value < 0 || *value > kMaxSchemaItems)
            return Wrong(at, fmt::format("\"{}\" must be an integer from 0 to {}", keyword,
                                         kMaxSchemaItems));
        return std::optional(value->get<int64_t>());
    }

    absl::StatusOr<int> Array(int from, const At& at) {
        HONE_ASSIGN_OR_RETURN(const std::optional<int64_t> least, Count(at, "minItems"));
        HONE_ASSIGN_OR_RETURN(const std::optional<int64_t> most, Count(at, "maxItems"));
        const int64_t min = least.value_or(0);
        if (most && *most < min) return Wrong(at, "\"maxItems\" is less than \"minItems\"");
        const int open = syntax_.Space(automaton_.Literal(from, "["));
        const int close = automaton_.NewState();
        if (min == 0) automaton_.Jump(open, close);
        if (!most || *most > 0) {
            const int item = automaton_.AddRule();
            const Json any = true;
            const auto items = at.schema.find("items");
            HONE_ASSIGN_OR_RETURN(
                const int end, Value(automaton_.Start(item),
                                     Below(at, items == at.schema.end() ? any : *items, "items")));
            automaton_.Jump(end, automaton_.End(item));
            int before = open, behind = open;
            for (int64_t i = 1; i <= most.value_or(std::max<int64_t>(min, 1)); ++i) {
                if (i > 1) before = syntax_.Space(automaton_.Literal(behind, ","));
                const int start = automaton_.NewState();
                automaton_.Jump(before, start);
                before = start;
                behind = automaton_.Call(start, item);
                if (i >= min) automaton_.Jump(syntax_.Space(behind), close);
            }
            // The last one as often as it is wanted.
            if (!most) automaton_.Jump(syntax_.Space(automaton_.Literal(behind, ",")), before);
        }
        return automaton_.Literal(close, "]");
    }

    Automaton automaton_;
    JsonSyntax syntax_;
    std::map<const Json*, int> rules_;  // of what a $ref leads to
    std::vector<std::pair<int, At>> waiting_;
    size_t nodes_ = 0, values_ = 0;
};

absl::Status CheckStrict(const Json& schema, const std::string& path) {
    if (!schema.is_object()) return absl::OkStatus();
    const auto type = schema.find("type");
    const bool object =
        schema.contains("properties") || (type != schema.end() && *type == "object");
    if (object) {
        if (schema.value("additionalProperties", Json()) != false)
            return DataError(
                "{}: 'additionalProperties' is required to be supplied and to be false", path);
        const Json required = schema.value("required", Json::array());
        const Json properties = schema.value("properties", Json::object());
        for (const auto& [name, property] : properties.items())
            if (!required.is_array() ||
                std::find(required.begin(), required.end(), name) == required.end())
                return DataError(
                    "{}: 'required' is required to be supplied and to be an array including every "
                    "key in properties. Missing '{}'",
                    path, name);
    }
    for (const auto& [name, value] : schema.items()) {
        const std::string below = path + "/" + name;
        if (name == "items") HONE_RETURN_IF_ERROR(CheckStrict(value, below));
        if (name == "anyOf" || name == "allOf" || name == "properties" || In(kDefinitions, name)) {
            if (!value.is_structured()) continue;
            for (const auto& [step, inner] : value.items())
                HONE_RETURN_IF_ERROR(CheckStrict(inner, below + "/" + step));
        }
    }
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Automaton>> CompileJsonSchema(const Json& schema) {
    Compiler compiler;
    HONE_RETURN_IF_ERROR(compiler.Whole(schema));
    return compiler.Take();
}

std::shared_ptr<const Automaton> JsonObjectGrammar() {
    return CompileJsonSchema({{"type", "object"}}).value();
}

absl::StatusOr<std::shared_ptr<const Automaton>> CompileFunctionCall(
    const std::vector<CallableFunction>& functions, const std::string& arguments_key) {
    Compiler compiler;
    HONE_RETURN_IF_ERROR(compiler.Calls(functions, arguments_key));
    return compiler.Take();
}

absl::Status CheckStrictSchema(const Json& schema) {
    if (!schema.is_object() || schema.value("type", Json()) != "object" || schema.contains("anyOf"))
        return DataError("#: the schema must be of type 'object'");
    return CheckStrict(schema, "#");
}

}  // namespace hone
