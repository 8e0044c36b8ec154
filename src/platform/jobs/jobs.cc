#include "platform/jobs/jobs.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "fmt/ranges.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/jobs/job_store.h"
#include "platform/notify/webhooks.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxPage = 100;
constexpr size_t kMaxFilters = 16;
constexpr size_t kMaxWords = 8, kMaxSearchBytes = 256;
constexpr int64_t kMaxPosition = 10'000;  // of a queue: what is behind it shows this number

absl::Status NoSuchJob(const std::string& id) {
    return Refuse({RefusalKind::kNotFound, "fine_tune_id", "fine_tune_not_found"},
                  fmt::format("Could not find fine tune: {}", ShownId(id)));
}

absl::StatusOr<JobRecord> GetJob(Sql& sql, const std::string& project, const std::string& id) {
    auto record = FindJob(sql, project, id);
    if (!record) return NoSuchJob(id);
    return *std::move(record);
}

// As clients see a job that does not wait.
Job Shown(JobRecord record) {
    if (record.job.status != JobStatus::kRunning) record.job.estimated_finish = 0;
    if (record.job.status != JobStatus::kSucceeded) record.job.trained_tokens.reset();
    return std::move(record.job);
}

Job Shown(Sql& sql, JobRecord record) {
    if (record.job.status == JobStatus::kQueued)
        sql.First(
            "select count(*) from (select 1 as one from jobs where status = 'queued' and seq <= "
            ":seq limit :most) as before",
            std::tie(record.job.queue_position), record.seq, kMaxPosition);
    return Shown(std::move(record));
}

Page<Job> Shown(Sql& sql, Page<JobRecord> records) {
    Page<Job> jobs{{}, records.has_more};
    for (JobRecord& record : records.data) jobs.data.push_back(Shown(sql, std::move(record)));
    return jobs;
}

absl::Status CheckFile(Files& files, const Caller& caller, const char* param,
                       const std::string& id) {
    const auto file = files.Get(caller, id);
    if (RefusalOf(file.status()).kind == RefusalKind::kNotFound)
        return InvalidField(param, "The file '{}' does not exist.", ShownId(id));
    HONE_RETURN_IF_ERROR(file.status());
    if (file->purpose == "fine-tune") return absl::OkStatus();
    return InvalidField(param, "The file '{}' has the purpose '{}', but must have 'fine-tune'.", id,
                        file->purpose);
}

// A pattern of SQL's LIKE, with ! before what stands for itself: the word is anywhere.
std::string Anywhere(std::string_view word) {
    std::string pattern = "%";
    for (const char c : word) {
        if (c == '%' || c == '_' || c == '!') pattern += '!';
        pattern += c;
    }
    return pattern + "%";
}

absl::Status CheckSearch(const JobSearch& search, size_t words) {
    for (const std::string& status : search.statuses)
        HONE_RETURN_IF_ERROR(CheckOneOf("status", status, JobStatusNames()));
    if (search.text.size() > kMaxSearchBytes || words > kMaxWords)
        return InvalidField("search", "A search has at most {} words and {} bytes.", kMaxWords,
                            kMaxSearchBytes);
    return absl::OkStatus();
}

struct EventRow {
    JobEvent event;
    std::string data;
};
auto ColumnsOf(EventRow& row) {
    JobEvent& event = row.event;
    return std::tie(event.id, event.created_at, event.level, event.message, event.type, row.data);
}

struct CheckpointRow {
    JobCheckpoint checkpoint;
    std::string metrics;
};
auto ColumnsOf(CheckpointRow& row) {
    JobCheckpoint& checkpoint = row.checkpoint;
    return std::tie(checkpoint.id, checkpoint.created_at, checkpoint.model, checkpoint.step,
                    row.metrics);
}

struct StatusChange {
    const char* action;  // for the audit log
    const char* verb;    // "cancelled"
    std::vector<JobStatus> from;
    JobStatus to;
    const char* message;  // of its event
};

absl::StatusOr<Job> Change(Services& services, const Caller& caller, const std::string& id,
                           const StatusChange& change) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    auto job = services.database.Write([&](Sql& sql) -> absl::StatusOr<Job> {
        HONE_ASSIGN_OR_RETURN(JobRecord record, GetJob(sql, caller.project, id));
        bool allowed = false;
        for (const JobStatus from : change.from) allowed = allowed || record.job.status == from;
        if (!allowed)
            return Refuse({RefusalKind::kConflict, "fine_tune_id", "invalid_job_status"},
                          fmt::format("The job {} has the status '{}' and cannot be {}.", id,
                                      JobStatusName(record.job.status), change.verb));
        const int64_t now = services.Now();
        record.job.status = change.to;
        if (IsTerminal(change.to)) record.job.finished_at = now;
        UpdateJob(sql, record);
        AddEvent(sql, record.seq, now, {.message = change.message});
        if (IsTerminal(change.to)) NoteJobEnd(sql, record.job, now);
        NoteAudit(sql, now, caller, change.action, id);
        return Shown(sql, std::move(record));
    });
    if (job.ok()) services.bulletin.Post(caller.project, id);
    return job;
}

