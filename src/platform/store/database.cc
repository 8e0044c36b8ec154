#include "platform/store/database.h"

#include "base/log.h"
#include "platform/store/migrations.h"
#include "soci/postgresql/soci-postgresql.h"
#include "soci/sqlite3/soci-sqlite3.h"

namespace hone::platform {
namespace {

constexpr int kMaxConnections = 8;
constexpr std::string_view kSqlite = "sqlite://";
constexpr std::string_view kPostgresql = "postgresql://";
constexpr int kBusySeconds = 10;  // that a process waits for another one's change

// PostgreSQL's changes wait for each other here, as SQLite's do by themselves.
constexpr char kOneWriter[] = "select pg_advisory_xact_lock(4856213)";

// A PostgreSQL address as the "name=value name=value" that SOCI takes.
absl::StatusOr<std::string> PostgresqlConnection(const std::string& url) {
    char* problem = nullptr;
    PQconninfoOption* options = PQconninfoParse(url.c_str(), &problem);
    if (options == nullptr) {
        PQfreemem(problem);  // it repeats the address, which may hold a password
        return UsageError(
            "the address of the PostgreSQL database is wrong: postgresql://USER@HOST:PORT/NAME");
    }
    std::string connection;
    bool spaces = false;
    for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
        const std::string_view value = option->val == nullptr ? "" : option->val;
        if (value.empty()) continue;
        spaces = spaces || value.find_first_of(" \t\r\n\f\v") != std::string_view::npos;
        connection += fmt::format("{}{}=", connection.empty() ? "" : " ", option->keyword);
        for (const char c : value) {
            if (c == '\'' || c == '\\') connection += '\\';
            connection += c;
        }
    }
    PQconninfoFree(options);
    if (spaces)
        return UsageError(
            "no part of the address of the PostgreSQL database may hold a space: put a password "
            "that does into the file ~/.pgpass");
    return connection;
}

// The message without its context, which holds the values of the statement.
absl::Status StatusOf(const soci::soci_error& error) {
    spdlog::error("the database: {}", error.get_error_message());
    const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
    const int code = sqlite != nullptr ? sqlite->result() & 0xff : 0;
    if (code == SQLITE_FULL)
        return Refuse({RefusalKind::kUnavailable, "", "disk_full"},
                      "The server's disk is full: nothing was stored.");
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED ||
        error.get_error_category() == soci::soci_error::connection_error)
        return Refuse({RefusalKind::kUnavailable, "", "store_unavailable"},
                      "The server's database does not answer; try again.");
    return Refuse({RefusalKind::kInternal, "", "store_failed"},
                  "The server's database failed; its log says why.");
}

}  // namespace

Database::Database(std::string connection, bool sqlite)
    : connection_(std::move(connection)), sqlite_(sqlite) {}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& url) {
    if (!url.starts_with(kSqlite) && !url.starts_with(kPostgresql))
        return UsageError("the database \"{}\" is neither sqlite://PATH nor postgresql://...",
                          url.substr(0, url.find("://")));
    std::string connection;
    if (url.starts_with(kPostgresql)) {
        HONE_ASSIGN_OR_RETURN(connection, PostgresqlConnection(url));
    } else {
        // Quotes are for a path with spaces; SOCI knows no way to write one with a quote.
        const std::string path = url.substr(kSqlite.size());
        if (path.find('"') != std::string::npos)
            return UsageError("the path of the database must have no quotation mark: {}", path);
        connection = fmt::format("db=\"{}\" timeout={} synchronous=FULL", path, kBusySeconds);
    }
    std::unique_ptr<Database> database(
        new Database(std::move(connection), url.starts_with(kSqlite)));
    HONE_RETURN_IF_ERROR(Annotate(database->Migrate(), "cannot open the database"));
    return database;
}

std::unique_ptr<Sql> Database::Connect() const {
    auto sql = sqlite_ ? std::make_unique<Sql>(soci::sqlite3, connection_)
                       : std::make_unique<Sql>(soci::postgresql, connection_);
    if (!sqlite_) {
        // libpq writes notices to standard error, between the lines of the log.
        sql->Run("set client_min_messages = warning");
        return sql;
    }
    std::string mode;
    sql->First("pragma journal_mode = wal", std::tie(mode));
    sql->Run("pragma foreign_keys = on");
    return sql;
}

std::unique_ptr<Sql> Database::Take() {
    {
        std::unique_lock lock(mutex_);
        returned_.wait(lock, [&] { return !idle_.empty() || connections_ < kMaxConnections; });
        if (!idle_.empty()) {
            auto sql = std::move(idle_.back());
            idle_.pop_back();
            return sql;
        }
        ++connections_;
    }
    try {
        return Connect();
    } catch (...) {
        GiveBack(nullptr);
        throw;
    }
}

// nullptr: the connection is gone.
void Database::GiveBack(std::unique_ptr<Sql> sql) {
    {
        const std::lock_guard lock(mutex_);
        if (sql)
            idle_.push_back(std::move(sql));
        else
            --connections_;
    }
    returned_.notify_one();
}

absl::Status Database::RunIn(std::string_view begin, const Work& work) {
    std::unique_ptr<Sql> sql;
    try {
        sql = Take();
        if (!begin.empty()) sql->Run(begin);
        absl::Status status = work(*sql);
        if (!begin.empty()) sql->Run(status.ok() ? "commit" : "rollback");
        GiveBack(std::move(sql));
        return status;
    } catch (const soci::soci_error& error) {
        // The connection goes, in whatever state it is: so does its transaction.
        if (sql) {
            sql.reset();
            GiveBack(nullptr);
        }
        return StatusOf(error);
    }
}

absl::Status Database::RunWrite(const Work& work) {
    const std::lock_guard lock(writing_);
    if (sqlite_) return RunIn("begin immediate", work);
    return RunIn("begin", [&](Sql& sql) {
        sql.Run(kOneWriter);
        return work(sql);
    });
}

absl::Status Database::RunRead(const Work& work) {
    return RunIn(sqlite_ ? "begin" : "begin isolation level repeatable read read only", work);
}

absl::Status Database::RunReadEach(const Work& work) { return RunIn("", work); }

absl::Status Database::Migrate() {
    return Write([&](Sql& sql) -> absl::Status {
        sql.Run("create table if not exists schema_version (version bigint not null)");
        int64_t version = 0;
        if (!sql.First("select version from schema_version", std::tie(version)))
            sql.Run("insert into schema_version (version) values (0)");
        const auto migrations = Migrations();
        const auto newest = static_cast<int64_t>(migrations.size());
        if (version > newest)
            return UsageError(
                "it is of version {}, and this hone knows versions up to {}: use a newer hone",
                version, newest);
        for (int64_t next = version; next < newest; ++next)
            for (const std::string& statement :
                 MigrationStatements(migrations[static_cast<size_t>(next)], sqlite_))
                sql.Run(statement);
        sql.Run("update schema_version set version = :version", newest);
        return absl::OkStatus();
    });
}

absl::Status Database::CopyTo(const std::string& path) {
    if (!sqlite_)
        return UsageError("a PostgreSQL database is copied with its own pg_dump, not by hone");
    try {
        auto sql = Connect();
        sql->Run("vacuum into :path", path);
        return absl::OkStatus();
    } catch (const soci::soci_error& error) {
        return StatusOf(error);
    }
}

}  // namespace hone::platform
