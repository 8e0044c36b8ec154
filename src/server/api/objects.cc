#include "server/api/objects.h"

#include <optional>

#include "server/api/answer.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

// Times and counts whose 0 means that there is none.
Json ZeroAsNull(int64_t value) { return value == 0 ? Json(nullptr) : Json(value); }

template <typename T>
Json NumberOr(const std::optional<T>& value, const Json& otherwise) {
    return value ? Json(*value) : otherwise;
}

Json IntegrationJson(const platform::Integration& integration) {
    return {{"type", "wandb"},
            {"wandb",
             {{"project", integration.project},
              {"name", TextOrNull(integration.name)},
              {"entity", TextOrNull(integration.entity)},
              {"tags", integration.tags}}}};
}

Json ErrorJson(const std::optional<platform::JobError>& error) {
    if (!error) return nullptr;
    return {
        {"code", error->code}, {"message", error->message}, {"param", TextOrNull(error->param)}};
}

// The one word that the API's types lack.
std::string_view StatusName(platform::JobStatus status) {
    return JobStatusName(status == platform::JobStatus::kPaused ? platform::JobStatus::kQueued
                                                                : status);
}

void AddNumber(const char* name, const std::optional<double>& value, Json& json) {
    if (value) json[name] = *value;
}

}  // namespace

Json ToJson(const platform::Hyperparameters& given, const std::string& method) {
    const Json automatic = "auto";
    Json json = {{"n_epochs", NumberOr(given.n_epochs, automatic)},
                 {"batch_size", NumberOr(given.batch_size, automatic)},
                 {"learning_rate_multiplier", NumberOr(given.learning_rate_multiplier, automatic)}};
    if (platform::LearnsPreferences(method)) json["beta"] = NumberOr(given.beta, automatic);
    return json;
}

Json ToJson(const platform::File& file) {
    Json json = {{"id", file.id},
                 {"object", "file"},
                 {"bytes", file.bytes},
                 {"created_at", file.created_at},
                 {"filename", file.filename},
                 {"purpose", file.purpose},
                 {"status", file.status},
                 {"status_details", TextOrNull(file.status_details)}};
    json["expires_at"] = ZeroAsNull(file.expires_at);
    return json;
}

Json ToJson(const platform::Upload& upload) {
    return {{"id", upload.id},
            {"object", "upload"},
            {"bytes", upload.bytes},
            {"created_at", upload.created_at},
            {"expires_at", upload.expires_at},
            {"filename", upload.filename},
            {"purpose", upload.purpose},
            {"status", upload.status},
            {"file", upload.file ? ToJson(*upload.file) : Json(nullptr)}};
}

Json ToJson(const platform::UploadPart& part) {
    return {{"id", part.id},
            {"object", "upload.part"},
            {"created_at", part.created_at},
            {"upload_id", part.upload_id}};
}

Json ToJson(const platform::Job& job) {
    Json integrations = Json::array();
    for (const platform::Integration& integration : job.integrations)
        integrations.push_back(IntegrationJson(integration));
    const Json hyperparameters = ToJson(job.hyperparameters, job.method);
    Json json = {{"id", job.id},
                 {"object", "fine_tuning.job"},
                 {"created_at", job.created_at},
                 {"finished_at", ZeroAsNull(job.finished_at)},
                 {"model", job.model},
                 {"fine_tuned_model", TextOrNull(job.fine_tuned_model)},
                 {"organization_id", job.organization_id},
                 {"status", StatusName(job.status)},
                 {"hyperparameters", hyperparameters},
                 {"training_file", job.training_file},
                 {"validation_file", TextOrNull(job.validation_file)},
                 {"result_files", job.result_files},
                 {"trained_tokens", NumberOr(job.trained_tokens, nullptr)},
                 {"error", ErrorJson(job.error)},
                 {"seed", job.seed},
                 {"estimated_finish", ZeroAsNull(job.estimated_finish)},
                 {"integrations", std::move(integrations)},
                 {"metadata", job.metadata ? Json(*job.metadata) : Json(nullptr)},
                 {"user_provided_suffix", TextOrNull(job.suffix)}};
    json["method"] = {{"type", job.method}, {job.method, {{"hyperparameters", hyperparameters}}}};
    json["paused"] = job.status == platform::JobStatus::kPaused;
    json["queue_position"] = ZeroAsNull(job.queue_position);
    json["step"] = job.step;
    json["total_steps"] = ZeroAsNull(job.total_steps);
    json["peak_memory_bytes"] = ZeroAsNull(job.peak_memory_bytes);
    json["cpu_seconds"] =
        job.cpu_ms > 0 ? Json(static_cast<double>(job.cpu_ms) / 1000) : Json(nullptr);
    return json;
}

Json ToJson(const platform::JobEvent& event) {
    return {{"id", event.id},
            {"object", "fine_tuning.job.event"},
            {"created_at", event.created_at},
            {"level", event.level},
            {"message", event.message},
            {"type", event.type},
            {"data", event.data}};
}

Json ToJson(const platform::JobCheckpoint& checkpoint) {
    const platform::CheckpointMetrics& values = checkpoint.metrics;
    Json metrics = {{"step", checkpoint.step}};
    AddNumber("train_loss", values.train_loss, metrics);
    AddNumber("train_mean_token_accuracy", values.train_mean_token_accuracy, metrics);
    AddNumber("valid_loss", values.valid_loss, metrics);
    AddNumber("valid_mean_token_accuracy", values.valid_mean_token_accuracy, metrics);
    AddNumber("full_valid_loss", values.full_valid_loss, metrics);
    AddNumber("full_valid_mean_token_accuracy", values.full_valid_mean_token_accuracy, metrics);
    return {{"id", checkpoint.id},
            {"object", "fine_tuning.job.checkpoint"},
            {"created_at", checkpoint.created_at},
            {"fine_tuned_model_checkpoint", checkpoint.model},
            {"step_number", checkpoint.step},
            {"fine_tuning_job_id", checkpoint.job_id},
            {"metrics", std::move(metrics)}};
}

Json ToJson(const platform::CheckpointPermission& permission) {
    return {{"id", permission.id},
            {"object", "checkpoint.permission"},
            {"created_at", permission.created_at},
            {"project_id", permission.project_id}};
}

Json ToJson(const platform::Model& model) {
    return {{"id", model.id},
            {"object", "model"},
            {"created", model.created_at},
            {"owned_by", model.owned_by}};
}

}  // namespace hone::server
