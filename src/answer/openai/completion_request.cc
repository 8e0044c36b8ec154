#include "answer/openai/api_error.h"
#include "answer/openai/draw_fields.h"

namespace hone {

absl::StatusOr<CompletionRequest> ReadCompletionRequest(const nlohmann::ordered_json& body) {
    CompletionRequest request;
    BodyReader reader(body);
    const BodyReader::Json* prompt = nullptr;
    std::optional<int64_t> n, best_of;
    reader.Any("prompt", prompt).Integer("n", 1, kMaxChoices, n).Integer("best_of", 0, 20, best_of);
    reader.Bool("echo", request.echo).Integer("logprobs", 0, 5, request.logprobs);
    // Of a completion that only echoes nothing is drawn.
    reader.Integer("max_tokens", 0, INT32_MAX, request.max_tokens);
    reader.Refuse("suffix", "is not supported: models continue a text, and fill in none.");
    ReadDrawFields(reader, request);
    HONE_RETURN_IF_ERROR(reader.Finish());
    request.n = n.value_or(1);
    if (!request.max_tokens) request.max_tokens = 16;
    if (*request.max_tokens == 0 && !request.echo)
        return RequestError(
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 "
            "instead.",
            "max_tokens", "integer_below_min_value");
    if (best_of.value_or(1) > request.n)
        return RequestError(
            fmt::format("Unsupported value: 'best_of' {} is above 'n' {}: every answer that is "
                        "drawn is returned.",
                        *best_of, request.n),
            "best_of", "unsupported_value");
    if (prompt == nullptr)
        return RequestError("Missing required parameter: 'prompt'.", "prompt",
                            "missing_required_parameter");
    HONE_ASSIGN_OR_RETURN(request.prompts, ReadTexts(*prompt, "prompt"));
    if (static_cast<int64_t>(request.prompts.size()) * request.n > kMaxChoices)
        return RequestError(fmt::format("{} prompts with n {} are more than {} choices.",
                                        request.prompts.size(), request.n, kMaxChoices),
                            "n", "invalid_value");
    return request;
}

}  // namespace hone
