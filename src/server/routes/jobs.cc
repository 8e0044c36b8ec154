// Fine-tuning jobs: https://platform.openai.com/docs/api-reference/fine-tuning.
#include <utility>

#include "absl/strings/str_split.h"
#include "fmt/ranges.h"
#include "platform/jobs/job_request.h"
#include "server/api/api.h"
#include "server/api/job_stream.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/api/routes.h"
#include "server/api/schemas_jobs.h"

namespace hone::server {
namespace {

using platform::Platform;

constexpr PageRules kJobPages{.limit = 20};
constexpr PageRules kCheckpointPages{.limit = 10};

HttpResponse CreateJob(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::JobRequest request, platform::ParseJobRequest(call.body));
    HONE_ASSIGN_OR_ANSWER(const platform::Job job, platform.jobs().Create(call.caller, request));
    return JsonResponse(ToJson(job));
}

// metadata[key]=value, any number of times; or metadata=null.
std::optional<HttpResponse> ReadFilter(const HttpRequest& request, platform::JobFilter& filter) {
    const std::string* null = request.Query("metadata");
    filter.null_metadata = null != nullptr && *null == "null";
    filter.metadata = ReadMetadataFilter(request);
    if (!filter.null_metadata || filter.metadata.empty()) return std::nullopt;
    return ErrorResponse(
        ApiError{.message = "Invalid 'metadata': metadata=null and metadata[key]=value exclude "
                            "each other.",
                 .param = "metadata",
                 .code = "invalid_value"});
}

HttpResponse ListResponse(const platform::Page<platform::Job>& jobs) {
    return JsonResponse(
        ListJson(jobs.data, jobs.has_more, [](const platform::Job& job) { return ToJson(job); }));
}

HttpResponse ListJobs(Platform& platform, const Call& call) {
    platform::PageRequest page;
    platform::JobFilter filter;
    if (auto wrong = ReadPage(call.request, kJobPages, page)) return *std::move(wrong);
    if (auto wrong = ReadFilter(call.request, filter)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const platform::Page<platform::Job> jobs,
                          platform.jobs().List(call.caller, filter, page));
    return ListResponse(jobs);
}

HttpResponse SearchJobs(Platform& platform, const Call& call) {
    platform::PageRequest page;
    platform::JobSearch search;
    if (auto wrong = ReadPage(call.request, kJobPages, page)) return *std::move(wrong);
    if (const std::string* statuses = call.request.Query("status"))
        search.statuses = absl::StrSplit(*statuses, ',', absl::SkipEmpty());
    if (const std::string* model = call.request.Query("model")) search.model = *model;
    if (const std::string* text = call.request.Query("search")) search.text = *text;
    HONE_ASSIGN_OR_ANSWER(const platform::Page<platform::Job> jobs,
                          platform.jobs().Search(call.caller, search, page));
    return ListResponse(jobs);
}

HttpResponse ListEvents(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kJobPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const platform::Page<platform::JobEvent> events,
                          platform.jobs().Events(call.caller, call.path[0], page));
    return JsonResponse(ListJson(events.data, events.has_more,
                                 [](const platform::JobEvent& event) { return ToJson(event); }));
}

HttpResponse ListCheckpoints(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kCheckpointPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const platform::Page<platform::JobCheckpoint> checkpoints,
                          platform.jobs().Checkpoints(call.caller, call.path[0], page));
    return JsonResponse(
        ListJson(checkpoints.data, checkpoints.has_more,
                 [](const platform::JobCheckpoint& checkpoint) { return ToJson(checkpoint); }));
}

// POST .../{verb}, which changes a job and gives it back.
void AddVerb(Router& router, Platform& platform, const std::string& verb,
             const std::string& operation, const std::string& summary,
             absl::StatusOr<platform::Job> (platform::Jobs::*change)(const platform::Caller&,
                                                                     const std::string&)) {
    router.Add({.method = "POST",
                .pattern = "/v1/fine_tuning/jobs/{fine_tuning_job_id}/" + verb,
                .operation = operation,
                .summary = summary,
                .access = Access::kMember,
                .response_schema = "FineTuningJob",
                .handle = [&platform, change](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const platform::Job job,
                                          (platform.jobs().*change)(call.caller, call.path[0]));
                    return JsonResponse(ToJson(job));
                }});
}

