#include "answer/openai/api_error.h"
#include "answer/openai/draw_fields.h"

namespace hone {

absl::StatusOr<EmbeddingRequest> ReadEmbeddingRequest(const nlohmann::ordered_json& body) {
    EmbeddingRequest request;
    BodyReader reader(body);
    const BodyReader::Json* input = nullptr;
    std::optional<std::string> format;
    reader.Required("input").Any("input", input).Skip("model").Skip("user");
    reader.Choice("encoding_format", {"float", "base64"}, format);
    reader.Integer("dimensions", 1, INT32_MAX, request.dimensions);
    HONE_RETURN_IF_ERROR(reader.Finish());
    request.base64 = format == "base64";
    HONE_ASSIGN_OR_RETURN(request.inputs, ReadTexts(*input, "input"));
    for (const TextOrTokens& text : request.inputs)
        if (std::visit([](const auto& value) { return value.empty(); }, text))
            return RequestError("Invalid 'input': an empty text has no embedding.", "input",
                                "invalid_value");
    return request;
}

}  // namespace hone
