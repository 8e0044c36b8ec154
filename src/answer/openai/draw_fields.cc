#include "answer/openai/draw_fields.h"

#include <charconv>

#include "answer/openai/api_error.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<std::vector<std::string>> ReadStop(const Json& value) {
    std::vector<std::string> stops;
    if (value.is_array()) {
        if (value.size() > kMaxStops)
            return RequestError(
                fmt::format("Invalid 'stop': array too long. Expected an array with maximum length "
                            "{}, but got an array with length {} instead.",
                            kMaxStops, value.size()),
                "stop", "array_above_max_length");
        for (const Json& one : value) {
            if (!one.is_string()) return TypeError("stop", "a string or an array of strings", one);
            stops.push_back(one);
        }
    } else if (value.is_string()) {
        stops.push_back(value);
    } else {
        return TypeError("stop", "a string or an array of strings", value);
    }
    for (const std::string& stop : stops)
        if (stop.size() > kMaxStopBytes)
            return RequestError(
                fmt::format("Invalid 'stop': a string of {} bytes is longer than {}.", stop.size(),
                            kMaxStopBytes),
                "stop", "string_above_max_length");
    return stops;
}

absl::StatusOr<LogitBias> ReadLogitBias(const Json& value) {
    if (value.size() > kMaxLogitBias)
        return RequestError(fmt::format("Invalid 'logit_bias': {} tokens, more than {}.",
                                        value.size(), kMaxLogitBias),
                            "logit_bias", "invalid_value");
    LogitBias bias;
    for (const auto& [name, number] : value.items()) {
        int32_t token = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), token);
        if (error != std::errc() || end != name.data() + name.size() || token < 0)
            return RequestError(
                fmt::format("Invalid key in 'logit_bias': {:.60}. A key is the number of a token.",
                            name),
                "logit_bias", "invalid_value");
        if (!number.is_number()) return TypeError("logit_bias", "a decimal number", number);
        const double amount = number.get<double>();
        if (!(amount >= -100 && amount <= 100))
            return RequestError(
                fmt::format("Invalid 'logit_bias': {} of token {} is outside -100 to 100.",
                            number.dump(), token),
                "logit_bias", "invalid_value");
        bias.emplace_back(token, static_cast<float>(amount));
    }
    return bias;
}

absl::StatusOr<std::vector<int32_t>> ReadTokens(const Json& value, std::string_view param) {
    std::vector<int32_t> tokens;
    for (const Json& token : value) {
        if (!token.is_number_integer()) return TypeError(param, "an integer", token);
        if (token < 0 || token > INT32_MAX)
            return RequestError(
                fmt::format("Invalid '{}': {} is the number of no token.", param, token.dump()),
                param, "invalid_value");
        tokens.push_back(token.get<int32_t>());
    }
    return tokens;
}

}  // namespace

void ReadDrawFields(BodyReader& reader, DrawFields& fields) {
    const Json* stop = nullptr;
    const Json* bias = nullptr;
    const Json* stream_options = nullptr;
    std::optional<std::string> service_tier;
    reader.Number("temperature", 0, 2, fields.temperature)
        .Number("top_p", 0, 1, fields.top_p)
        .Number("frequency_penalty", -2, 2, fields.frequency_penalty)
        .Number("presence_penalty", -2, 2, fields.presence_penalty)
        .Integer("seed", INT64_MIN, INT64_MAX, fields.seed)
        .Any("stop", stop)
        .Object("logit_bias", bias)
        .Bool("stream", fields.stream)
        .Object("stream_options", stream_options)
        .Choice("service_tier", {"auto", "default"}, service_tier);
    for (const char* label : {"model", "user", "metadata", "store", "safety_identifier",
                              "prompt_cache_key", "prompt_cache_retention"})
        reader.Skip(label);
    if (stop != nullptr) {
        auto stops = ReadStop(*stop);
        reader.Fail(stops.status());
        if (stops.ok()) fields.stop = *std::move(stops);
    }
    if (bias != nullptr) {
        auto read = ReadLogitBias(*bias);
        reader.Fail(read.status());
        if (read.ok()) fields.logit_bias = *std::move(read);
    }
    if (stream_options == nullptr) return;
    if (!fields.stream)
        reader.Fail(
            RequestError("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                         "stream_options", "invalid_value"));
    BodyReader options(*stream_options, "stream_options");
    bool obfuscation = false;
    options.Bool("include_usage", fields.include_usage).Bool("include_obfuscation", obfuscation);
    reader.Fail(options.Finish());
}

absl::StatusOr<std::vector<TextOrTokens>> ReadTexts(const Json& value, std::string_view param) {
    std::vector<TextOrTokens> texts;
    if (value.is_string()) {
        texts.emplace_back(value.get<std::string>());
        return texts;
    }
    if (!value.is_array())
        return TypeError(param, "a string, an array of strings or an array of tokens", value);
    if (value.empty())
        return RequestError(fmt::format("Invalid '{}': empty array. Expected an array with minimum "
                                        "length 1, but got an empty array instead.",
                                        param),
                            param, "empty_array");
    if (value.front().is_number()) {
        HONE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, ReadTokens(value, param));
        texts.emplace_back(std::move(tokens));
        return texts;
    }
    if (value.size() > kMaxInputs)
        return RequestError(
            fmt::format("Invalid '{}': {} texts, more than {}.", param, value.size(), kMaxInputs),
            param, "array_above_max_length");
    for (const Json& one : value) {
        if (one.is_string()) {
            texts.emplace_back(one.get<std::string>());
        } else if (one.is_array()) {
            HONE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, ReadTokens(one, param));
            texts.emplace_back(std::move(tokens));
        } else {
            return TypeError(param, "a string or an array of tokens", one);
        }
    }
    return texts;
}

}  // namespace hone
