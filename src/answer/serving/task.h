// A request that is being answered: its choices run side by side in the engine, and what becomes of
// them is written as the protocol says.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "answer/openai/requests.h"
#include "answer/serving/lines.h"
#include "answer/serving/served_model.h"

namespace hone {

// What every kind of request has.
struct TaskFrame {
    std::string id;       // the request's, in the protocol
    std::string model;    // as answers call it
    std::string adapter;  // the folder; empty: the base alone
};

class Task : public RequestSink {
  public:
    using Json = nlohmann::ordered_json;

    Task(TaskFrame frame, ServedModel& served, LineWriter& out);

    // Ends it without a further line.
    void Cancel();
    // Whether the engine holds nothing of it: it may go.
    bool finished() const { return ended_ == choices_.size(); }

    void OnToken(uint64_t id, const TokenUpdate& update) final;
    void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) final;

  protected:
    // Gives the choices, one after the other, to the engine. On an error none runs.
    absl::Status Submit(std::vector<GenerateRequest> requests);
    virtual void OnChoiceToken(size_t choice, const TokenUpdate& update) = 0;
    virtual void OnChoiceEnd(size_t choice, GenerateResult result) = 0;
    // After the last choice: what is left to stream, then the whole answer.
    virtual Json Whole() = 0;

    // {"id", "object", "created", "model"}: how every object of the answer begins.
    Json Head(std::string_view object) const;
    Json Usage() const;
    void Chunk(Json data);
    // Writes the whole answer.
    void Done();
    bool IsEnd(int32_t token) const { return served_.encoder().IsEnd(token); }

    TaskFrame frame_;
    ServedModel& served_;
    // {"token", "logprob", "bytes"} and the same of the likeliest in "top_logprobs".
    Json LogprobJson(const TokenLogprob& logprob) const;

    std::string answer_id_;  // "chatcmpl-..."
    bool stream_ = false, include_usage_ = false;
    int64_t prompt_tokens_ = 0, new_tokens_ = 0, reused_tokens_ = 0;

  private:
    LineWriter& out_;
    int64_t created_;
    std::map<uint64_t, size_t> choices_;  // by the engine's number
    size_t ended_ = 0;
    bool silent_ = false;  // it failed or was cancelled
    Json timings_;
};

// The options of the engine's requests: what the body says, then the model's own defaults, then
// OpenAI's (temperature 1). Without a seed one is drawn.
GenerateOptions DrawOptions(const DrawFields& fields, const ServedModel& served);

// That of a queue which has no room for more.
absl::Status QueueFull();

// A random name of letters and digits behind the prefix: "chatcmpl-...".
std::string NewName(std::string_view prefix);

}  // namespace hone
