#include "platform/platform.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "base/files/file.h"
#include "platform/conduct/conductor.h"
#include "platform/execute/local_executor.h"
#include "platform/store/database.h"

namespace hone::platform {
namespace {

// What is left open, by its default; and whether the rest makes sense.
absl::Status Complete(PlatformOptions& options) {
    if (options.data_dir.empty()) return UsageError("a platform needs a data folder");
    std::error_code error;
    options.data_dir = std::filesystem::absolute(options.data_dir, error).lexically_normal();
    if (options.data_dir.ends_with('/')) options.data_dir.pop_back();
    if (options.database.empty()) options.database = "sqlite://" + options.data_dir + "/hone.db";
    if (!options.clock) options.clock = [] { return static_cast<int64_t>(std::time(nullptr)); };
    for (const BaseModel& base : options.models)
        if (base.name.empty() || base.name.find_first_of(":/?#% ") != std::string::npos)
            return UsageError(
                "a base model cannot be called \"{}\": its name stands in URLs, and between the "
                "colons of fine-tuned models' names",
                base.name);
    for (const auto& [alias, name] : options.aliases) {
        bool known = false;
        for (const BaseModel& base : options.models) known = known || base.name == name;
        if (!known)
            return UsageError("the alias \"{}\" stands for \"{}\", which is no base model here",
                              alias, name);
    }
    return absl::OkStatus();
}

}  // namespace

struct Platform::Parts {
    Parts(PlatformOptions options, std::unique_ptr<Database> opened, std::unique_ptr<Blobs> stored)
        : database(std::move(opened)),
          blobs(std::move(stored)),
          services{std::move(options), *database, {}},
          keys(services),
          bases(services),
          pulls(services, bases),
          files(services, *blobs, bases),
          uploads(services, *blobs, files),
          models(services, bases),
          answers(services),
          merging(services),
          audit(services),
          webhooks(services),
          jobs(services, files, models),
          admin(services, *blobs, models),
          advisor(services, bases, files, models),
          executor(services.options.worker_program),
          planner(services, files, models, executor) {}
    ~Parts() {
        if (lock >= 0) close(lock);
    }

    std::unique_ptr<Database> database;
    std::unique_ptr<Blobs> blobs;
    Services services;
    Keys keys;
    Bases bases;
    Pulls pulls;
    Files files;
    Uploads uploads;
    Models models;
    Answers answers;
    Merging merging;
    AuditLog audit;
    Webhooks webhooks;
    Jobs jobs;
    Admin admin;
    Advisor advisor;
    LocalExecutor executor;
    Planner planner;
    int lock = -1;  // of DATA_DIR/lock, while it runs jobs
    std::unique_ptr<Conductor> conductor;
};

absl::StatusOr<std::unique_ptr<Platform>> Platform::Open(PlatformOptions options) {
    HONE_RETURN_IF_ERROR(Complete(options));
    HONE_RETURN_IF_ERROR(MakeDirectories(options.data_dir));
    if (chmod(options.data_dir.c_str(), 0700) != 0)
        return OtherError("cannot make {} its owner's alone: {}", options.data_dir,
                          std::strerror(errno));
    for (const char* folder : {"/jobs", "/models"})
        HONE_RETURN_IF_ERROR(MakeDirectories(options.data_dir + folder));
    HONE_ASSIGN_OR_RETURN(auto database, Database::Open(options.database));
    HONE_ASSIGN_OR_RETURN(auto blobs, Blobs::Open(options.data_dir));
    auto parts = std::make_unique<Parts>(std::move(options), std::move(database), std::move(blobs));
    HONE_RETURN_IF_ERROR(parts->bases.Load());
    return std::unique_ptr<Platform>(new Platform(std::move(parts)));
}

Platform::Platform(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Platform::~Platform() { Stop(); }

absl::Status Platform::Start() {
    Parts& parts = *parts_;
    if (parts.conductor) return absl::OkStatus();
    const std::string path = parts.services.options.data_dir + "/lock";
    parts.lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (parts.lock < 0) return OtherError("cannot open {}: {}", path, std::strerror(errno));
    if (flock(parts.lock, LOCK_EX | LOCK_NB) != 0) {
        close(parts.lock);
        parts.lock = -1;
        return UsageError("another process runs the jobs of {}", parts.services.options.data_dir);
    }
    parts.blobs->RemoveUnfinished();
    parts.merging.RemoveLeftovers();
    parts.planner.RemoveLeftovers();
    HONE_RETURN_IF_ERROR(parts.models.RemoveOrphans());  // before a job makes others
    const Stage stage{parts.services, parts.files, *parts.blobs, parts.models, parts.executor};
    parts.conductor = std::make_unique<Conductor>(stage, parts.uploads, parts.webhooks);
    parts.pulls.Start();
    return absl::OkStatus();
}

void Platform::Stop() {
    parts_->pulls.Stop();
    parts_->conductor.reset();
    if (parts_->lock >= 0) close(parts_->lock);
    parts_->lock = -1;
}

Keys& Platform::keys() { return parts_->keys; }
const Bases& Platform::bases() const { return parts_->bases; }
Pulls& Platform::pulls() { return parts_->pulls; }
Files& Platform::files() { return parts_->files; }
Uploads& Platform::uploads() { return parts_->uploads; }
Jobs& Platform::jobs() { return parts_->jobs; }
Models& Platform::models() { return parts_->models; }
Answers& Platform::answers() { return parts_->answers; }
Merging& Platform::merging() { return parts_->merging; }
AuditLog& Platform::audit() { return parts_->audit; }
Webhooks& Platform::webhooks() { return parts_->webhooks; }
Admin& Platform::admin() { return parts_->admin; }
Advisor& Platform::advisor() { return parts_->advisor; }
Planner& Platform::planner() { return parts_->planner; }
const PlatformOptions& Platform::options() const { return parts_->services.options; }

absl::Status Platform::CheckReady() {
    return parts_->database->ReadEach([](Sql& sql) -> absl::Status {
        int64_t version = 0;
        sql.First("select version from schema_version", std::tie(version));
        return absl::OkStatus();
    });
}

}  // namespace hone::platform
