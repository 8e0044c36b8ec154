#include "answer/grading/grader.h"

#include <algorithm>
#include <cmath>

#include "answer/openai/api_error.h"
#include "answer/openai/body_reader.h"
#include "answer/openai/requests.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using Kind = SingleGrader::Kind;

constexpr size_t kMaxName = 256;

// A template as a field of the request.
absl::StatusOr<TemplateText> ReadTemplate(const std::string& text, const std::string& param) {
    auto parsed = TemplateText::Parse(text);
    if (!parsed.ok())
        return RequestError(
            fmt::format("Invalid '{}': {}.", param, std::string(parsed.status().message())), param,
            "invalid_value");
    return parsed;
}

absl::StatusOr<TemplateText> ReadTemplateField(BodyReader& reader, const char* name) {
    std::optional<std::string> text;
    reader.Required(name).Text(name, kMaxGradedBytes, text);
    HONE_RETURN_IF_ERROR(reader.status());
    return ReadTemplate(*text, reader.Path(name));
}

// The text of a message: a string, a part with a text, or an array of both.
absl::StatusOr<std::string> ContentText(const Json& content, const std::string& param) {
    if (content.is_string()) return content.get<std::string>();
    if (content.is_array()) {
        std::string all;
        for (size_t i = 0; i < content.size(); ++i) {
            const std::string path = fmt::format("{}[{}]", param, i);
            if (content[i].is_array()) return TypeError(path, "a string or an object", content[i]);
            HONE_ASSIGN_OR_RETURN(const std::string text, ContentText(content[i], path));
            all += text;
        }
        return all;
    }
    if (!content.is_object()) return TypeError(param, "a string, an object or an array", content);
    std::optional<std::string> type, text;
    BodyReader reader(content, param);
    reader.Required("type").Choice(
        "type", {"input_text", "output_text", "input_image", "input_audio"}, type);
    if (reader.status().ok() && *type != "input_text" && *type != "output_text")
        return RequestError(fmt::format("Invalid '{}': content of type '{}' cannot be used: the "
                                        "model reads text alone.",
                                        param, *type),
                            param, "unsupported_value");
    reader.Required("text").Text("text", kMaxGradedBytes, text);
    HONE_RETURN_IF_ERROR(reader.Finish());
    return *text;
}

absl::Status ReadMessages(const Json& input, const std::string& param, SingleGrader& grader) {
    for (size_t i = 0; i < input.size(); ++i) {
        const std::string path = fmt::format("{}[{}]", param, i);
        std::optional<std::string> role, type;
        const Json* content = nullptr;
        BodyReader reader(input[i], path);
        reader.Required("role").Choice("role", {"user", "assistant", "system", "developer"}, role);
        reader.Choice("type", {"message"}, type).Required("content").Any("content", content);
        HONE_RETURN_IF_ERROR(reader.Finish());
        HONE_ASSIGN_OR_RETURN(const std::string text, ContentText(*content, path + ".content"));
        HONE_ASSIGN_OR_RETURN(TemplateText parsed, ReadTemplate(text, path + ".content"));
        grader.messages.push_back({*role, std::move(parsed)});
    }
    return absl::OkStatus();
}

absl::Status ReadSampling(const Json& params, const std::string& path, Json& sampling) {
    std::optional<double> temperature, top_p;
    std::optional<int64_t> seed, max_tokens;
    std::optional<std::string> effort;
    BodyReader reader(params, path);
    reader.Number("temperature", 0, 2, temperature).Number("top_p", 0, 1, top_p);
    reader.Integer("seed", INT64_MIN, INT64_MAX, seed);
    reader.Integer("max_completions_tokens", 1, INT32_MAX, max_tokens);
    reader.Choice("reasoning_effort", {"none"}, effort);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (temperature) sampling["temperature"] = *temperature;
    if (top_p) sampling["top_p"] = *top_p;
    if (seed) sampling["seed"] = *seed;
    if (max_tokens) sampling["max_completion_tokens"] = *max_tokens;
    return absl::OkStatus();
}

absl::Status ReadRange(const Json& range, const std::string& param, SingleGrader& grader) {
    for (const Json& end : range)
        if (!end.is_number()) return TypeError(param, "an array of two numbers", end);
    grader.low = range[0].get<double>();
    grader.high = range[1].get<double>();
    if (grader.low < grader.high) return absl::OkStatus();
    return RequestError(
        fmt::format("Invalid '{}': the first number must be below the second.", param), param,
        "invalid_value");
}

