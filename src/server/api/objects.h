// The platform's records as the API's objects, in the types that the SDKs' strict parsers accept.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "platform/api/records.h"

namespace hone::server {

// Those that are not set are "auto".
nlohmann::ordered_json ToJson(const platform::Hyperparameters& given, const std::string& method);
nlohmann::ordered_json ToJson(const platform::File& file);
nlohmann::ordered_json ToJson(const platform::Upload& upload);
nlohmann::ordered_json ToJson(const platform::UploadPart& part);
// A paused job has the status "queued", since the SDKs' types know no other word for a job that
// waits, and "paused": true beside it.
nlohmann::ordered_json ToJson(const platform::Job& job);
nlohmann::ordered_json ToJson(const platform::JobEvent& event);
nlohmann::ordered_json ToJson(const platform::JobCheckpoint& checkpoint);
nlohmann::ordered_json ToJson(const platform::CheckpointPermission& permission);
nlohmann::ordered_json ToJson(const platform::Model& model);

}  // namespace hone::server
