// Jobs and their events in the database, for who changes them: within a transaction each.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/store/listing.h"

namespace hone::platform {

// A job with what its clients do not see.
struct JobRecord {
    Job job;
    int64_t seq = 0;
    std::string base;         // the name of the base model under job.model
    int64_t epoch_steps = 0;  // steps of an epoch; 0: not known yet
    int64_t crashes = 0;      // of its workers, that were followed by another try
};

// The columns as they are in the table.
struct JobRow {
    JobRecord record;
    std::string status, hyperparameters, result_file, integrations, metadata;
    std::string error_code, error_message, error_param;
    int64_t trained_tokens = 0;  // -1: not known
};
inline constexpr char kJobColumns[] =
    "seq, id, project, created_at, started_at, finished_at, model, base, fine_tuned_model, status, "
    "method, hyperparameters, training_file, validation_file, result_file, trained_tokens, "
    "error_code, error_message, error_param, seed, suffix, integrations, metadata, "
    "estimated_finish, step, total_steps, epoch_steps, crashes, peak_memory_bytes, cpu_ms";
inline auto ColumnsOf(JobRow& row) {
    JobRecord& record = row.record;
    Job& job = record.job;
    return std::tie(record.seq, job.id, job.project, job.created_at, job.started_at,
                    job.finished_at, job.model, record.base, job.fine_tuned_model, row.status,
                    job.method, row.hyperparameters, job.training_file, job.validation_file,
                    row.result_file, row.trained_tokens, row.error_code, row.error_message,
                    row.error_param, job.seed, job.suffix, row.integrations, row.metadata,
                    job.estimated_finish, job.step, job.total_steps, record.epoch_steps,
                    record.crashes, job.peak_memory_bytes, job.cpu_ms);
}
JobRecord Unpack(JobRow row);

// nullopt: there is none, or it is another project's.
std::optional<JobRecord> FindJob(Sql& sql, const std::string& project, const std::string& id);
// Of any project.
std::optional<JobRecord> FindJob(Sql& sql, const std::string& id);
// Those in a status, the oldest first.
std::vector<JobRecord> JobsIn(Sql& sql, JobStatus status, int64_t limit);
// A page of those for which `where` is true, as in ListRows.
inline constexpr ListSource kJobs = {kJobColumns, "jobs"};
// Those with a pair of metadata: of "owner" and "name" and "value".
inline constexpr ListSource kJobsByMetadata = {
    kJobColumns, "job_metadata join jobs on jobs.seq = job_metadata.job", "job"};
// Those with kTheirWords and an "owner" whose "words" are as they should: these are read first.
inline constexpr ListSource kJobsByWords = {kJobColumns, "job_words cross join jobs", "job"};
inline constexpr std::string_view kTheirWords = "jobs.seq = job_words.job";
template <typename... Values>
Page<JobRecord> ListJobs(Sql& sql, const ListSource& source, std::string_view where,
                         const PageRequest& page, const Values&... values) {
    const auto rows = ListRows<JobRow>(sql, source, where, page, values...);
    Page<JobRecord> result{{}, rows.has_more};
    for (const JobRow& row : rows.data) result.data.push_back(Unpack(row));
    return result;
}

// Gives the record its seq.
void InsertJob(Sql& sql, JobRecord& record);
// Writes what may change in a job: all but what it was created with.
void UpdateJob(Sql& sql, const JobRecord& record);
// Notes what the job is looked for by. After each change of its names.
void NoteWords(Sql& sql, int64_t job);
// With all that hangs on it.
void RemoveJob(Sql& sql, int64_t job);

struct NewEvent {
    std::string level = "info";
    std::string message;
    std::string type = "message";
    nlohmann::ordered_json data = nlohmann::ordered_json::object();
};
void AddEvent(Sql& sql, int64_t job, int64_t now, const NewEvent& event);

// Ends the job with the error: status, event, webhooks.
void FailJob(Sql& sql, JobRecord& record, int64_t now, const JobError& error);

void AddCheckpoint(Sql& sql, int64_t job, int64_t now, const std::string& model, int64_t step,
                   const CheckpointMetrics& metrics);
// Whether a job that is not over continues the model.
bool InUse(Sql& sql, const std::string& model);

// Metrics as text in the store, and from there.
std::string MetricsText(const CheckpointMetrics& metrics);
CheckpointMetrics MetricsOf(const std::string& text);

}  // namespace hone::platform
