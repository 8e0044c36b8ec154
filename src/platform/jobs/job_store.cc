#include "platform/jobs/job_store.h"

#include <cmath>
#include <concepts>
#include <type_traits>

#include "base/status.h"
#include "platform/notify/webhooks.h"
#include "platform/store/ids.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What this program wrote itself.
Json Stored(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    HONE_CHECK(!json.is_discarded(), "the database holds what is no JSON: {}", text.substr(0, 80));
    return json;
}

JobStatus StatusOf(const std::string& name) {
    for (const JobStatus status : kJobStatuses)
        if (name == JobStatusName(status)) return status;
    return JobStatus::kCancelled;
}

template <typename T>
void Put(Json& json, const char* name, const std::optional<T>& value) {
    if constexpr (std::is_floating_point_v<T>)
        if (value && !std::isfinite(*value)) return;  // JSON has no such number
    if (value) json[name] = *value;
}
template <typename T>
void Take(const Json& json, const char* name, std::optional<T>& value) {
    if (const auto found = json.find(name); found != json.end()) value = found->get<T>();
}

// The fields by their names in the database, for writing and reading alike.
template <typename Parameters, typename Visit>
requires std::same_as<std::remove_const_t<Parameters>, Hyperparameters>
void VisitFields(Parameters& parameters, const Visit& visit) {
    visit("batch_size", parameters.batch_size);
    visit("learning_rate_multiplier", parameters.learning_rate_multiplier);
    visit("n_epochs", parameters.n_epochs);
    visit("beta", parameters.beta);
}

template <typename Metrics, typename Visit>
requires std::same_as<std::remove_const_t<Metrics>, CheckpointMetrics>
void VisitFields(Metrics& metrics, const Visit& visit) {
    visit("train_loss", metrics.train_loss);
    visit("train_mean_token_accuracy", metrics.train_mean_token_accuracy);
    visit("valid_loss", metrics.valid_loss);
    visit("valid_mean_token_accuracy", metrics.valid_mean_token_accuracy);
    visit("full_valid_loss", metrics.full_valid_loss);
    visit("full_valid_mean_token_accuracy", metrics.full_valid_mean_token_accuracy);
}

template <typename T>
std::string FieldsText(const T& fields) {
    Json json = Json::object();
    VisitFields(fields, [&](const char* name, const auto& value) { Put(json, name, value); });
    return Text(json);
}

template <typename T>
T FieldsOf(const std::string& text) {
    const Json json = Stored(text);
    T fields;
    VisitFields(fields, [&](const char* name, auto& value) { Take(json, name, value); });
    return fields;
}

std::string IntegrationsText(const std::vector<Integration>& integrations) {
    Json json = Json::array();
    for (const Integration& one : integrations)
        json.push_back({{"project", one.project},
                        {"name", one.name},
                        {"entity", one.entity},
                        {"tags", one.tags}});
    return Text(json);
}

std::vector<Integration> IntegrationsOf(const std::string& text) {
    std::vector<Integration> integrations;
    for (const Json& one : Stored(text))
        integrations.push_back({one["project"], one["name"], one["entity"],
                                one["tags"].get<std::vector<std::string>>()});
    return integrations;
}

// The mark of a job without metadata: no object's text is empty.
std::string MetadataText(const std::optional<Metadata>& metadata) {
    return metadata ? Text(Json(*metadata)) : std::string();
}

std::optional<JobRecord> First(Sql& sql, std::string_view where, const std::string& a,
                               const std::string* b) {
    JobRow row;
    const std::string text = fmt::format("select {} from jobs where {}", kJobColumns, where);
    const bool found =
        b == nullptr ? sql.First(text, ColumnsOf(row), a) : sql.First(text, ColumnsOf(row), a, *b);
    if (!found) return std::nullopt;
    return Unpack(std::move(row));
}

}  // namespace

JobRecord Unpack(JobRow row) {
    JobRecord record = std::move(row.record);
    Job& job = record.job;
    job.status = StatusOf(row.status);
    job.hyperparameters = FieldsOf<Hyperparameters>(row.hyperparameters);
    if (!row.result_file.empty()) job.result_files = {row.result_file};
    if (row.trained_tokens >= 0) job.trained_tokens = row.trained_tokens;
    if (!row.error_code.empty())
        job.error = JobError{row.error_code, row.error_message, row.error_param};
    job.integrations = IntegrationsOf(row.integrations);
    if (!row.metadata.empty()) job.metadata = Stored(row.metadata).get<Metadata>();
    return record;
}

std::optional<JobRecord> FindJob(Sql& sql, const std::string& project, const std::string& id) {
    return First(sql, "id = :id and project = :project", id, &project);
}

std::optional<JobRecord> FindJob(Sql& sql, const std::string& id) {
    return First(sql, "id = :id", id, nullptr);
}

std::vector<JobRecord> JobsIn(Sql& sql, JobStatus status, int64_t limit) {
    std::vector<JobRecord> records;
    for (const JobRow& row : sql.All<JobRow>(
             fmt::format("select {} from jobs where status = :status order by seq limit :most",
                         kJobColumns),
             std::string(JobStatusName(status)), limit))
        records.push_back(Unpack(row));
    return records;
}

