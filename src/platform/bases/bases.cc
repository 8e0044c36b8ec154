#include "platform/bases/bases.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "platform/store/database.h"

namespace hone::platform {

// Found by its name among those of the platform (argument-dependent lookup).
static std::tuple<std::string&, std::string&> ColumnsOf(BaseModel& base) {
    return std::tie(base.name, base.path);
}

absl::Status Bases::Load() {
    HONE_ASSIGN_OR_RETURN(
        const auto fetched,
        services_.database.Read([](Sql& sql) -> absl::StatusOr<std::vector<BaseModel>> {
            return sql.All<BaseModel>("select name, path from bases order by seq");
        }));
    for (const BaseModel& base : fetched) {
        std::error_code error;
        if (Find(base.name)) continue;
        if (std::filesystem::exists(base.path, error))
            Offer(base);
        else
            spdlog::warn("the base model {} is not offered any more: {} is gone", base.name,
                         base.path);
    }
    return absl::OkStatus();
}

std::vector<BaseModel> Bases::All() const {
    const std::lock_guard lock(mutex_);
    return all_;
}

std::optional<BaseModel> Bases::Find(const std::string& name) const {
    const auto alias = services_.options.aliases.find(name);
    const std::string& real = alias == services_.options.aliases.end() ? name : alias->second;
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(all_.begin(), all_.end(),
                                    [&](const BaseModel& base) { return base.name == real; });
    return found == all_.end() ? std::nullopt : std::optional(*found);
}

bool Bases::WasFetched(const std::string& name) const {
    const auto& given = services_.options.models;
    const bool was_given = std::any_of(given.begin(), given.end(),
                                       [&](const BaseModel& base) { return base.name == name; });
    const std::lock_guard lock(mutex_);
    return !was_given && std::any_of(all_.begin(), all_.end(),
                                     [&](const BaseModel& base) { return base.name == name; });
}

int64_t Bases::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

void Bases::Insert(Sql& sql, const BaseModel& base) {
    // What was there may have gone with its files.
    sql.Run("delete from bases where name = :name", base.name);
    sql.Run("insert into bases (name, path) values (:name, :path)", base.name, base.path);
}

void Bases::Offer(const BaseModel& base) {
    const std::lock_guard lock(mutex_);
    all_.push_back(base);
    ++version_;
}

bool Bases::Delete(Sql& sql, const std::string& name) {
    if (sql.Run("delete from bases where name = :name", name) == 0) return false;
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [&](const BaseModel& base) { return base.name == name; });
    ++version_;
    return true;
}

}  // namespace hone::platform
