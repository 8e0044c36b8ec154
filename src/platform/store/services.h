// What the parts of the platform share.
#pragma once

#include <cstdint>
#include <string>

#include "platform/api/options.h"

namespace hone::platform {

class Database;
class Sql;

// Outlives every part that holds a reference to it.
struct Services {
    PlatformOptions options;
    Database& database;

    int64_t Now() const { return options.clock(); }
};

}  // namespace hone::platform
