// /openapi.json: the routes and their schemas as a description in OpenAPI 3.1.
#pragma once

#include "nlohmann/json.hpp"
#include "server/api/route.h"
#include "server/api/schema.h"

namespace hone::server {

nlohmann::ordered_json DescribeApi(const Router& router, const Schemas& schemas);

}  // namespace hone::server
