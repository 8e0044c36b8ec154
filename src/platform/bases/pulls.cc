#include "platform/bases/pulls.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "base/watch.h"
#include "hub/catalogue.h"
#include "model/files/model_files.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr size_t kMostSource = 200;
constexpr std::chrono::seconds kRestAfterFailure{5};  // of the store
constexpr std::string_view kColumns = "id, created_at, finished_at, source, model, status, error";

auto TiePull(Pull& pull) {
    return std::tie(pull.id, pull.created_at, pull.finished_at, pull.source, pull.model,
                    pull.status, pull.error);
}

// By what clients will call it.
std::string NameOfSource(const std::string& source) { return source.substr(source.rfind('/') + 1); }

absl::StatusOr<HubOptions> HubOptionsOf(const PlatformOptions& options) {
    if (options.hub) return *options.hub;
    return HubOptions::FromEnvironment();
}

absl::StatusOr<Pull> FindPull(Sql& sql, const std::string& id) {
    Pull pull;
    if (sql.First(fmt::format("select {} from pulls where id = :id", kColumns), TiePull(pull), id))
        return pull;
    return Refuse({RefusalKind::kNotFound, "id", ""}, fmt::format("No such pull: {}", ShownId(id)));
}

absl::Status NoSuchBase(const std::string& name) {
    return Refuse({RefusalKind::kNotFound, "model", "model_not_found"},
                  fmt::format("There is no base model '{}'.", ShownId(name)));
}

// Whether one's files are the other's, or among them.
bool ShareFiles(const BaseModel& a, const BaseModel& b) {
    std::error_code error;
    const std::string first = std::filesystem::weakly_canonical(a.path, error);
    const std::string second = std::filesystem::weakly_canonical(b.path, error);
    return first == second || first.starts_with(second + "/") || second.starts_with(first + "/");
}

// A refusal where something needs the base.
absl::Status CheckUnused(Sql& sql, const std::string& name) {
    int64_t count = 0;
    const auto in_use = [&](std::string_view what, std::string_view cure) {
        return Refuse({RefusalKind::kConflict, "model", "model_in_use"},
                      fmt::format("'{}' stays: {} {} it, in this project or others. {}", name,
                                  count, what, cure));
    };
    sql.First("select count(*) from jobs where base = :base and status in " + LivingJobStatuses(),
              std::tie(count), name);
    if (count > 0)
        return in_use(count == 1 ? "job that is not over uses" : "jobs that are not over use",
                      "Wait until that is over, or cancel.");
    sql.First("select count(*) from models where base = :base", std::tie(count), name);
    if (count > 0)
        return in_use(count == 1 ? "fine-tuned model stands on" : "fine-tuned models stand on",
                      "Delete what was fine-tuned first, checkpoints too.");
    return absl::OkStatus();
}

// False, and nothing written, where the pull is over already.
bool EndPull(Sql& sql, Pull& pull, std::string_view status, std::string error, int64_t now) {
    pull.status = status;
    pull.error = std::move(error);
    pull.finished_at = now;
    return sql.Run(
               "update pulls set status = :status, error = :error, finished_at = :now where id = "
               ":id and status in ('queued', 'running')",
               pull.status, pull.error, now, pull.id) > 0;
}

}  // namespace

static auto ColumnsOf(Pull& pull) { return TiePull(pull); }

absl::StatusOr<std::vector<CatalogueModel>> Pulls::Catalogue(const Caller& caller) const {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptionsOf(services_.options));
    std::vector<CatalogueModel> models;
    for (const ModelListing& listing : ListModels(hub)) {
        if (listing.entry == nullptr) continue;
        const CatalogueEntry& entry = *listing.entry;
        models.push_back({.name = listing.name,
                          .repo = listing.repo,
                          .parameters = std::string(entry.parameters),
                          .kind = std::string(entry.kind),
                          .context = std::string(entry.context),
                          .licence = std::string(entry.licence),
                          .gated = entry.gated,
                          .is_base = bases_.Find(listing.name).has_value(),
                          .cached_bytes = listing.bytes});
    }
    return models;
}

