#include "answer/serving/model_server.h"

#include <algorithm>

#include "answer/openai/api_error.h"
#include "answer/openai/body_reader.h"
#include "answer/serving/chat_task.h"
#include "answer/serving/completion_task.h"
#include "answer/serving/protocol.h"
#include "base/files/json_file.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxFolderBytes = 4096;

}  // namespace

ModelServer::~ModelServer() {
    for (const auto& [id, task] : tasks_) task->Cancel();
    // One step ends what was cancelled, and computes nothing.
    served_.engine().Step();
}

void ModelServer::WriteError(const Json& id, const absl::Status& status) {
    const ApiFailure failure = DescribeFailure(status);
    out_.Write(
        {{"id", id}, {"event", "error"}, {"status", failure.status}, {"error", failure.error}});
}

void ModelServer::WriteDone(const std::string& id, Json data) {
    out_.Write({{"id", id}, {"event", "done"}, {"data", std::move(data)}});
}

void ModelServer::HandleTooLong() {
    WriteError(nullptr,
               HttpError(413, "invalid_request_error",
                         fmt::format("A request is longer than {} bytes.", kMaxRequestBytes)));
}

void ModelServer::Handle(const std::string& line) {
    const auto request = ParseJson<Json>(line, "request");
    if (!request.ok()) {
        WriteError(nullptr, RequestError(std::string(request.status().message())));
        return;
    }
    const Json id = request->is_object() ? request->value("id", Json()) : Json();
    if (!id.is_string() || id.get_ref<const std::string&>().size() > kMaxRequestIdBytes) {
        WriteError(nullptr, RequestError(fmt::format("A request is an object with an \"id\", a "
                                                     "string of at most {} bytes.",
                                                     kMaxRequestIdBytes)));
        return;
    }
    const absl::Status status = Obey(id, *request);
    if (!status.ok()) WriteError(id, status);
}

void ModelServer::Cancel(const std::string& id) {
    std::erase_if(embeddings_, [&](const auto& task) { return task->id() == id; });
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return;  // it has just ended
    found->second->Cancel();
    leaving_.push_back(std::move(found->second));
    tasks_.erase(found);
}

bool ModelServer::Runs(const std::string& id) const {
    return tasks_.contains(id) || std::any_of(embeddings_.begin(), embeddings_.end(),
                                              [&](const auto& task) { return task->id() == id; });
}

absl::Status ModelServer::Obey(const std::string& id, const Json& request) {
    std::optional<std::string> kind, adapter, model;
    const Json* body = nullptr;
    BodyReader reader(request);
    reader.Skip("id").Required("kind").Choice("kind",
                                              {"chat.completion", "completion", "embedding",
                                               "cancel", "adapter.load", "adapter.unload", "stats"},
                                              kind);
    reader.Text("adapter", kMaxFolderBytes, adapter).Text("model", kMaxFolderBytes, model);
    reader.Object("body", body);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (kind == "cancel") {
        Cancel(id);
        return absl::OkStatus();
    }
    if (Runs(id))
        return RequestError(fmt::format("A request with the id \"{}\" runs already.", id));
    const std::string folder = adapter.value_or("");
    if (kind == "stats") {
        WriteDone(id, Stats());
    } else if (kind == "adapter.load") {
        HONE_RETURN_IF_ERROR(served_.UseAdapter(folder));
        WriteDone(id, {{"adapter", folder}});
    } else if (kind == "adapter.unload") {
        served_.ForgetAdapter(folder);
        WriteDone(id, {{"adapter", folder}});
    } else {
        if (body == nullptr)
            return RequestError("Missing required parameter: 'body'.", "body",
                                "missing_required_parameter");
        ++requests_;
        TaskFrame frame{id, model.value_or(served_.loaded().chosen.name), folder};
        if (kind == "embedding") {
            if (embeddings_.size() >= served_.engine().options().max_queued) return QueueFull();
            HONE_ASSIGN_OR_RETURN(auto task,
                                  EmbeddingTask::Start(std::move(frame), *body, served_, out_));
            embeddings_.push_back(std::move(task));
            return absl::OkStatus();
        }
        const auto start = kind == "completion" ? CompletionTask::Start : ChatTask::Start;
        HONE_ASSIGN_OR_RETURN(auto task, start(std::move(frame), *body, served_, out_));
        if (!task->finished()) tasks_.emplace(id, std::move(task));
    }
    return absl::OkStatus();
}

void ModelServer::Step() {
    served_.engine().Step();
    if (!embeddings_.empty()) {
        std::unique_ptr<EmbeddingTask> task = std::move(embeddings_.front());
        embeddings_.pop_front();
        if (!task->Step()) embeddings_.push_back(std::move(task));
    }
    std::erase_if(tasks_, [](const auto& entry) { return entry.second->finished(); });
    std::erase_if(leaving_, [](const auto& task) { return task->finished(); });
}

Json ModelServer::Stats() const {
    const Engine& engine = served_.engine();
    const GenerateStats& stats = engine.stats();
    return {{"running", engine.running()},
            {"queued", engine.queued()},
            {"cache_bytes", engine.cache_bytes()},
            {"adapters", served_.num_adapters()},
            {"requests", requests_},
            {"prompt_tokens", stats.prompt_tokens},
            {"reused_tokens", stats.reused_tokens},
            {"new_tokens", stats.new_tokens}};
}

}  // namespace hone
