// For tests: the databases that they run on.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "base/status.h"
#include "platform/store/database.h"

namespace hone::platform {

// The address of the PostgreSQL database that HONE_TEST_POSTGRESQL names; "": it names none. The
// database is the tests': what is in it does not last.
inline std::string TestPostgresql() {
    const char* url = std::getenv("HONE_TEST_POSTGRESQL");
    return url == nullptr ? "" : url;
}

// Takes everything out of it.
inline void EmptyPostgresql(const std::string& url) {
    const absl::Status emptied = Database::Open(url).value()->Write([](Sql& sql) {
        sql.Run("drop schema public cascade");
        sql.Run("create schema public");
        return absl::OkStatus();
    });
    HONE_CHECK(emptied.ok(), "{}", std::string(emptied.message()));
}

// "sqlite", and that address.
inline std::vector<std::string> TestDatabases() {
    if (TestPostgresql().empty()) return {"sqlite"};
    return {"sqlite", TestPostgresql()};
}

}  // namespace hone::platform