void AddCreateAndRead(Router& router, Platform& platform) {
    router.Add({.method = "POST",
                .pattern = "/v1/fine_tuning/jobs",
                .operation = "createFineTuningJob",
                .summary = "creates a job, which runs when its turn comes",
                .access = Access::kMember,
                .body = BodyKind::kJson,
                .request_schema = "CreateFineTuningJobRequest",
                .response_schema = "FineTuningJob",
                .handle = [&](const Call& call) { return CreateJob(platform, call); }});
    std::vector<QueryParameter> listing = PageParameters(kJobPages);
    listing.push_back(MetadataFilterParameter(
        "metadata[key]=value: only jobs with this pair; metadata=null: only jobs without "
        "metadata"));
    router.Add({.method = "GET",
                .pattern = "/v1/fine_tuning/jobs",
                .operation = "listPaginatedFineTuningJobs",
                .summary = "lists the project's jobs, newest first",
                .query = std::move(listing),
                .response_schema = "ListFineTuningJobsResponse",
                .handle = [&](const Call& call) { return ListJobs(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/v1/fine_tuning/jobs/{fine_tuning_job_id}",
                .operation = "retrieveFineTuningJob",
                .summary = "one job",
                .response_schema = "FineTuningJob",
                .handle = [&](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const platform::Job job,
                                          platform.jobs().Get(call.caller, call.path[0]));
                    return JsonResponse(ToJson(job));
                }});
}

void AddListsOfAJob(Router& router, Platform& platform) {
    router.Add({.method = "GET",
                .pattern = "/v1/fine_tuning/jobs/{fine_tuning_job_id}/events",
                .operation = "listFineTuningEvents",
                .summary = "what happened in a job, newest first",
                .query = PageParameters(kJobPages),
                .response_schema = "ListFineTuningJobEventsResponse",
                .handle = [&](const Call& call) { return ListEvents(platform, call); }});
    router.Add(
        {.method = "GET",
         .pattern = "/v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints",
         .operation = "listFineTuningJobCheckpoints",
         .summary = "the checkpoints of a job, newest first; each is a model that can be used",
         .query = PageParameters(kCheckpointPages),
         .response_schema = "ListFineTuningJobCheckpointsResponse",
         .handle = [&](const Call& call) { return ListCheckpoints(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/api/fine_tuning/jobs/{fine_tuning_job_id}/events/stream",
                .operation = "streamFineTuningEvents",
                .summary = "the events of a job from its first on, as they happen, until it ends",
                .response_type = "text/event-stream",
                .answer = [&](const Call& call, std::shared_ptr<Exchange> exchange) {
                    StreamJobEvents(platform, call.caller, call.path[0], std::move(exchange));
                }});
}

}  // namespace

void AddJobRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kJobSchemas);
    Router& router = api.router();
    AddCreateAndRead(router, platform);
    AddListsOfAJob(router, platform);
    std::vector<QueryParameter> searching = PageParameters(kJobPages);
    searching.push_back({"status", R"({"type": "string", "maxLength": 256})",
                         fmt::format("only jobs in one of these, with commas between: {}",
                                     fmt::join(platform::JobStatusNames(), ", "))});
    searching.push_back({"model", R"({"type": "string", "maxLength": 256})",
                         "only jobs that began with this model, not with an alias of it"});
    searching.push_back({"search", R"({"type": "string", "maxLength": 256})",
                         "only jobs in whose id, models, suffix or metadata (key=value) each of "
                         "these words occurs"});
    router.Add({.method = "GET",
                .pattern = "/api/fine_tuning/jobs",
                .operation = "searchFineTuningJobs",
                .summary = "looks for jobs of the project, newest first",
                .query = std::move(searching),
                .response_schema = "ListFineTuningJobsResponse",
                .handle = [&](const Call& call) { return SearchJobs(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = "/api/fine_tuning/jobs/{fine_tuning_job_id}",
                .operation = "deleteFineTuningJob",
                .summary = "deletes a job that is over; the models that it made and its files stay",
                .access = Access::kMember,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(platform.jobs().Delete(call.caller, call.path[0]),
                                           call.path[0], "fine_tuning.job");
                }});
    AddVerb(router, platform, "cancel", "cancelFineTuningJob", "ends a job for good",
            &platform::Jobs::Cancel);
    AddVerb(router, platform, "pause", "pauseFineTuningJob",
            "stops a job, which keeps what it has learnt", &platform::Jobs::Pause);
    AddVerb(router, platform, "resume", "resumeFineTuningJob",
            "puts a paused job back in the queue, to go on where it stopped",
            &platform::Jobs::Resume);
}

}  // namespace hone::server