absl::StatusOr<Pull> Pulls::Create(const Caller& caller, const std::string& source) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckText("model", source, 1, kMostSource));
    if (FindInCatalogue(source) == nullptr && !LooksLikeRepo(source))
        return InvalidField("model",
                            "'{}' is neither a name of the catalogue nor a repository of the Hub "
                            "(org/name).",
                            source);
    // A repository that the catalogue names is known by that name.
    Pull pull{.source = CatalogueName(source)};
    pull.model = NameOfSource(pull.source);
    if (bases_.Find(pull.model))
        return Refuse({RefusalKind::kConflict, "model", "model_exists"},
                      fmt::format("There is a base model called '{}' already. Another one of that "
                                  "name needs a name of its own: start the server with "
                                  "--model NAME={}.",
                                  pull.model, source));
    {
        const std::lock_guard lock(mutex_);
        if (removing_.contains(pull.model))
            return Refuse(
                {RefusalKind::kConflict, "model", "model_in_use"},
                fmt::format("'{}' is being removed: fetch it again in a moment.", pull.model));
    }
    pull.id = NewId("pull-");
    pull.created_at = services_.Now();
    pull.status = "queued";
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        std::string other;
        if (sql.First("select id from pulls where model = :model and status in ('queued', "
                      "'running')",
                      std::tie(other), pull.model))
            return Refuse({RefusalKind::kConflict, "model", "pull_in_progress"},
                          fmt::format("'{}' is being fetched already, by {}.", pull.model, other));
        sql.Run(
            "insert into pulls (id, created_at, finished_at, source, model, status, error) values "
            "(:id, :created_at, 0, :source, :model, :status, '')",
            pull.id, pull.created_at, pull.source, pull.model, pull.status);
        NoteAudit(sql, pull.created_at, caller, "model.pull", pull.model);
        return absl::OkStatus();
    }));
    const std::lock_guard lock(mutex_);
    asked_ = true;
    changed_.notify_all();
    return pull;
}

absl::StatusOr<Pull> Pulls::Get(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_ASSIGN_OR_RETURN(Pull pull,
                          services_.database.Read([&](Sql& sql) { return FindPull(sql, id); }));
    return Shown(std::move(pull));
}

absl::StatusOr<Page<Pull>> Pulls::List(const Caller& caller, const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, 100));
    HONE_ASSIGN_OR_RETURN(Page<Pull> pulls,
                          services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<Pull>> {
                              return ListRows<Pull>(sql, {kColumns, "pulls"}, "seq > 0", page);
                          }));
    for (Pull& pull : pulls.data) pull = Shown(std::move(pull));
    return pulls;
}

absl::StatusOr<Pull> Pulls::Cancel(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    auto cancelled = services_.database.Write([&](Sql& sql) -> absl::StatusOr<Pull> {
        HONE_ASSIGN_OR_RETURN(Pull pull, FindPull(sql, id));
        const std::string before = pull.status;
        if (!EndPull(sql, pull, "cancelled", "", services_.Now()))
            return Refuse({RefusalKind::kConflict, "id", "invalid_pull_status"},
                          fmt::format("The pull {} has the status '{}' and cannot be cancelled.",
                                      id, before));
        NoteAudit(sql, pull.finished_at, caller, "model.pull.cancel", pull.model);
        return pull;
    });
    const std::lock_guard lock(mutex_);
    if (cancelled.ok() && running_ == id) cancelled_ = true;
    return cancelled;
}

absl::Status Pulls::TakeOut(const Caller& caller, const BaseModel& base) {
    const absl::Status done = services_.database.Write([&](Sql& sql) -> absl::Status {
        HONE_RETURN_IF_ERROR(CheckUnused(sql, base.name));
        if (!bases_.Delete(sql, base.name)) return NoSuchBase(base.name);
        NoteAudit(sql, services_.Now(), caller, "model.remove", base.name);
        return absl::OkStatus();
    });
    // The store may have failed after that.
    if (!done.ok() && !bases_.Find(base.name)) bases_.Offer(base);
    return done;
}

int64_t Pulls::RemoveFiles(const BaseModel& base, const HubOptions& hub) {
    // What Hugging Face's cache holds is other programs' too.
    if (hub.cache.empty() || !base.path.starts_with(hub.cache + "/models/")) {
        spdlog::info("the files of {} stay: {} is not in hone's cache", base.name, base.path);
        return 0;
    }
    const auto source = services_.database.Read([&](Sql& sql) -> absl::StatusOr<std::string> {
        std::string last;
        sql.First(
            "select source from pulls where model = :model and status = 'succeeded' "
            "order by seq desc limit 1",
            std::tie(last), base.name);
        return last;
    });
    const auto freed = source.ok() ? RemoveModel(*source, hub) : source.status();
    if (freed.ok()) return *freed;
    spdlog::error("the files of {} stay: {}", base.name, std::string(freed.status().message()));
    return 0;
}

