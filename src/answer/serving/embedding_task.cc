#include "answer/serving/embedding_task.h"

#include <algorithm>
#include <bit>

#include "absl/strings/escaping.h"
#include "answer/openai/api_error.h"
#include "model/files/pooling.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddingTask>> EmbeddingTask::Start(TaskFrame frame,
                                                                    const Json& body,
                                                                    ServedModel& served,
                                                                    LineWriter& out) {
    HONE_ASSIGN_OR_RETURN(EmbeddingRequest request, ReadEmbeddingRequest(body));
    HONE_RETURN_IF_ERROR(served.UseAdapter(frame.adapter));
    if (request.dimensions.value_or(1) > served.hidden_size())
        return RequestError(fmt::format("Invalid 'dimensions': the model's embeddings have {} "
                                        "numbers, fewer than {}.",
                                        served.hidden_size(), *request.dimensions),
                            "dimensions", "integer_above_max_value");
    std::unique_ptr<EmbeddingTask> task(
        new EmbeddingTask(std::move(frame), std::move(request), served, out));
    task->adapter_ = served.FindAdapter(task->frame_.adapter);
    const int64_t most = std::min(served.context_length(), kMaxEmbeddingTokens);
    for (const TextOrTokens& input : task->request_.inputs) {
        HONE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, served.Encode(input, "input"));
        if (static_cast<int64_t>(tokens.size()) > most)
            return RequestError(
                fmt::format("This model's maximum context length is {} tokens. However, your input "
                            "resulted in {} tokens. Please reduce the length of the input.",
                            most, tokens.size()),
                "input", "context_length_exceeded");
        task->prompt_tokens_ += static_cast<int64_t>(tokens.size());
        task->inputs_.push_back(std::move(tokens));
    }
    return task;
}

bool EmbeddingTask::Step() {
    std::vector<std::vector<int32_t>> next;
    size_t tokens = 0;
    for (size_t i = embeddings_.size(); i < inputs_.size(); ++i) {
        tokens += inputs_[i].size();
        if (tokens > kPrefillTokens && !next.empty()) break;
        next.push_back(inputs_[i]);
    }
    auto embeddings = served_.Embed(next, frame_.adapter, adapter_.get());
    if (!embeddings.ok()) {
        const ApiFailure failure = DescribeFailure(embeddings.status());
        out_.Write({{"id", frame_.id},
                    {"event", "error"},
                    {"status", failure.status},
                    {"error", failure.error}});
        return true;
    }
    for (auto& embedding : *embeddings) embeddings_.push_back(std::move(embedding));
    if (embeddings_.size() < inputs_.size()) return false;
    Json data = Json::array();
    for (size_t i = 0; i < embeddings_.size(); ++i)
        data.push_back({{"object", "embedding"},
                        {"index", i},
                        {"embedding", Encoded(std::move(embeddings_[i]))}});
    const Json usage = {{"prompt_tokens", prompt_tokens_}, {"total_tokens", prompt_tokens_}};
    out_.Write({{"id", frame_.id},
                {"event", "done"},
                {"data",
                 {{"object", "list"},
                  {"data", std::move(data)},
                  {"model", frame_.model},
                  {"usage", usage}}}});
    return true;
}

Json EmbeddingTask::Encoded(std::vector<float> embedding) const {
    if (request_.dimensions) Shorten(embedding, static_cast<size_t>(*request_.dimensions));
    if (!request_.base64) return embedding;
    static_assert(std::endian::native == std::endian::little);  // as the SDKs read it
    return absl::Base64Escape(
        {reinterpret_cast<const char*>(embedding.data()), embedding.size() * sizeof(float)});
}

}  // namespace hone
