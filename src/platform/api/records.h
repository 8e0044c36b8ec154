// What the platform keeps, as its callers see it. Times are Unix seconds, UTC; 0 where the API has
// null. An empty string stands for null unless a comment says otherwise.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "platform/api/caller.h"

namespace hone::platform {

struct Project {
    std::string id;  // proj_...
    std::string name;
    int64_t created_at = 0;
};

struct ApiKey {
    std::string id;  // key_...
    std::string project;
    std::string name;
    Role role = Role::kViewer;
    std::string hint;  // the end of the secret, to tell keys apart: "...x3Fq"
    int64_t created_at = 0;
    int64_t expires_at = 0;
    int64_t revoked_at = 0;
};

struct File {
    std::string id;  // file-...
    int64_t bytes = 0;
    int64_t created_at = 0;
    int64_t expires_at = 0;
    std::string filename;
    std::string purpose;
    // "processed", or "error": a training file some of whose lines cannot be used; status_details
    // then says which and why. A job may be made of it, and fails with the same lines.
    std::string status;
    std::string status_details;
    std::string sha256;
};

struct Upload {
    std::string id;  // upload_...
    int64_t created_at = 0;
    int64_t expires_at = 0;
    std::string filename;
    std::string purpose;
    std::string mime_type;
    int64_t bytes = 0;
    std::string status;        // pending | completed | cancelled | expired
    std::optional<File> file;  // where it is completed, and the file is still there
};

struct UploadPart {
    std::string id;  // part_...
    std::string upload_id;
    int64_t created_at = 0;
};

// Unset: "auto". Once the files are validated all that apply are set.
struct Hyperparameters {
    std::optional<int64_t> batch_size;  // rows of a step
    std::optional<double> learning_rate_multiplier;
    std::optional<int64_t> n_epochs;
    std::optional<double> beta;  // dpo alone
};

struct Integration {  // of type wandb
    std::string project, name, entity;
    std::vector<std::string> tags;
};

using Metadata = std::map<std::string, std::string>;

enum class JobStatus {
    kValidatingFiles,
    kQueued,
    kRunning,
    kPaused,
    kSucceeded,
    kFailed,
    kCancelled
};
inline bool IsTerminal(JobStatus status) { return status >= JobStatus::kSucceeded; }

inline constexpr JobStatus kJobStatuses[] = {
    JobStatus::kValidatingFiles, JobStatus::kQueued, JobStatus::kRunning,  JobStatus::kPaused,
    JobStatus::kSucceeded,       JobStatus::kFailed, JobStatus::kCancelled};
// "validating_files", as clients and the database call it.
std::string_view JobStatusName(JobStatus status);
std::vector<std::string_view> JobStatusNames();  // of all
// The names of those that are not terminal, as SQL lists them: "('validating_files', 'queued')".
std::string LivingJobStatuses();

// Whether jobs of that method ("supervised" or "dpo") learn from preferences.
inline bool LearnsPreferences(std::string_view method) { return method == "dpo"; }

struct JobError {
    std::string code;
    std::string message;
    std::string param;
};

struct Job {
    std::string id;  // ftjob-...
    std::string project;
    int64_t created_at = 0;
    int64_t started_at = 0;   // when a worker took it first
    int64_t finished_at = 0;  // set in every terminal status
    std::string model;        // the base or fine-tuned model that it starts from, aliases resolved
    std::string fine_tuned_model;
    std::string organization_id;
    JobStatus status = JobStatus::kValidatingFiles;
    std::string method = "supervised";  // or "dpo"
    Hyperparameters hyperparameters;
    std::string training_file;
    std::string validation_file;
    std::vector<std::string> result_files;
    std::optional<int64_t> trained_tokens;
    std::optional<JobError> error;
    int64_t seed = 0;
    std::string suffix;
    std::vector<Integration> integrations;
    std::optional<Metadata> metadata;  // unset: null, which a filter can tell from {}
    int64_t estimated_finish = 0;      // while it runs; 0: not known
    int64_t queue_position = 0;        // 1: the next; 0: not queued
    int64_t step = 0;                  // done, as of the last event
    int64_t total_steps = 0;           // 0: not known yet
    int64_t peak_memory_bytes = 0;     // the most that its worker held; 0: not known
    int64_t cpu_ms = 0;                // of all its workers, as of the last event; 0: not known
};

struct JobEvent {
    std::string id;  // ftevent-...
    int64_t created_at = 0;
    std::string level;  // info | warn | error
    std::string message;
    std::string type;  // message | metrics
    nlohmann::ordered_json data = nlohmann::ordered_json::object();
};

struct CheckpointMetrics {
    std::optional<double> train_loss, train_mean_token_accuracy;
    std::optional<double> valid_loss, valid_mean_token_accuracy;
    std::optional<double> full_valid_loss, full_valid_mean_token_accuracy;
};

struct JobCheckpoint {
    std::string id;  // ftckpt_...
    std::string job_id;
    int64_t created_at = 0;
    std::string model;  // usable under this name
    int64_t step = 0;
    CheckpointMetrics metrics;
};

struct CheckpointPermission {
    std::string id;  // cp_...
    int64_t created_at = 0;
    std::string project_id;  // who may use the checkpoint
};

struct Model {
    std::string id;  // a base's name, or "ft:..."
    int64_t created_at = 0;
    std::string owned_by;  // "system" for a base, else the organisation
    std::string job_id;    // that made it; empty for a base
};

// Where a model lies, for who loads it. Never shown to clients.
struct ModelPlace {
    std::string id;            // as in Model
    std::string base;          // the base's name
    std::string base_path;     // a folder or .gguf file
    std::string adapter_path;  // a PEFT folder; empty for a base
};

// The fetching of a base model.
struct Pull {
    std::string id;  // pull-...
    int64_t created_at = 0;
    int64_t finished_at = 0;
    std::string source;  // a name of the catalogue, or org/repo
    std::string model;   // the name that the base will have
    std::string status;  // queued | running | succeeded | failed | cancelled
    std::string error;   // of one that failed: what went wrong, and what to do
    // While it runs, of all files; 0 or empty: not known.
    std::string file;  // that comes now
    int64_t bytes = 0, total_bytes = 0;
    double bytes_per_second = 0, seconds_left = -1;  // negative: not known
};

struct AuditEntry {
    std::string id;  // audit_...
    int64_t created_at = 0;
    std::string key_id;  // who
    std::string action;  // "file.create", "job.cancel", "key.revoke" ...
    std::string object;  // the id that it was done to
};

struct Webhook {
    std::string id;  // wh_...
    int64_t created_at = 0;
    std::string url;
    std::vector<std::string> events;  // fine_tuning.job.succeeded | .failed | .cancelled
};

}  // namespace hone::platform
