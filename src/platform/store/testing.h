// For tests of the platform.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace hone::platform {

// "sqlite", and the address of the PostgreSQL database that HONE_TEST_POSTGRESQL names. That
// database is the test's: what is in it does not last.
inline std::vector<std::string> TestDatabases() {
    const char* postgresql = std::getenv("HONE_TEST_POSTGRESQL");
    if (postgresql == nullptr) return {"sqlite"};
    return {"sqlite", postgresql};
}

}  // namespace hone::platform
