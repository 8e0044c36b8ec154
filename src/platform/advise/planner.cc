#include "platform/advise/planner.h"

#include <filesystem>
#include <optional>

#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "platform/api/refusal.h"
#include "platform/conduct/job_run.h"
#include "platform/conduct/recipe.h"
#include "platform/store/ids.h"
#include "train/job.h"

namespace hone::platform {
namespace {

constexpr double kMostSeconds = 300;
constexpr double kLookSeconds = 0.2;
constexpr size_t kKnown = 64;
constexpr size_t kFolderName = 24;

// A folder that goes away with its content.
class ScratchFolder {
  public:
    explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    const std::string path_;
};

// The files' names say their form to who reads them; those of the store do not.
absl::Status LinkAs(const std::string& from, const std::string& to) {
    std::error_code error;
    std::filesystem::create_hard_link(from, to, error);
    if (error) return OtherError("cannot link {} to {}: {}", from, to, error.message());
    return absl::OkStatus();
}

JobPlan PlanOf(const RunPlan& plan) {
    const double tokens = static_cast<double>(plan.train_tokens) * plan.epochs;
    return {.memory_bytes = static_cast<int64_t>(plan.needed_bytes),
            .available_bytes = static_cast<int64_t>(plan.available_bytes),
            .seconds = plan.estimated_seconds,
            .tokens_per_second = plan.estimated_seconds > 0 ? tokens / plan.estimated_seconds : 0};
}

}  // namespace

absl::StatusOr<JobPlan> Planner::Plan(const Caller& caller, const JobRequest& request) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    HONE_ASSIGN_OR_RETURN(const ModelPlace place, models_.Resolve(caller, request.model));
    HONE_ASSIGN_OR_RETURN(const TrainingFileReport report,
                          files_.Report(caller, request.training_file));
    HONE_ASSIGN_OR_RETURN(const BaseFacts facts, ReadBaseFacts(place.base_path));
    if (report.bad_lines > 0 || report.examples == 0)
        return InvalidField("training_file",
                            "The training file has lines that cannot be used, or none at all.");
    Job job{.method = request.method};
    job.hyperparameters = ResolveAuto(request.hyperparameters, request.method, report.examples);
    const int64_t epoch = EpochSteps(report.examples, *job.hyperparameters.batch_size);
    RunPlaces places{.base_path = place.base_path, .adapter_path = place.adapter_path};
    places.threads = WorkerThreads(services_.options);
    HONE_ASSIGN_OR_RETURN(places.training_file,
                          files_.PathOf(caller.project, request.training_file));
    if (!request.validation_file.empty()) {
        HONE_ASSIGN_OR_RETURN(places.validation_file,
                              files_.PathOf(caller.project, request.validation_file));
    }
    // The store names files by their content, so that this says all that matters.
    const std::string key = JobText(MakeOptions(job, epoch, facts, places));

    const std::unique_lock lock(running_, std::try_to_lock);
    if (!lock.owns_lock())
        return Refuse({RefusalKind::kUnavailable, "", "busy"},
                      "Another job is being planned: ask again in a moment.");
    for (const auto& [asked, plan] : known_)
        if (asked == key) return plan;
    const ScratchFolder folder(Root() + "/" + RandomName(kFolderName));
    HONE_RETURN_IF_ERROR(MakeDirectories(folder.path()));
    for (auto* file : {&places.training_file, &places.validation_file}) {
        if (file->empty()) continue;
        const bool training = file == &places.training_file;
        const std::string link =
            folder.path() + (training ? "/training.jsonl" : "/validation.jsonl");
        HONE_RETURN_IF_ERROR(LinkAs(*file, link));
        *file = link;
    }
    places.output = folder.path() + "/run";
    HONE_RETURN_IF_ERROR(WriteFileAtomic(folder.path() + "/job.json",
                                         JobText(MakeOptions(job, epoch, facts, places))));
    HONE_ASSIGN_OR_RETURN(const JobPlan plan, Measure(folder.path(), place));
    known_.emplace_back(key, plan);
    if (known_.size() > kKnown) known_.pop_front();
    return plan;
}

absl::StatusOr<JobPlan> Planner::Measure(const std::string& folder, const ModelPlace& place) {
    HONE_ASSIGN_OR_RETURN(
        const auto worker,
        executor_.Start({folder, services_.options.memory_limit_bytes, /*estimate=*/true}));
    std::optional<RunPlan> plan;
    const double until = NowSeconds() + kMostSeconds;
    Event event;
    for (;;) {
        const Worker::Heard heard = worker->Next(kLookSeconds, &event);
        if (heard == Worker::Heard::kEnd) break;
        if (NowSeconds() > until) worker->Kill();
        if (heard != Worker::Heard::kEvent) continue;
        if (const auto* told = std::get_if<RunPlan>(&event.body)) plan = *told;
        if (const auto* failed = std::get_if<RunFailed>(&event.body))
            return Refuse({RefusalKind::kInvalid, "", failed->code},
                          absl::StrReplaceAll(failed->message, {{folder + "/", ""},
                                                                {place.base_path, place.base},
                                                                {services_.options.data_dir, ""}}));
    }
    if (plan) return PlanOf(*plan);
    const WorkerEnd end = worker->End();
    return OtherError("the process that plans a job on {} left with exit code {}, signal {}: {}",
                      place.base, end.exit_code, end.signal, end.last_words);
}

void Planner::RemoveLeftovers() {
    std::error_code error;
    std::filesystem::remove_all(Root(), error);
}

}  // namespace hone::platform
