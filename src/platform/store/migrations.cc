#include "platform/store/migrations.h"

#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/text/text.h"

namespace hone::platform {
namespace {

// SERIAL stands for a number of the row that only grows: lists are in its order. Times are Unix
// seconds, 0 for none; an empty text stands for none.
constexpr std::string_view kFirst = R"(
create table projects (
    seq SERIAL,
    id text not null unique,
    name text not null unique,
    created_at bigint not null,
    stored_bytes bigint not null,
    stored_files bigint not null
);
create table api_keys (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    name text not null,
    role text not null,
    lookup text not null unique,
    hash text not null,
    hint text not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint not null
);
create index api_keys_by_project on api_keys (project, seq);
create table files (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    bytes bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    filename text not null,
    purpose text not null,
    status text not null,
    status_details text not null,
    sha256 text not null
);
create index files_by_project on files (project, seq);
create index files_by_purpose on files (project, purpose, seq);
create index files_by_content on files (sha256);
create index files_by_expiry on files (expires_at);
create table uploads (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    created_at bigint not null,
    expires_at bigint not null,
    filename text not null,
    purpose text not null,
    mime_type text not null,
    bytes bigint not null,
    file_expires_after bigint not null,
    status text not null,
    file_id text not null
);
create index uploads_by_project on uploads (project, status);
create index uploads_by_expiry on uploads (status, expires_at);
create table upload_parts (
    seq SERIAL,
    id text not null unique,
    upload_id text not null references uploads (id),
    created_at bigint not null,
    bytes bigint not null,
    sha256 text not null
);
create index upload_parts_by_upload on upload_parts (upload_id, seq);
create index upload_parts_by_content on upload_parts (sha256);
create table jobs (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    created_at bigint not null,
    started_at bigint not null,
    finished_at bigint not null,
    model text not null,
    base text not null,
    fine_tuned_model text not null,
    status text not null,
    method text not null,
    hyperparameters text not null,
    training_file text not null,
    validation_file text not null,
    result_file text not null,
    trained_tokens bigint not null,
    error_code text not null,
    error_message text not null,
    error_param text not null,
    seed bigint not null,
    suffix text not null,
    integrations text not null,
    metadata text not null,
    estimated_finish bigint not null,
    step bigint not null,
    total_steps bigint not null,
    epoch_steps bigint not null,
    crashes bigint not null
);
create index jobs_by_project on jobs (project, seq);
create index jobs_without_metadata on jobs (project, seq) where metadata = '';
create index jobs_by_project_status on jobs (project, status);
create index jobs_by_status on jobs (status, seq);
create index jobs_by_model on jobs (model);
create index jobs_by_training_file on jobs (training_file);
create index jobs_by_validation_file on jobs (validation_file);
create table job_metadata (
    job bigint not null references jobs (seq),
    owner text not null,
    name text not null,
    value text not null,
    primary key (job, name)
);
create index job_metadata_by_value on job_metadata (owner, name, value, job);
create table job_events (
    seq SERIAL,
    id text not null unique,
    job bigint not null references jobs (seq),
    created_at bigint not null,
    level text not null,
    message text not null,
    type text not null,
    data text not null
);
create index job_events_by_job on job_events (job, seq);
create table job_checkpoints (
    seq SERIAL,
    id text not null unique,
    job bigint not null references jobs (seq),
    created_at bigint not null,
    model text not null,
    step bigint not null,
    metrics text not null,
    unique (job, step)
);
create index job_checkpoints_by_job on job_checkpoints (job, seq);
create table models (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    created_at bigint not null,
    base text not null,
    job_id text not null,
    folder text not null unique
);
create index models_by_project on models (project, seq);
create table checkpoint_permissions (
    seq SERIAL,
    id text not null unique,
    model text not null references models (id) on delete cascade,
    project text not null references projects (id),
    created_at bigint not null,
    unique (model, project)
);
create index checkpoint_permissions_by_project on checkpoint_permissions (project, model);
create table audit (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    created_at bigint not null,
    key_id text not null,
    action text not null,
    object text not null
);
create index audit_by_project on audit (project, seq);
create table webhooks (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    created_at bigint not null,
    url text not null,
    events text not null,
    secret text not null
);
create index webhooks_by_project on webhooks (project, seq);
create table deliveries (
    seq SERIAL,
    id text not null,
    webhook text not null references webhooks (id) on delete cascade,
    body text not null,
    attempts bigint not null,
    next_at bigint not null
);
create index deliveries_by_time on deliveries (next_at);
)";

constexpr std::string_view kAnswers = R"(
create table answers (
    seq SERIAL,
    id text not null unique,
    project text not null references projects (id),
    kind text not null,
    created_at bigint not null,
    model text not null,
    bytes bigint not null,
    metadata text not null,
    body text not null,
    input text not null
);
create index answers_by_project on answers (project, kind, seq);
create index answers_by_age on answers (project, created_at);
create table answer_metadata (
    answer bigint not null references answers (seq) on delete cascade,
    name text not null,
    value text not null,
    primary key (answer, name)
);
)";

constexpr std::string_view kMemoryOfJobs = R"(
alter table jobs add column peak_memory_bytes bigint not null default 0;
)";

constexpr std::string_view kCpuOfJobs = R"(
alter table jobs add column cpu_ms bigint not null default 0;
)";

constexpr std::string_view kFetchedBases = R"(
create table bases (
    seq SERIAL,
    name text not null unique,
    path text not null
);
create table pulls (
    seq SERIAL,
    id text not null unique,
    created_at bigint not null,
    finished_at bigint not null,
    source text not null,
    model text not null,
    status text not null,
    error text not null
);
create index pulls_by_status on pulls (status, seq);
)";

// What jobs are looked for by, in a table of its own: all of it is read where nothing fits, and it
// is a small part of what jobs hold.
constexpr std::string_view kWordsOfJobs = R"(
create table job_words (
    job ROWKEY references jobs (seq),
    owner text not null,
    words text not null
);
insert into job_words (job, owner, words) select seq, project, lower(id || ' ' || model || ' ' ||
    fine_tuned_model || ' ' || suffix || ' ' || metadata) from jobs;
)";

constexpr std::string_view kMigrations[] = {kFirst,     kAnswers,      kMemoryOfJobs,
                                            kCpuOfJobs, kFetchedBases, kWordsOfJobs};

}  // namespace

std::span<const std::string_view> Migrations() { return kMigrations; }

std::vector<std::string> MigrationStatements(std::string_view migration, bool sqlite) {
    const std::string text =
        absl::StrReplaceAll(std::string(migration),
                            {{"SERIAL", sqlite ? "integer primary key autoincrement"
                                               : "bigint generated always as identity primary key"},
                             {"ROWKEY", sqlite ? "integer primary key" : "bigint primary key"}});
    std::vector<std::string> statements;
    for (std::string& statement : std::vector<std::string>(absl::StrSplit(text, ';')))
        if (!IsBlank(statement)) statements.push_back(std::move(statement));
    return statements;
}

}  // namespace hone::platform
