// The database: SQLite in a file, or PostgreSQL. Same statements, same transactions.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "platform/api/refusal.h"
#include "platform/store/sql.h"

namespace hone::platform {

// Safe to use from many threads. One change happens at a time, in all processes together; readers
// see the state between two changes, and wait for none.
class Database {
  public:
    // "sqlite://PATH", which is made where it is not there, or "postgresql://...". Brings the
    // tables to the newest version; an error where they are of a newer one than this program knows.
    static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& url);

    // Runs f(Sql&), which returns a Status or StatusOr, in a transaction. An error of f rolls it
    // back and is returned. With OK everything that f wrote is on disk.
    template <typename F>
    std::invoke_result_t<F, Sql&> Write(F&& f) {
        return In(&Database::RunWrite, f);
    }
    // The same for statements that only read.
    template <typename F>
    std::invoke_result_t<F, Sql&> Read(F&& f) {
        return In(&Database::RunRead, f);
    }
    // The same without a common view: each statement sees what is stored when it runs. For what is
    // asked often, and is one statement, or several of which each is right by itself.
    template <typename F>
    std::invoke_result_t<F, Sql&> ReadEach(F&& f) {
        return In(&Database::RunReadEach, f);
    }

    bool is_sqlite() const { return sqlite_; }
    // Copies the database, as it is at one moment, into a new file. SQLite alone.
    absl::Status CopyTo(const std::string& path);

  private:
    using Work = std::function<absl::Status(Sql&)>;
    Database(std::string connection, bool sqlite);

    template <typename F>
    std::invoke_result_t<F, Sql&> In(absl::Status (Database::*run)(const Work&), F& f) {
        using Result = std::invoke_result_t<F, Sql&>;
        if constexpr (std::is_same_v<Result, absl::Status>) {
            return (this->*run)(f);
        } else {
            Result result = absl::UnknownError("");
            const absl::Status status = (this->*run)([&](Sql& sql) {
                result = f(sql);
                return result.status();
            });
            if (!status.ok()) return status;
            return result;
        }
    }

    absl::Status RunWrite(const Work& work);
    absl::Status RunRead(const Work& work);
    absl::Status RunReadEach(const Work& work);
    // `begin`: the statement before the work; "": none, and none behind it.
    absl::Status RunIn(std::string_view begin, const Work& work);
    absl::Status Migrate();
    std::unique_ptr<Sql> Connect() const;
    std::unique_ptr<Sql> Take();
    void GiveBack(std::unique_ptr<Sql> sql);

    const std::string connection_;  // as SOCI takes it
    const bool sqlite_;
    std::mutex writing_;  // SQLite's own lock makes its waiters poll
    std::mutex mutex_;
    std::condition_variable returned_;
    int connections_ = 0;
    std::vector<std::unique_ptr<Sql>> idle_;
};

}  // namespace hone::platform
