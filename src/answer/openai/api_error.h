// Errors as a client of the OpenAI API gets them: an HTTP status, and the object of the envelope
// {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// A request that cannot be served as it is: 400 with type "invalid_request_error". An empty param
// or code is null.
absl::Status RequestError(std::string message, std::string_view param = "",
                          std::string_view code = "");
// Any other status.
absl::Status HttpError(int status, std::string_view type, std::string message,
                       std::string_view param = "", std::string_view code = "");

struct ApiFailure {
    int status = 500;
    nlohmann::ordered_json error;  // message, type, param, code
};

// Of RequestError and HttpError what they were given. Of the other kinds: kUsage and kData are 400,
// kMemory is 429 (the queue is full), the rest 500.
ApiFailure DescribeFailure(const absl::Status& status);

}  // namespace hone