void InsertJob(Sql& sql, JobRecord& record) {
    const Job& job = record.job;
    sql.Run(
        "insert into jobs (id, project, created_at, started_at, finished_at, model, base, "
        "fine_tuned_model, status, method, hyperparameters, training_file, validation_file, "
        "result_file, trained_tokens, error_code, error_message, error_param, seed, suffix, "
        "integrations, metadata, estimated_finish, step, total_steps, epoch_steps, crashes, "
        "peak_memory_bytes, cpu_ms) values "
        "(:id, :project, :created_at, 0, 0, :model, :base, '', :status, :method, :parameters, "
        ":training, :validation, '', -1, '', '', '', :seed, :suffix, :integrations, :metadata, 0, "
        "0, 0, 0, 0, 0, 0)",
        job.id, job.project, job.created_at, job.model, record.base,
        std::string(JobStatusName(job.status)), job.method, FieldsText(job.hyperparameters),
        job.training_file, job.validation_file, job.seed, job.suffix,
        IntegrationsText(job.integrations), MetadataText(job.metadata));
    sql.First("select seq from jobs where id = :id", std::tie(record.seq), job.id);
    NoteWords(sql, record.seq);
    if (!job.metadata) return;
    for (const auto& [name, value] : *job.metadata)
        sql.Run(
            "insert into job_metadata (job, owner, name, value) values (:job, :owner, :name, "
            ":value)",
            record.seq, job.project, name, value);
}

void UpdateJob(Sql& sql, const JobRecord& record) {
    const Job& job = record.job;
    const JobError error = job.error.value_or(JobError{});
    sql.Run(
        "update jobs set started_at = :started_at, finished_at = :finished_at, fine_tuned_model = "
        ":model, status = :status, hyperparameters = :parameters, result_file = :result, "
        "trained_tokens = :tokens, error_code = :error_code, error_message = :error_message, "
        "error_param = :error_param, estimated_finish = :finish, step = :step, total_steps = "
        ":total, epoch_steps = :epoch, crashes = :crashes, peak_memory_bytes = :memory, "
        "cpu_ms = :cpu where seq = :seq",
        job.started_at, job.finished_at, job.fine_tuned_model,
        std::string(JobStatusName(job.status)), FieldsText(job.hyperparameters),
        job.result_files.empty() ? std::string() : job.result_files[0],
        job.trained_tokens.value_or(-1), error.code, error.message, error.param,
        job.estimated_finish, job.step, job.total_steps, record.epoch_steps, record.crashes,
        job.peak_memory_bytes, job.cpu_ms, record.seq);
}

void NoteWords(Sql& sql, int64_t job) {
    sql.Run("delete from job_words where job = :job", job);
    sql.Run(
        "insert into job_words (job, owner, words) select seq, project, lower(id || ' ' || model "
        "|| ' ' || fine_tuned_model || ' ' || suffix || ' ' || metadata) from jobs where seq = "
        ":job",
        job);
}

void RemoveJob(Sql& sql, int64_t job) {
    for (const char* table : {"job_events", "job_checkpoints", "job_metadata", "job_words"})
        sql.Run(fmt::format("delete from {} where job = :job", table), job);
    sql.Run("delete from jobs where seq = :job", job);
}

void AddEvent(Sql& sql, int64_t job, int64_t now, const NewEvent& event) {
    sql.Run(
        "insert into job_events (id, job, created_at, level, message, type, data) values (:id, "
        ":job, :created_at, :level, :message, :type, :data)",
        NewId("ftevent-"), job, now, event.level, event.message, event.type, Text(event.data));
}

void FailJob(Sql& sql, JobRecord& record, int64_t now, const JobError& error) {
    record.job.status = JobStatus::kFailed;
    record.job.finished_at = now;
    record.job.error = error;
    UpdateJob(sql, record);
    AddEvent(sql, record.seq, now, {.level = "error", .message = error.message});
    NoteJobEnd(sql, record.job, now);
}

void AddCheckpoint(Sql& sql, int64_t job, int64_t now, const std::string& model, int64_t step,
                   const CheckpointMetrics& metrics) {
    sql.Run(
        "insert into job_checkpoints (id, job, created_at, model, step, metrics) values (:id, "
        ":job, :created_at, :model, :step, :metrics)",
        NewId("ftckpt_"), job, now, model, step, MetricsText(metrics));
}

bool InUse(Sql& sql, const std::string& model) {
    int64_t jobs = 0;
    sql.First(fmt::format("select count(*) from jobs where model = :model and status in {}",
                          LivingJobStatuses()),
              std::tie(jobs), model);
    return jobs > 0;
}

std::string MetricsText(const CheckpointMetrics& metrics) { return FieldsText(metrics); }

CheckpointMetrics MetricsOf(const std::string& text) { return FieldsOf<CheckpointMetrics>(text); }

}  // namespace hone::platform
