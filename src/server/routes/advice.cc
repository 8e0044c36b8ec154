// What OpenAI has in its dashboard alone: which bases there are, the lines of a file as a model
// reads them, and what a job will come to.
#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/text/text_value.h"
#include "platform/jobs/job_request.h"
#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;
using Json = nlohmann::ordered_json;

constexpr char kAdviceSchemas[] = R"json({
  "BaseModel": {
    "type": "object",
    "required": [
      "id", "object", "aliases", "architecture", "licence", "parameters", "context_length", "bytes", "fetched"
    ],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "base_model"},
      "aliases": {"type": "array", "items": {"type": "string"}},
      "architecture": {"type": "string"},
      "licence": {"type": ["string", "null"]},
      "parameters": {"type": "integer"},
      "context_length": {"description": "tokens", "type": "integer"},
      "bytes": {"description": "of its files", "type": "integer"},
      "fetched": {"description": "while the server ran, and so can be removed", "type": "boolean"}
    }
  },
  "ListBaseModelsResponse": {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/BaseModel"}}
    }
  },
  "FileLine": {
    "type": "object",
    "required": ["line", "text", "shortened", "tokens", "pieces"],
    "properties": {
      "line": {"description": "from 1", "type": "integer"},
      "text": {"description": "as it stands in the file", "type": "string"},
      "shortened": {"description": "there is more of the text", "type": "boolean"},
      "tokens": {"description": "null: no model was named, or it cannot read the line", "type": ["integer", "null"]},
      "pieces": {"description": "the line as the model reads it", "type": "array", "items": {
        "type": "object",
        "required": ["text", "trained"],
        "properties": {
          "text": {"type": "string"},
          "trained": {"description": "the loss is taken over it", "type": "boolean"}
        }
      }}
    }
  },
  "ListFileLinesResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/FileLine"}},
      "has_more": {"type": "boolean"}
    }
  },
  "JobEstimate": {
    "type": "object",
    "required": [
      "object", "hyperparameters", "examples", "bad_lines", "steps", "learning_rate", "longest_example", "tokens",
      "command"
    ],
    "properties": {
      "object": {"type": "string", "const": "fine_tuning.estimate"},
      "hyperparameters": {"description": "with every \"auto\" replaced", "type": "object"},
      "examples": {"type": "integer"},
      "bad_lines": {"type": "integer"},
      "steps": {"type": "integer"},
      "learning_rate": {"type": "number"},
      "longest_example": {"description": "tokens; what is longer is cut", "type": "integer"},
      "tokens": {
        "description": "of an example, over the first of them",
        "type": "object",
        "required": ["examples", "mean", "mean_trained", "p50", "p90", "p99", "longest", "too_long"],
        "properties": {
          "examples": {"description": "that were counted", "type": "integer"},
          "mean": {"type": "number"},
          "mean_trained": {"type": "number"},
          "p50": {"type": "integer"},
          "p90": {"type": "integer"},
          "p99": {"type": "integer"},
          "longest": {"type": "integer"},
          "too_long": {"type": "integer"}
        }
      },
      "command": {"description": "the same training by the command line", "type": "string"}
    }
  },
  "JobPlan": {
    "type": "object",
    "required": ["object", "memory_bytes", "available_bytes", "seconds", "tokens_per_second"],
    "properties": {
      "object": {"type": "string", "const": "fine_tuning.plan"},
      "memory_bytes": {"description": "the most that the job's process would hold", "type": "integer"},
      "available_bytes": {"description": "that were free for it", "type": "integer"},
      "seconds": {"description": "of the whole run, by a step that was timed", "type": "number"},
      "tokens_per_second": {"type": "number"}
    }
  }
})json";

HttpResponse ListBases(Platform& platform) {
    Json data = Json::array();
    for (const platform::BaseDescription& base : platform.advisor().DescribeBases())
        data.push_back({{"id", base.name},
                        {"object", "base_model"},
                        {"aliases", base.aliases},
                        {"architecture", base.architecture},
                        {"licence", base.licence.empty() ? Json(nullptr) : Json(base.licence)},
                        {"parameters", base.parameters},
                        {"context_length", base.context},
                        {"bytes", base.bytes},
                        {"fetched", base.fetched}});
    return JsonResponse({{"object", "list"}, {"data", std::move(data)}});
}

HttpResponse WrongQuery(const char* name, std::string_view expected) {
    return ErrorResponse(
        ApiError{.message = fmt::format("Invalid '{}': expected {}.", name, expected),
                 .param = name,
                 .code = "invalid_value"});
}

