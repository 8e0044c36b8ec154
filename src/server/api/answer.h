// Answers of the API: JSON, and the envelope that every error comes in.
#pragma once

#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "server/message/message.h"

namespace hone::server {

// What a client is told went wrong: {"error": {message, type, param, code}}. An empty param or code
// is null.
struct ApiError {
    int status = 400;
    std::string message;
    std::string param;
    std::string code;
    int retry_after = 0;  // seconds; 0: the answer does not say
};

// A text of the API's, null where it is empty.
nlohmann::ordered_json TextOrNull(const std::string& text);

HttpResponse ErrorResponse(const ApiError& error);
// A refusal of the platform, with the status that its kind means. A state that does not allow what
// was asked is 400 and not 409, which the SDKs would try again. An error that is no refusal is 500:
// its message goes to the log and not to the client.
HttpResponse ErrorResponse(const absl::Status& status);
// The envelope alone, for what is inside a stream.
nlohmann::ordered_json ErrorEnvelope(const ApiError& error);

HttpResponse JsonResponse(const nlohmann::ordered_json& json, int status = 200);
// How a deletion went: {"id", "object", "deleted": true}, or the refusal.
HttpResponse DeletedResponse(const absl::Status& done, const std::string& id,
                             std::string_view object);
// One line without a line break at its end; bytes that are not UTF-8 become U+FFFD.
std::string CompactJson(const nlohmann::ordered_json& json);

}  // namespace hone::server

#define HONE_ASSIGN_OR_ANSWER_INNER_(result, target, expression)             \
    auto result = (expression);                                              \
    if (!result.ok()) return ::hone::server::ErrorResponse(result.status()); \
    target = *std::move(result)

// HONE_ASSIGN_OR_ANSWER(auto x, F()): x = value of F(), or returns the answer that says why not.
#define HONE_ASSIGN_OR_ANSWER(target, ...) \
    HONE_ASSIGN_OR_ANSWER_INNER_(HONE_CONCAT_(hone_result_, __LINE__), target, (__VA_ARGS__))
