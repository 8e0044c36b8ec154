// What a client asks for when it creates a job.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "platform/api/records.h"

namespace hone::platform {

struct JobRequest {
    std::string model;
    std::string training_file;
    std::string validation_file;  // empty: none
    std::string suffix;           // empty: none
    std::optional<int64_t> seed;  // unset: a random one
    std::string method = "supervised";
    Hyperparameters hyperparameters;
    std::vector<Integration> integrations;
    std::optional<Metadata> metadata;
};

// The body of POST /fine_tuning/jobs. Everything is checked that the body alone can tell: types,
// ranges, lengths, members that do not exist; the refusal (kInvalid) names the field in its param
// ("method.dpo.hyperparameters.beta"). null counts as left out where the API says so.
absl::StatusOr<JobRequest> ParseJobRequest(const nlohmann::ordered_json& body);

}  // namespace hone::platform
