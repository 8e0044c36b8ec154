// The tables, version by version.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone::platform {

// Number i makes version i + 1 out of version i. One that was released never changes.
std::span<const std::string_view> Migrations();

// The statements of one, for SQLite or for PostgreSQL.
std::vector<std::string> MigrationStatements(std::string_view migration, bool sqlite);

}  // namespace hone::platform