absl::Status ModelNotAvailable(const std::string& model) {
    return Refuse({RefusalKind::kInvalid, "model", "model_not_available"},
                  fmt::format("Model {} is not available for fine-tuning or does not exist.",
                              ShownId(model)));
}

}  // namespace

absl::StatusOr<Job> Jobs::Create(const Caller& caller, const JobRequest& request) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    const auto place = models_.Resolve(caller, request.model);
    if (RefusalOf(place.status()).kind == RefusalKind::kNotFound)
        return ModelNotAvailable(request.model);
    HONE_RETURN_IF_ERROR(place.status());
    HONE_RETURN_IF_ERROR(CheckFile(files_, caller, "training_file", request.training_file));
    if (!request.validation_file.empty())
        HONE_RETURN_IF_ERROR(CheckFile(files_, caller, "validation_file", request.validation_file));
    JobRecord record;
    record.base = place->base;
    Job& job = record.job;
    job.id = NewId("ftjob-");
    job.project = caller.project;
    job.created_at = services_.Now();
    job.model = place->id;
    job.method = request.method;
    job.hyperparameters = request.hyperparameters;
    job.training_file = request.training_file;
    job.validation_file = request.validation_file;
    job.seed = request.seed.value_or(RandomSeed());
    job.suffix = request.suffix;
    job.integrations = request.integrations;
    job.metadata = request.metadata;
    auto created = services_.database.Write([&](Sql& sql) -> absl::StatusOr<Job> {
        if (!models_.HasBase(record.base)) return ModelNotAvailable(request.model);
        int64_t living = 0;
        sql.First(fmt::format("select count(*) from jobs where project = :project and status in {}",
                              LivingJobStatuses()),
                  std::tie(living), caller.project);
        if (living >= services_.options.limits.queued_jobs)
            return Refuse({RefusalKind::kLimit, "", "too_many_jobs"},
                          fmt::format("This project has {} jobs that are not over: wait, or cancel "
                                      "some.",
                                      living));
        InsertJob(sql, record);
        AddEvent(sql, record.seq, job.created_at,
                 {.message = fmt::format("Created fine-tuning job: {}", job.id)});
        if (!job.integrations.empty())
            AddEvent(sql, record.seq, job.created_at,
                     {.level = "warn",
                      .message = "The wandb integration is kept with the job, but this server does "
                                 "not send anything to Weights & Biases."});
        AddEvent(sql, record.seq, job.created_at,
                 {.message = job.validation_file.empty()
                                 ? fmt::format("Validating training file: {}", job.training_file)
                                 : fmt::format("Validating training file: {} and validation file: "
                                               "{}",
                                               job.training_file, job.validation_file)});
        NoteAudit(sql, job.created_at, caller, "job.create", job.id);
        return Shown(sql, record);
    });
    if (created.ok()) services_.bulletin.Post(caller.project, created->id);
    return created;
}

absl::StatusOr<Job> Jobs::Get(const Caller& caller, const std::string& id) {
    const auto get = [&](Sql& sql) { return GetJob(sql, caller.project, id); };
    HONE_ASSIGN_OR_RETURN(JobRecord record, services_.database.ReadEach(get));
    // Its place among those that wait is another statement, of the same moment.
    if (record.job.status == JobStatus::kQueued)
        return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Job> {
            HONE_ASSIGN_OR_RETURN(JobRecord current, get(sql));
            return Shown(sql, std::move(current));
        });
    return Shown(std::move(record));
}

absl::StatusOr<Page<Job>> Jobs::List(const Caller& caller, const JobFilter& filter,
                                     const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPage));
    if (filter.metadata.size() > kMaxFilters)
        return InvalidField("metadata", "A list may be filtered by at most {} pairs.", kMaxFilters);
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<Job>> {
        Page<JobRecord> records;
        if (filter.null_metadata) {
            records =
                ListJobs(sql, kJobs, "project = :project and metadata = ''", page, caller.project);
        } else if (filter.metadata.empty()) {
            records = ListJobs(sql, kJobs, "project = :project", page, caller.project);
        } else {
            // One pair leads to the jobs, the others are looked up for each.
            std::string where = "owner = :owner";
            Texts values{{caller.project}};
            for (const auto& [name, value] : filter.metadata) {
                const size_t n = values.all.size();
                where += n == 1 ? std::string(" and name = :name and value = :value")
                                : fmt::format(
                                      " and exists (select 1 from job_metadata as o where o.job = "
                                      "jobs.seq and o.name = :n{0} and o.value = :v{0})",
                                      n);
                values.all.insert(values.all.end(), {name, value});
            }
            records = ListJobs(sql, kJobsByMetadata, where, page, values);
        }
        return Shown(sql, std::move(records));
    });
}

