// Chat completions that are kept ("store": true).
#pragma once

#include <memory>

#include "platform/answers/answers.h"
#include "server/inference/model_answer.h"

namespace hone::server {

// The completion as it is, which is kept before the client has the end of it. body: the request's,
// whose metadata may be refused.
absl::StatusOr<std::unique_ptr<AnswerForm>> StoredCompletionForm(
    platform::Answers& answers, const platform::Caller& caller, const nlohmann::ordered_json& body);

}  // namespace hone::server
