#include "platform/conduct/validation.h"

#include "platform/conduct/recipe.h"
#include "platform/store/database.h"

namespace hone::platform {
namespace {

struct FileKind {
    const char* param;  // "training_file"
    const char* name;   // "training"
    const char* title;  // "Training"
    int64_t least;      // examples
};
constexpr FileKind kTraining = {"training_file", "training", "Training", kMinExamples};
constexpr FileKind kValidation = {"validation_file", "validation", "Validation", 1};

// The report, or what is wrong with the file as an error of the job.
struct Checked {
    TrainingFileReport report;
    std::optional<JobError> error;
};

std::string_view FormatOf(const std::string& method) {
    return TrainingFormatName(LearnsPreferences(method) ? TrainingFormat::kPreference
                                                        : TrainingFormat::kChat);
}

Checked CheckFile(const Stage& stage, const Job& job, const std::string& file_id, FileKind kind) {
    Checked checked;
    auto report = stage.files.Report(Operator(job.project), file_id);
    if (!report.ok()) {
        checked.error = {fmt::format("invalid_{}", kind.param),
                         fmt::format("The {} file {} cannot be read.", kind.name, file_id),
                         kind.param};
        return checked;
    }
    checked.report = *std::move(report);
    const TrainingFileReport& found = checked.report;
    const bool preference = found.format == TrainingFormat::kPreference;
    if (found.format != TrainingFormat::kUnknown && preference != LearnsPreferences(job.method)) {
        checked.error = {"invalid_file_format",
                         fmt::format("Input file {} is in the {} format, but the method is '{}', "
                                     "which takes the {} format.",
                                     file_id, TrainingFormatName(found.format), job.method,
                                     FormatOf(job.method)),
                         kind.param};
    } else if (found.bad_lines > 0) {
        checked.error = {"invalid_file_format",
                         fmt::format("The job failed due to a file format error in the {} file: "
                                     "{} of {} examples cannot be used.\n{}",
                                     kind.name, found.bad_lines, found.examples, found.ToText()),
                         kind.param};
    } else if (found.examples < kind.least) {
        checked.error = {"invalid_n_examples",
                         fmt::format("{} file has {} example(s), but must have at least {} "
                                     "examples",
                                     kind.title, found.examples, kind.least),
                         kind.param};
    }
    return checked;
}

}  // namespace

absl::Status ValidateJob(const Stage& stage, const JobRecord& job) {
    const Checked training = CheckFile(stage, job.job, job.job.training_file, kTraining);
    std::optional<JobError> error = training.error;
    if (!job.job.validation_file.empty()) {
        const Checked validation = CheckFile(stage, job.job, job.job.validation_file, kValidation);
        if (!error) error = validation.error;
    }
    HONE_RETURN_IF_ERROR(stage.services.database.Write([&](Sql& sql) -> absl::Status {
        auto record = FindJob(sql, job.job.id);
        if (!record || record->job.status != JobStatus::kValidatingFiles) return absl::OkStatus();
        const int64_t now = stage.services.Now();
        if (error) {
            FailJob(sql, *record, now, *error);
            return absl::OkStatus();
        }
        Job& own = record->job;
        own.hyperparameters =
            ResolveAuto(own.hyperparameters, own.method, training.report.examples);
        record->epoch_steps = EpochSteps(training.report.examples, *own.hyperparameters.batch_size);
        own.total_steps = record->epoch_steps * *own.hyperparameters.n_epochs;
        own.status = JobStatus::kQueued;
        UpdateJob(sql, *record);
        AddEvent(sql, record->seq, now, {.message = "Files validated, moving job to queued state"});
        return absl::OkStatus();
    }));
    stage.services.bulletin.Post(job.job.project, job.job.id);
    return absl::OkStatus();
}

}  // namespace hone::platform
