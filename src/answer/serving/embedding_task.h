// POST /v1/embeddings.
#pragma once

#include "answer/serving/task.h"

namespace hone {

// So many tokens of one text, however long the model's context is: they go through it at once.
inline constexpr int64_t kMaxEmbeddingTokens = 8192;

// The embeddings of some texts. They are computed a piece at a time between the engine's steps, so
// that answers go on.
class EmbeddingTask {
  public:
    using Json = nlohmann::ordered_json;

    // Reads the body. Errors are of the request.
    static absl::StatusOr<std::unique_ptr<EmbeddingTask>> Start(TaskFrame frame, const Json& body,
                                                                ServedModel& served,
                                                                LineWriter& out);

    const std::string& id() const { return frame_.id; }
    // The next texts, of about kPrefillTokens tokens; true: all are done, and the answer, or an
    // error, was written.
    bool Step();

  private:
    EmbeddingTask(TaskFrame frame, EmbeddingRequest request, ServedModel& served, LineWriter& out)
        : frame_(std::move(frame)), request_(std::move(request)), served_(served), out_(out) {}
    Json Encoded(std::vector<float> embedding) const;

    TaskFrame frame_;
    EmbeddingRequest request_;
    ServedModel& served_;
    LineWriter& out_;
    std::shared_ptr<const Adapter> adapter_;
    std::vector<std::vector<int32_t>> inputs_;
    std::vector<std::vector<float>> embeddings_;  // of the first inputs
    int64_t prompt_tokens_ = 0;
};

}  // namespace hone
