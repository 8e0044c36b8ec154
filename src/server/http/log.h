// The server's log: one JSON object a line, on standard error. It never holds a key, a body or a
// query.
#pragma once

#include <spdlog/spdlog.h>

#include "nlohmann/json.hpp"

namespace hone::server {

// From now on every line of this process's log is JSON, those of other rooms too.
void LogAsJson();

// {"time": ..., "level": ..., then the fields}.
void LogLine(spdlog::level::level_enum level, const nlohmann::ordered_json& fields);

}  // namespace hone::server
