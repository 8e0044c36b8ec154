// The requests of one model, as lines in and lines out (protocol.h).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "answer/serving/embedding_task.h"

namespace hone {

// Everything is called from one thread.
class ModelServer {
  public:
    ModelServer(ServedModel& served, LineWriter& out) : served_(served), out_(out) {}
    // Cancels what still runs.
    ~ModelServer();

    // Does what the line says, or answers why not.
    void Handle(const std::string& line);
    // A line that was too long to be read.
    void HandleTooLong();
    // One step of the engine, and the answers that come of it.
    void Step();
    bool busy() const { return served_.engine().busy() || !embeddings_.empty(); }
    // What a heartbeat says of the engine.
    nlohmann::ordered_json Stats() const;

  private:
    using Json = nlohmann::ordered_json;
    void Cancel(const std::string& id);
    bool Runs(const std::string& id) const;
    absl::Status Obey(const std::string& id, const Json& request);
    void WriteError(const Json& id, const absl::Status& status);
    void WriteDone(const std::string& id, Json data);

    ServedModel& served_;
    LineWriter& out_;
    std::map<std::string, std::unique_ptr<Task>> tasks_;
    std::vector<std::unique_ptr<Task>> leaving_;             // that were cancelled
    std::deque<std::unique_ptr<EmbeddingTask>> embeddings_;  // in turn, a piece of one in a step
    int64_t requests_ = 0;
};

}  // namespace hone