absl::StatusOr<RemovedBase> Pulls::Remove(const Caller& caller, const std::string& name) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptionsOf(services_.options));
    const auto base = bases_.Find(name);
    if (!base) return NoSuchBase(name);
    if (!bases_.WasFetched(name))
        return Refuse({RefusalKind::kConflict, "model", "model_not_fetched"},
                      fmt::format("'{}' was not fetched: the server was started with it. Start it "
                                  "without that --model.",
                                  name));
    for (const BaseModel& other : bases_.All())
        if (other.name != name && ShareFiles(other, *base))
            return Refuse(
                {RefusalKind::kConflict, "model", "model_in_use"},
                fmt::format("'{}' stays: its files are those of '{}' too.", name, other.name));
    {
        const std::lock_guard lock(mutex_);
        if (!removing_.insert(name).second)
            return Refuse({RefusalKind::kConflict, "model", "model_in_use"},
                          fmt::format("'{}' is being removed already.", name));
    }
    RemovedBase removed{.path = base->path};
    const absl::Status taken = TakeOut(caller, *base);
    // Where it is fetched again before its files are gone, it would be no whole model.
    if (taken.ok()) removed.freed_bytes = RemoveFiles(*base, hub);
    const std::lock_guard lock(mutex_);
    removing_.erase(name);
    if (!taken.ok()) return taken;
    return removed;
}

Pull Pulls::Shown(Pull pull) const {
    const std::lock_guard lock(mutex_);
    if (pull.status != "running" || running_ != pull.id) return pull;
    pull.file = progress_.file;
    pull.bytes = progress_.bytes;
    pull.total_bytes = progress_.total_bytes;
    pull.bytes_per_second = progress_.bytes_per_second;
    pull.seconds_left = progress_.seconds_left;
    return pull;
}

void Pulls::Start() {
    if (thread_.joinable()) return;
    const std::lock_guard lock(mutex_);
    ending_ = false;
    asked_ = true;
    thread_ = std::thread([this] { Run(); });
}

void Pulls::Stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void Pulls::Run() {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return ending_ || asked_; });
            if (ending_) return;
            asked_ = false;
        }
        const auto next = TakeNext();
        if (next.ok() && next->id.empty()) continue;
        const absl::Status status = next.ok() ? Fetch(*next) : next.status();
        if (!status.ok()) spdlog::error("fetching a model: {}", std::string(status.message()));
        std::unique_lock lock(mutex_);
        running_.clear();
        asked_ = true;  // there may be another one
        if (!status.ok()) changed_.wait_for(lock, kRestAfterFailure, [&] { return ending_; });
    }
}

absl::StatusOr<Pull> Pulls::TakeNext() {
    Pull pull;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        pull = {};
        // One that was broken off comes first.
        sql.First(fmt::format("select {} from pulls where status in ('queued', 'running') order by "
                              "status desc, seq limit 1",
                              kColumns),
                  TiePull(pull));
        if (!pull.id.empty())
            sql.Run("update pulls set status = 'running' where id = :id", pull.id);
        return absl::OkStatus();
    }));
    const std::lock_guard lock(mutex_);
    running_ = pull.id;
    cancelled_ = false;
    progress_ = {};
    return pull;
}

void Pulls::SetProgress(const PullProgress& progress) {
    const std::lock_guard lock(mutex_);
    progress_ = progress;
}

absl::StatusOr<std::string> Pulls::FetchFiles(const Pull& pull) {
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptionsOf(services_.options));
    const ScopedWatcher watcher([this](double, int64_t) {
        const std::lock_guard lock(mutex_);
        return !ending_ && !cancelled_;
    });
    HONE_ASSIGN_OR_RETURN(
        const std::string path,
        PullModel(pull.source, hub, [this](const PullProgress& now) { SetProgress(now); }));
    // What hone cannot read is told now, and not by every job.
    HONE_RETURN_IF_ERROR(OpenModel(path).status());
    return path;
}

absl::Status Pulls::Fetch(const Pull& running) {
    Pull pull = running;
    const auto path = FetchFiles(pull);
    {
        const std::lock_guard lock(mutex_);
        if (!path.ok() && ending_) return absl::OkStatus();  // it goes on at the next Start
    }
    const BaseModel base{pull.model, path.value_or("")};
    bool counts = false;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        // One that was cancelled meanwhile stays so.
        counts = EndPull(sql, pull, path.ok() ? "succeeded" : "failed",
                         path.ok() ? "" : std::string(path.status().message()), services_.Now());
        if (counts && path.ok()) bases_.Insert(sql, base);
        return absl::OkStatus();
    }));
    if (counts && path.ok()) bases_.Offer(base);
    return absl::OkStatus();
}

}  // namespace hone::platform