absl::StatusOr<std::vector<std::string>> ReadLabels(const Json& labels, const std::string& param) {
    std::vector<std::string> all;
    for (const Json& label : labels) {
        if (!label.is_string()) return TypeError(param, "an array of strings", label);
        const std::string text = label;
        if (text.empty() || text.size() > kMaxName ||
            std::find(all.begin(), all.end(), text) != all.end())
            return RequestError(
                fmt::format("Invalid '{}': a label has 1 to {} bytes, and none comes twice.", param,
                            kMaxName),
                param, "invalid_value");
        all.push_back(text);
    }
    return all;
}

absl::Status ReadModelFields(BodyReader& reader, SingleGrader& grader) {
    const Json* input = nullptr;
    const Json* sampling = nullptr;
    std::optional<std::string> model;
    reader.Required("model").Text("model", kMaxName, model);
    reader.Required("input").Array("input", 1, kMaxGraderMessages, input);
    reader.Object("sampling_params", sampling);
    HONE_RETURN_IF_ERROR(reader.status());
    grader.model = *model;
    // The same sample has the same reward unless the grader says otherwise.
    grader.sampling = {{"temperature", 0}, {"max_completion_tokens", 256}};
    HONE_RETURN_IF_ERROR(ReadMessages(*input, reader.Path("input"), grader));
    return sampling == nullptr
               ? absl::OkStatus()
               : ReadSampling(*sampling, reader.Path("sampling_params"), grader.sampling);
}

absl::Status ReadLabelFields(BodyReader& reader, SingleGrader& grader) {
    const Json* labels = nullptr;
    const Json* passing = nullptr;
    reader.Required("labels").Array("labels", 1, kMaxGraderLabels, labels);
    reader.Required("passing_labels").Array("passing_labels", 1, kMaxGraderLabels, passing);
    HONE_RETURN_IF_ERROR(reader.status());
    HONE_ASSIGN_OR_RETURN(grader.labels, ReadLabels(*labels, reader.Path("labels")));
    const std::string param = reader.Path("passing_labels");
    HONE_ASSIGN_OR_RETURN(grader.passing, ReadLabels(*passing, param));
    for (const std::string& label : grader.passing)
        if (std::find(grader.labels.begin(), grader.labels.end(), label) == grader.labels.end())
            return RequestError(
                fmt::format("Invalid '{}': '{}' is not among the labels.", param, label), param,
                "invalid_value");
    return absl::OkStatus();
}

// `type` was read before.
absl::StatusOr<SingleGrader> ReadSingle(const Json& value, const std::string& type,
                                        const std::string& path) {
    SingleGrader grader;
    std::optional<std::string> name, way;
    BodyReader reader(value, path);
    reader.Skip("type").Required("name").Text("name", kMaxName, name);
    if (type == "string_check" || type == "text_similarity") {
        grader.kind = type == "string_check" ? Kind::kStringCheck : Kind::kTextSimilarity;
        HONE_ASSIGN_OR_RETURN(grader.input, ReadTemplateField(reader, "input"));
        HONE_ASSIGN_OR_RETURN(grader.reference, ReadTemplateField(reader, "reference"));
        if (grader.kind == Kind::kStringCheck) {
            reader.Required("operation").Choice("operation", {"eq", "ne", "like", "ilike"}, way);
        } else {
            reader.Required("evaluation_metric")
                .Choice("evaluation_metric",
                        {"cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2",
                         "rouge_3", "rouge_4", "rouge_5", "rouge_l"},
                        way);
        }
    } else {
        const Json* range = nullptr;
        grader.kind = type == "score_model" ? Kind::kScoreModel : Kind::kLabelModel;
        HONE_RETURN_IF_ERROR(ReadModelFields(reader, grader));
        if (grader.kind == Kind::kScoreModel) {
            reader.Array("range", 2, 2, range);
        } else {
            HONE_RETURN_IF_ERROR(ReadLabelFields(reader, grader));
        }
        if (range != nullptr) HONE_RETURN_IF_ERROR(ReadRange(*range, reader.Path("range"), grader));
    }
    HONE_RETURN_IF_ERROR(reader.Finish());
    grader.key = *name;
    grader.way = way.value_or("");
    return grader;
}

