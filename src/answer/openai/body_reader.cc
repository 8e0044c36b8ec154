#include "answer/openai/body_reader.h"

#include <cmath>

#include "answer/openai/api_error.h"
#include "fmt/ranges.h"

namespace hone {

std::string_view TypeWords(const nlohmann::ordered_json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array";
    if (value.is_string()) return "a string";
    if (value.is_boolean()) return "a boolean";
    if (value.is_number_integer()) return "an integer";
    if (value.is_number()) return "a decimal number";
    return "null";
}

absl::Status TypeError(std::string_view param, std::string_view expected,
                       const nlohmann::ordered_json& value) {
    return RequestError(fmt::format("Invalid type for '{}': expected {}, but got {} instead.",
                                    param, expected, TypeWords(value)),
                        param, "invalid_type");
}

BodyReader::BodyReader(const Json& value, std::string path)
    : object_(value), path_(std::move(path)) {
    if (value.is_object()) return;
    if (path_.empty()) {
        Fail(RequestError("The body of the request must be a JSON object."));
    } else {
        Fail(TypeError(path_, "an object", value));
    }
}

std::string BodyReader::Path(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

const BodyReader::Json* BodyReader::Take(const char* name) {
    if (!status_.ok()) return nullptr;
    known_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void BodyReader::WrongType(const char* name, std::string_view expected, const Json& value) {
    Fail(TypeError(Path(name), expected, value));
}

void BodyReader::OutOfRange(const char* name, std::string_view kind, bool above,
                            std::string_view limit, const Json& value) {
    Fail(RequestError(
        fmt::format("Invalid '{}': {} {} value. Expected a value {} {}, but got {} instead.",
                    Path(name), kind, above ? "above maximum" : "below minimum",
                    above ? "<=" : ">=", limit, value.dump()),
        Path(name), fmt::format("{}_{}_value", kind, above ? "above_max" : "below_min")));
}

BodyReader& BodyReader::Number(const char* name, double low, double high,
                               std::optional<double>& target) {
    const Json* value = Take(name);
    if (value == nullptr) return *this;
    if (!value->is_number()) {
        WrongType(name, "a decimal number", *value);
        return *this;
    }
    const double number = value->get<double>();
    const bool above = number > high;
    if (above || !(number >= low)) {
        OutOfRange(name, "decimal", above, above ? fmt::to_string(high) : fmt::to_string(low),
                   *value);
        return *this;
    }
    target = number;
    return *this;
}

BodyReader& BodyReader::Integer(const char* name, int64_t low, int64_t high,
                                std::optional<int64_t>& target) {
    const Json* value = Take(name);
    if (value == nullptr) return *this;
    // 3.0 is an integer to JSON schema, and some clients write one so.
    const bool whole = value->is_number_float() && std::abs(value->get<double>()) < 9e15 &&
                       std::floor(value->get<double>()) == value->get<double>();
    if (!value->is_number_integer() && !whole) {
        WrongType(name, "an integer", *value);
        return *this;
    }
    const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
    const int64_t number = huge ? INT64_MAX : value->get<int64_t>();
    const bool above = huge || number > high;
    if (above || number < low) {
        OutOfRange(name, "integer", above, above ? fmt::to_string(high) : fmt::to_string(low),
                   *value);
        return *this;
    }
    target = number;
    return *this;
}

BodyReader& BodyReader::Bool(const char* name, bool& target) {
    const Json* value = Take(name);
    if (value == nullptr) return *this;
    if (value->is_boolean()) {
        target = value->get<bool>();
    } else {
        WrongType(name, "a boolean", *value);
    }
    return *this;
}

BodyReader& BodyReader::Text(const char* name, size_t most_bytes,
                             std::optional<std::string>& target) {
    const Json* value = Take(name);
    if (value == nullptr) return *this;
    if (!value->is_string()) {
        WrongType(name, "a string", *value);
        return *this;
    }
    const std::string& text = value->get_ref<const std::string&>();
    if (text.size() > most_bytes) {
        Fail(RequestError(
            fmt::format("Invalid '{}': string too long. Expected a string with maximum length {}, "
                        "but got a string with length {} instead.",
                        Path(name), most_bytes, text.size()),
            Path(name), "string_above_max_length"));
        return *this;
    }
    target = text;
    return *this;
}

BodyReader& BodyReader::Choice(const char* name, std::initializer_list<std::string_view> values,
                               std::optional<std::string>& target) {
    const Json* value = Take(name);
    if (value == nullptr) return *this;
    if (!value->is_string()) {
        WrongType(name, "a string", *value);
        return *this;
    }
    for (std::string_view known : values) {
        if (*value != known) continue;
        target = known;
        return *this;
    }
    Fail(RequestError(fmt::format("Invalid value: '{:.60}'. Supported values are: '{}'.",
                                  value->get_ref<const std::string&>(),
                                  fmt::join(values.begin(), values.end(), "', '")),
                      Path(name), "invalid_value"));
    return *this;
}

BodyReader& BodyReader::Any(const char* name, const Json*& target) {
    target = Take(name);
    return *this;
}

BodyReader& BodyReader::Array(const char* name, size_t least, size_t most, const Json*& target) {
    target = Take(name);
    if (target == nullptr) return *this;
    if (!target->is_array()) {
        WrongType(name, "an array", *target);
    } else if (target->size() < least) {
        Fail(RequestError(
            fmt::format("Invalid '{}': empty array. Expected an array with minimum length {}, but "
                        "got an empty array instead.",
                        Path(name), least),
            Path(name), "empty_array"));
    } else if (target->size() > most) {
        Fail(RequestError(
            fmt::format("Invalid '{}': array too long. Expected an array with maximum length {}, "
                        "but got an array with length {} instead.",
                        Path(name), most, target->size()),
            Path(name), "array_above_max_length"));
    }
    if (!status_.ok()) target = nullptr;
    return *this;
}

BodyReader& BodyReader::Object(const char* name, const Json*& target) {
    target = Take(name);
    if (target == nullptr || target->is_object()) return *this;
    WrongType(name, "an object", *target);
    target = nullptr;
    return *this;
}

BodyReader& BodyReader::Required(const char* name) {
    if (!status_.ok()) return *this;
    if (!object_.contains(name)) {
        Fail(RequestError(fmt::format("Missing required parameter: '{}'.", Path(name)), Path(name),
                          "missing_required_parameter"));
    } else if (object_[name].is_null()) {
        WrongType(name, "a value", object_[name]);
    }
    return *this;
}

BodyReader& BodyReader::Skip(const char* name) {
    known_.insert(name);
    return *this;
}

BodyReader& BodyReader::Refuse(const char* name, std::string_view why) {
    if (Take(name) != nullptr)
        Fail(RequestError(fmt::format("Unsupported parameter: '{}' {}", Path(name), why),
                          Path(name), "unsupported_parameter"));
    return *this;
}

absl::Status BodyReader::Finish() {
    if (!status_.ok()) return status_;
    for (const auto& [name, value] : object_.items())
        if (!known_.contains(name))
            return RequestError(fmt::format("Unknown parameter: '{:.120}'.", Path(name)),
                                Path(name).substr(0, 200), "unknown_parameter");
    return absl::OkStatus();
}

}  // namespace hone
