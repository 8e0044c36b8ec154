#include "answer/serving/serve_model.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "answer/openai/api_error.h"
#include "answer/serving/model_server.h"
#include "answer/serving/protocol.h"
#include "base/clock.h"
#include "base/machine/machine_limits.h"
#include "train/output/machine.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// Says every few seconds that the process lives, and how long its present step has run.
class Heart {
  public:
    explicit Heart(LineWriter& out) : out_(out), thread_([this] { Beat(); }) {}
    ~Heart() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Heart(const Heart&) = delete;
    Heart& operator=(const Heart&) = delete;

    // A step begins (NowSeconds), or none runs (0).
    void StepBegan(double now) {
        const std::lock_guard lock(mutex_);
        step_began_ = now;
    }
    // What the next heartbeat says; the model is loaded.
    void Say(Json stats) {
        const std::lock_guard lock(mutex_);
        stats_ = std::move(stats);
    }

  private:
    void Beat() {
        std::unique_lock lock(mutex_);
        const auto period = std::chrono::duration<double>(kHeartbeatSeconds);
        while (!changed_.wait_for(lock, period, [this] { return stopping_; })) {
            Json line = {{"event", "heartbeat"},
                         {"loading", stats_.is_null()},
                         {"step_seconds", step_began_ > 0 ? NowSeconds() - step_began_ : 0.0},
                         {"memory_bytes", ResidentBytes()}};
            if (stats_.is_object()) line.update(stats_);
            lock.unlock();
            out_.Write(line);
            lock.lock();
        }
    }

    LineWriter& out_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    double step_began_ = 0;
    Json stats_;
    std::thread thread_;
};

void Serve(ServedModel& served, LineWriter& out, Heart& heart, LineReader& requests,
           const RunControl& control) {
    constexpr double kLook = 0.1;   // at the control, while nothing comes
    constexpr int kMostLines = 64;  // between two steps: those that run go on
    ModelServer server(served, out);
    while (control.command() != RunCommand::kCancel && !out.broken()) {
        const bool closing = control.ending();
        std::optional<std::string> line;
        for (int i = 0; i < kMostLines && !closing; ++i) {
            if (!requests.Take(server.busy() || i > 0 ? 0 : kLook, line)) break;
            if (line) {
                server.Handle(*line);
            } else {
                server.HandleTooLong();
            }
        }
        if (server.busy()) {
            heart.StepBegan(NowSeconds());
            server.Step();
            heart.StepBegan(0);
        } else if (closing || requests.ended()) {
            return;
        }
        heart.Say(server.Stats());
    }
}

}  // namespace

absl::Status ServeModel(ChosenModel chosen, const ServeModelOptions& options,
                        const Context& context, const RunControl& control) {
    LineWriter out(options.answers_fd);
    Heart heart(out);
    const std::string base = chosen.name;
    auto loaded = LoadChosen(std::move(chosen), options.load, context);
    if (!loaded.ok()) {
        Json error = DescribeFailure(loaded.status()).error;
        error["type"] = "server_error";
        out.Write({{"event", "failed"}, {"error", error}});
        return loaded.status();
    }
    ServedModelOptions model = options.model;
    model.engine.cache_bytes = options.cache_bytes.value_or(AvailableBytes() / 2);
    ServedModel served(*std::move(loaded), context, model);
    heart.Say(Json::object());  // it is loaded, and nothing is known of requests
    LineReader requests(options.requests_fd, kMaxRequestBytes);
    out.Write({{"event", "ready"},
               {"version", kServingVersion},
               {"base", base},
               {"context_length", served.context_length()},
               {"vocab_size", served.token_bytes().size()},
               {"memory_bytes", ResidentBytes()},
               {"cache_bytes", model.engine.cache_bytes},
               {"chat_template", served.loaded().chat->has_chat_template}});
    Serve(served, out, heart, requests, control);
    return absl::OkStatus();
}

}  // namespace hone