// The grader's type, of those that there are inside a multi grader or outside of one.
absl::StatusOr<std::string> ReadType(const Json& value, const std::string& path, bool inside) {
    std::optional<std::string> type;
    BodyReader reader(value, path);
    reader.Required("type").Choice(
        "type",
        {"string_check", "text_similarity", "python", "score_model", "label_model", "multi"}, type);
    HONE_RETURN_IF_ERROR(reader.status());
    if (*type == "python")
        return RequestError(
            fmt::format("Invalid '{}': graders of type 'python' are not supported: this server "
                        "runs no code of its clients. There are string_check, text_similarity, "
                        "score_model, label_model and multi.",
                        reader.Path("type")),
            reader.Path("type"), "unsupported_value");
    if (*type == "multi" && inside)
        return RequestError(fmt::format("Invalid '{}': a multi grader holds no other multi grader.",
                                        reader.Path("type")),
                            reader.Path("type"), "unsupported_value");
    return *type;
}

bool IsFormulaName(const std::string& name) {
    const auto parsed = Formula::Parse(name);
    return parsed.ok() && parsed->names().size() == 1 && parsed->names().contains(name);
}

absl::Status ReadMulti(const Json& value, Grader& grader) {
    std::optional<std::string> name, formula;
    const Json* graders = nullptr;
    BodyReader reader(value, "grader");
    reader.Skip("type").Required("name").Text("name", kMaxName, name);
    reader.Required("graders").Object("graders", graders);
    reader.Required("calculate_output").Text("calculate_output", kMaxFormulaBytes, formula);
    HONE_RETURN_IF_ERROR(reader.Finish());
    grader.name = *name;
    // The SDKs' types have one grader here, and the service a map of them by name.
    const bool one = graders->contains("type") && (*graders)["type"].is_string();
    const size_t count = one ? 1 : graders->size();
    if (count < 1 || count > kMaxGraders)
        return RequestError(fmt::format("Invalid 'grader.graders': expected 1 to {} graders, but "
                                        "got {} instead.",
                                        kMaxGraders, count),
                            "grader.graders", "invalid_value");
    const auto add = [&](const Json& part, const std::string& path) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(const std::string type, ReadType(part, path, true));
        HONE_ASSIGN_OR_RETURN(SingleGrader single, ReadSingle(part, type, path));
        grader.parts.push_back(std::move(single));
        return absl::OkStatus();
    };
    if (one) {
        HONE_RETURN_IF_ERROR(add(*graders, "grader.graders"));
    } else {
        for (const auto& [key, part] : graders->items()) {
            HONE_RETURN_IF_ERROR(add(part, fmt::format("grader.graders.{:.100}", key)));
            grader.parts.back().key = key;
        }
    }
    auto parsed = Formula::Parse(*formula);
    if (!parsed.ok())
        return RequestError(fmt::format("Invalid 'grader.calculate_output': {}.",
                                        std::string(parsed.status().message())),
                            "grader.calculate_output", "invalid_value");
    for (const SingleGrader& part : grader.parts)
        if (!IsFormulaName(part.key))
            return RequestError(
                fmt::format(
                    "Invalid 'grader.graders': '{:.100}' is no name for a formula: letters, "
                    "digits and '_'.",
                    part.key),
                "grader.graders", "invalid_value");
    for (const std::string& used : parsed->names())
        if (std::none_of(grader.parts.begin(), grader.parts.end(),
                         [&](const SingleGrader& part) { return part.key == used; }))
            return RequestError(fmt::format("Invalid 'grader.calculate_output': there is no grader "
                                            "'{:.100}'.",
                                            used),
                                "grader.calculate_output", "invalid_value");
    grader.formula = *std::move(parsed);
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Grader> Grader::Read(const Json& value) {
    Grader grader;
    HONE_ASSIGN_OR_RETURN(grader.type, ReadType(value, "grader", false));
    if (grader.type == "multi") {
        HONE_RETURN_IF_ERROR(ReadMulti(value, grader));
        return grader;
    }
    HONE_ASSIGN_OR_RETURN(SingleGrader single, ReadSingle(value, grader.type, "grader"));
    grader.name = single.key;
    grader.parts.push_back(std::move(single));
    return grader;
}

}  // namespace hone