// What the query says of which lines, into `lines`; or the answer to a query that is wrong.
std::optional<HttpResponse> ReadLines(const HttpRequest& request, platform::LinesRequest& lines) {
    if (const std::string* model = request.Query("model")) lines.model = *model;
    if (const std::string* numbers = request.Query("lines")) {
        for (const std::string& part : std::vector<std::string>(absl::StrSplit(*numbers, ','))) {
            int64_t number = 0;
            if (!ReadInteger(part, number).empty() || number < 1 ||
                lines.numbers.size() == platform::kMaxLines)
                return WrongQuery("lines",
                                  "up to 100 numbers of lines, from 1, with commas between");
            lines.numbers.push_back(number);
        }
    }
    if (const std::string* after = request.Query("after"))
        if (!ReadInteger(*after, lines.after).empty() || lines.after < 0)
            return WrongQuery("after", "the number of a line");
    int64_t limit = static_cast<int64_t>(lines.limit);
    if (const std::string* given = request.Query("limit"))
        if (!ReadInteger(*given, limit).empty() || limit < 0 ||
            limit > static_cast<int64_t>(platform::kMaxLines))
            return WrongQuery("limit", "a whole number from 0 to 100");
    lines.limit = static_cast<size_t>(limit);
    return std::nullopt;
}

Json LineJson(const platform::FileLine& line) {
    Json pieces = Json::array();
    for (const platform::TextPiece& piece : line.pieces)
        pieces.push_back({{"text", piece.text}, {"trained", piece.trained}});
    return {{"line", line.line},
            {"text", line.text},
            {"shortened", line.shortened},
            {"tokens", line.pieces.empty() ? Json(nullptr) : Json(line.tokens)},
            {"pieces", std::move(pieces)}};
}

HttpResponse ListLines(Platform& platform, const Call& call) {
    platform::LinesRequest request;
    if (auto wrong = ReadLines(call.request, request)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const auto found,
                          platform.advisor().Lines(call.caller, call.path[0], request));
    Json data = Json::array();
    for (const platform::FileLine& line : found.lines) data.push_back(LineJson(line));
    return JsonResponse(
        {{"object", "list"}, {"data", std::move(data)}, {"has_more", found.has_more}});
}

HttpResponse EstimateJob(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::JobRequest request, platform::ParseJobRequest(call.body));
    HONE_ASSIGN_OR_ANSWER(const platform::JobEstimate estimate,
                          platform.advisor().Estimate(call.caller, request));
    const platform::TokenCounts& tokens = estimate.tokens;
    return JsonResponse({{"object", "fine_tuning.estimate"},
                         {"hyperparameters", ToJson(estimate.hyperparameters, request.method)},
                         {"examples", estimate.examples},
                         {"bad_lines", estimate.bad_lines},
                         {"steps", estimate.steps},
                         {"learning_rate", estimate.learning_rate},
                         {"longest_example", estimate.longest_example},
                         {"tokens",
                          {{"examples", tokens.examples},
                           {"mean", tokens.mean},
                           {"mean_trained", tokens.mean_trained},
                           {"p50", tokens.lengths.p50},
                           {"p90", tokens.lengths.p90},
                           {"p99", tokens.lengths.p99},
                           {"longest", tokens.lengths.max},
                           {"too_long", tokens.too_long}}},
                         {"command", estimate.command}});
}

HttpResponse PlanJob(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::JobRequest request, platform::ParseJobRequest(call.body));
    HONE_ASSIGN_OR_ANSWER(const platform::JobPlan plan,
                          platform.planner().Plan(call.caller, request));
    return JsonResponse({{"object", "fine_tuning.plan"},
                         {"memory_bytes", plan.memory_bytes},
                         {"available_bytes", plan.available_bytes},
                         {"seconds", plan.seconds},
                         {"tokens_per_second", plan.tokens_per_second}});
}

}  // namespace

void AddAdviceRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kAdviceSchemas);
    Router& router = api.router();
    router.Add({.method = "GET",
                .pattern = "/api/base_models",
                .operation = "listBaseModels",
                .summary = "the models that jobs can start from, and what they are",
                .response_schema = "ListBaseModelsResponse",
                .handle = [&](const Call&) { return ListBases(platform); }});
    router.Add(
        {.method = "GET",
         .pattern = "/api/files/{file_id}/lines",
         .operation = "listFileLines",
         .summary = "lines of a training file, as they stand there and as a model reads them",
         .query = {{"model", R"({"type": "string"})", "which model; without one, the text alone"},
                   {"lines", R"({"type": "string"})", "which lines: \"3,17\"; up to 100"},
                   {"after", R"({"type": "integer", "minimum": 0, "default": 0})",
                    "without `lines`: those behind this one"},
                   {"limit", R"({"type": "integer", "minimum": 0, "maximum": 100, "default": 20})",
                    "without `lines`: how many at most"}},
         .response_schema = "ListFileLinesResponse",
         .handle = [&](const Call& call) { return ListLines(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/api/fine_tuning/estimate",
                .operation = "estimateFineTuningJob",
                .summary = "what a job would be: steps, tokens, and what \"auto\" chooses",
                .body = BodyKind::kJson,
                .request_schema = "CreateFineTuningJobRequest",
                .response_schema = "JobEstimate",
                .handle = [&](const Call& call) { return EstimateJob(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/api/fine_tuning/plan",
                .operation = "planFineTuningJob",
                .summary = "what memory and time a job would take here, measured by a step of it; "
                           "one at a time",
                .access = Access::kMember,
                .body = BodyKind::kJson,
                .request_schema = "CreateFineTuningJobRequest",
                .response_schema = "JobPlan",
                .handle = [&](const Call& call) { return PlanJob(platform, call); }});
}

}  // namespace hone::server