absl::StatusOr<Page<Job>> Jobs::Search(const Caller& caller, const JobSearch& search,
                                       const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPage));
    const std::vector<std::string> words =
        absl::StrSplit(search.text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
    HONE_RETURN_IF_ERROR(CheckSearch(search, words.size()));
    const bool by_words = !words.empty();
    std::string where = by_words ? fmt::format("{} and owner = :project", kTheirWords)
                                 : std::string("project = :project");
    Texts values{{caller.project}};
    if (!search.model.empty()) {
        where += " and model = :model";
        values.all.push_back(search.model);
    }
    // Not the column alone: by its index all jobs of a status would be sorted for each page.
    if (!search.statuses.empty())
        where += fmt::format(" and (status || '') in ('{}')", fmt::join(search.statuses, "', '"));
    const auto add = [&](std::string_view before, const std::string& word) {
        where += fmt::format("{} words like lower(:a{}) escape '!'", before, values.all.size());
        values.all.push_back(Anywhere(word));
    };
    for (const std::string& word : words) {
        add(" and (", word);
        // The metadata are JSON: {"key":"value"}.
        if (word.find('=') != word.npos) add(" or", absl::StrReplaceAll(word, {{"=", "\":\""}}));
        where += ")";
    }
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<Job>> {
        return Shown(sql, ListJobs(sql, by_words ? kJobsByWords : kJobs, where, page, values));
    });
}

absl::StatusOr<Job> Jobs::Cancel(const Caller& caller, const std::string& id) {
    return Change(
        services_, caller, id,
        {"job.cancel",
         "cancelled",
         {JobStatus::kValidatingFiles, JobStatus::kQueued, JobStatus::kRunning, JobStatus::kPaused},
         JobStatus::kCancelled,
         "Fine-tuning job cancelled"});
}

absl::StatusOr<Job> Jobs::Pause(const Caller& caller, const std::string& id) {
    return Change(services_, caller, id,
                  {"job.pause",
                   "paused",
                   {JobStatus::kQueued, JobStatus::kRunning},
                   JobStatus::kPaused,
                   "Fine-tuning job paused"});
}

absl::StatusOr<Job> Jobs::Resume(const Caller& caller, const std::string& id) {
    return Change(services_, caller, id,
                  {"job.resume",
                   "resumed",
                   {JobStatus::kPaused},
                   JobStatus::kQueued,
                   "Fine-tuning job resumed, moving job to queued state"});
}

absl::Status Jobs::Delete(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    return services_.database.Write([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(sql, caller.project, id));
        if (!IsTerminal(record.job.status))
            return Refuse(
                {RefusalKind::kConflict, "fine_tune_id", "invalid_job_status"},
                fmt::format("The job {} has the status '{}' and cannot be deleted: cancel "
                            "it first.",
                            id, JobStatusName(record.job.status)));
        RemoveJob(sql, record.seq);
        NoteAudit(sql, services_.Now(), caller, "job.delete", id);
        return absl::OkStatus();
    });
}

absl::StatusOr<Page<JobEvent>> Jobs::Events(const Caller& caller, const std::string& id,
                                            const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPage));
    return services_.database.ReadEach([&](Sql& sql) -> absl::StatusOr<Page<JobEvent>> {
        HONE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(sql, caller.project, id));
        auto rows =
            ListRows<EventRow>(sql, {"id, created_at, level, message, type, data", "job_events"},
                               "job = :job", page, record.seq);
        Page<JobEvent> events{{}, rows.has_more};
        for (EventRow& row : rows.data) {
            row.event.data = Json::parse(row.data, nullptr, false);
            events.data.push_back(std::move(row.event));
        }
        return events;
    });
}

absl::StatusOr<Page<JobCheckpoint>> Jobs::Checkpoints(const Caller& caller, const std::string& id,
                                                      const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPage));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<JobCheckpoint>> {
        HONE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(sql, caller.project, id));
        auto rows = ListRows<CheckpointRow>(
            sql, {"id, created_at, model, step, metrics", "job_checkpoints"}, "job = :job", page,
            record.seq);
        Page<JobCheckpoint> checkpoints{{}, rows.has_more};
        for (CheckpointRow& row : rows.data) {
            row.checkpoint.job_id = id;
            row.checkpoint.metrics = MetricsOf(row.metrics);
            checkpoints.data.push_back(std::move(row.checkpoint));
        }
        return checkpoints;
    });
}

std::shared_ptr<void> Jobs::Listen(JobListener listener) {
    return services_.bulletin.Listen(std::move(listener));
}

}  // namespace hone::platform
