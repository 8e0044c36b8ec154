#include "platform/inference/inference_pool.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "answer/serving/protocol.h"
#include "base/clock.h"
#include "base/text/json_text.h"
#include "platform/inference/child_process.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxAnswerBytes = size_t{256} << 20;  // of one line
constexpr double kEndSeconds = 10;                     // for a child that is asked to end
constexpr double kMostDelay = 60;                      // before one that keeps failing starts again
constexpr double kLook = 0.2;                          // at the time

InferenceEvent ErrorEvent(int status, std::string message, int retry_after, Json code = nullptr) {
    const char* type = status == 429 ? "rate_limit_error" : "server_error";
    const Json error = {
        {"message", std::move(message)}, {"type", type}, {"param", nullptr}, {"code", code}};
    return {InferenceEvent::Kind::kError,
            error.dump(-1, ' ', false, Json::error_handler_t::replace), status, retry_after};
}

std::string Text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

class InferencePool::Impl {
  public:
    explicit Impl(InferencePoolOptions options)
        : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        HONE_CHECK(wake_ >= 0, "no file descriptor is left");
        thread_ = std::thread([this] { Run(); });
    }

    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = draining_ = true;
        }
        Wake();
        thread_.join();
        close(wake_);
    }

    uint64_t Ask(InferenceRequest request, InferenceSink sink) {
        const std::lock_guard lock(mutex_);
        const uint64_t id = next_id_++;
        const bool full = requests_.size() >= options_.max_waiting;
        requests_.emplace(id,
                          Request{request.base, std::make_shared<InferenceSink>(std::move(sink))});
        if (draining_ || full) {
            late_.emplace_back(
                id, full ? ErrorEvent(429, "The server has more requests than it can hold.", 1,
                                      "rate_limit_exceeded")
                         : ErrorEvent(503, "The server is shutting down.", 10));
        } else {
            Child& child = ChildOf(request.base);
            child.last_use = ++uses_;
            Json line = {{"id", std::to_string(id)},
                         {"kind", std::move(request.kind)},
                         {"model", std::move(request.model)}};
            if (!request.adapter.empty()) line["adapter"] = std::move(request.adapter);
            line["body"] = std::move(request.body);
            child.waiting.emplace_back(id, JsonLine(line));
        }
        Wake();
        return id;
    }

    void Cancel(uint64_t id) {
        std::unique_lock lock(mutex_);
        const auto found = requests_.find(id);
        if (found != requests_.end()) {
            Child& child = ChildOf(found->second.base);
            if (child.sent.erase(id) > 0) {
                child.outbox += JsonLine({{"id", std::to_string(id)}, {"kind", "cancel"}});
            } else {
                std::erase_if(child.waiting, [&](const auto& one) { return one.first == id; });
            }
            requests_.erase(found);
            Wake();
        }
        if (std::this_thread::get_id() != thread_.get_id())
            changed_.wait(lock, [&] { return delivering_ != id; });
    }

    void ForgetAdapter(const std::string& base, const std::string& adapter) {
        const std::lock_guard lock(mutex_);
        const auto found = children_.find(base);
        if (found == children_.end() || !found->second.process) return;
        found->second.outbox +=
            JsonLine({{"id", "forget"}, {"kind", "adapter.unload"}, {"adapter", adapter}});
        Wake();
    }

    void ForgetBase(const std::string& base) {
        const std::lock_guard lock(mutex_);
        const auto found = children_.find(base);
        if (found != children_.end()) found->second.retire = true;
        Wake();
    }

    bool Drain(double seconds) {
        std::unique_lock lock(mutex_);
        draining_ = true;
        return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                                 [&] { return requests_.empty() && delivering_ == 0; });
    }

    std::vector<InferenceChild> Children() const {
        const std::lock_guard lock(mutex_);
        std::vector<InferenceChild> children;
        for (const auto& [base, child] : children_)
            children.push_back({.base = base,
                                .state = !child.process ? "waiting"
                                         : child.ready  ? "ready"
                                                        : "starting",
                                .pid = child.process ? child.process->pid() : 0,
                                .context_length = child.context_length,
                                .restarts = child.restarts,
                                .requests = child.sent.size() + child.waiting.size(),
                                .memory_bytes = child.process ? child.memory_bytes : 0,
                                .stats = child.stats});
        return children;
    }

  private:
    struct Request {
        std::string base;
        std::shared_ptr<InferenceSink> sink;
    };
    struct Child {
        std::optional<ChildProcess> process;
        bool ready = false;   // it said so
        bool ending = false;  // it was asked to
        bool retire = false;  // it is to end when nothing is in flight
        std::string inbox, outbox;
        std::deque<std::pair<uint64_t, std::string>> waiting;  // not sent yet
        std::set<uint64_t> sent;                               // not answered yet
        double started = 0, heard = 0, ended_by = 0;
        double step_seconds = 0;
        double not_before = 0;  // it failed
        int failures = 0;       // since it last was well
        std::string problem;    // why it cannot be loaded, in its words
        uint64_t last_use = 0;
        int64_t context_length = 0, restarts = -1;
        size_t memory_bytes = 0;
        Json stats;
        bool idle() const { return waiting.empty() && sent.empty(); }
    };
    using Lock = std::unique_lock<std::mutex>;

    Child& ChildOf(const std::string& base) { return children_[base]; }

    void Wake() const {
        const uint64_t one = 1;
        // A full counter wakes as well.
        if (write(wake_, &one, sizeof one) < 0 && errno != EAGAIN) HONE_CHECK(false, "eventfd");
    }

    void Run() {
        Lock lock(mutex_);
        while (!stopping_) {
            for (auto& [id, event] : std::exchange(late_, {})) Deliver(lock, id, std::move(event));
            for (const std::string& base : Bases()) {
                Child& child = ChildOf(base);
                StartOrRefuse(lock, base, child);
                SendWaiting(child);
                Watch(lock, base, child);
            }
            lock.unlock();
            Poll();
            lock.lock();
        }
        EndAll(lock);
    }

    // Children are added meanwhile, but never removed.
    std::vector<std::string> Bases() const {
        std::vector<std::string> bases;
        for (const auto& [base, child] : children_) bases.push_back(base);
        return bases;
    }

    // Waits until something can be read or written, or a moment. Only this thread starts and ends
    // processes, so their descriptors stay.
    void Poll() {
        std::vector<pollfd> ready = {{wake_, POLLIN, 0}};
        {
            const std::lock_guard lock(mutex_);
            for (auto& [base, child] : children_) {
                if (!child.process) continue;
                ready.push_back({child.process->output(), POLLIN, 0});
                if (!child.outbox.empty() && child.process->input() >= 0)
                    ready.push_back({child.process->input(), POLLOUT, 0});
            }
        }
        poll(ready.data(), ready.size(), static_cast<int>(kLook * 1000));
        uint64_t count = 0;
        while (read(wake_, &count, sizeof count) > 0) {
        }
    }

    // Calls the sink without the lock. After the last event the request is gone.
    void Deliver(Lock& lock, uint64_t id, InferenceEvent event) {
        const auto found = requests_.find(id);
        if (found == requests_.end()) return;
        const std::shared_ptr<InferenceSink> sink = found->second.sink;
        if (event.kind != InferenceEvent::Kind::kChunk) {
            ChildOf(found->second.base).sent.erase(id);
            requests_.erase(found);
        }
        delivering_ = id;
        lock.unlock();
        (*sink)(event);
        lock.lock();
        delivering_ = 0;
        changed_.notify_all();
    }

    void Refuse(Lock& lock, Child& child, const InferenceEvent& event) {
        std::vector<uint64_t> ids(child.sent.begin(), child.sent.end());
        for (const auto& [id, line] : child.waiting) ids.push_back(id);
        child.sent.clear();
        child.waiting.clear();
        for (uint64_t id : ids) Deliver(lock, id, event);
    }

    void StartOrRefuse(Lock& lock, const std::string& base, Child& child) {
        if (child.process || child.waiting.empty()) return;
        const double now = NowSeconds();
        if (now < child.not_before) {
            const int seconds = static_cast<int>(std::ceil(child.not_before - now));
            Refuse(
                lock, child,
                child.problem.empty()
                    ? ErrorEvent(503, "The model is being started again after a failure.", seconds)
                    : ErrorEvent(500, "The model cannot be loaded: " + child.problem, seconds));
            return;
        }
        switch (MakeRoom()) {
            case Room::kNone:
                Refuse(
                    lock, child,
                    ErrorEvent(503, "Other models take all the memory that there is for them.", 5));
                return;
            case Room::kSoon:
                return;
            case Room::kThere:
                break;
        }
        std::vector<std::string> words = {
            options_.program, "serve-model", "--model_name_or_path", base, "--answers", "3"};
        words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
        auto process = ChildProcess::Start(words, ChildMemoryLimit());
        ++child.restarts;
        child.started = child.heard = now;
        child.ready = child.ending = child.retire = false;
        child.inbox.clear();
        child.outbox.clear();
        child.problem.clear();
        child.stats = nullptr;
        child.step_seconds = 0;
        if (process.ok()) {
            child.process = *std::move(process);
        } else {
            Gone(lock, child, std::string(process.status().message()));
        }
    }

    // No child alone may take more than all together.
    int64_t ChildMemoryLimit() const {
        return options_.memory_bytes == SIZE_MAX ? 0 : static_cast<int64_t>(options_.memory_bytes);
    }

    enum class Room { kThere, kSoon, kNone };

    // Whether one more child may start; one that is idle ends for it.
    Room MakeRoom() {
        size_t count = 0, memory = 0, ending = 0;
        Child* oldest = nullptr;
        for (auto& [base, child] : children_) {
            if (!child.process) continue;
            ++count;
            memory += child.memory_bytes;
            ending += child.ending ? 1 : 0;
            if (child.ready && !child.ending && child.idle() &&
                (oldest == nullptr || child.last_use < oldest->last_use))
                oldest = &child;
        }
        if (count < options_.max_children && memory < options_.memory_bytes) return Room::kThere;
        if (ending > 0) return Room::kSoon;
        if (oldest == nullptr) return Room::kNone;
        AskToEnd(*oldest);
        return Room::kSoon;
    }

    static void AskToEnd(Child& child) {
        child.ending = true;
        child.ended_by = NowSeconds() + kEndSeconds;
        child.process->CloseInput();
    }

    static void SendWaiting(Child& child) {
        if (!child.process || !child.ready || child.ending || child.retire) return;
        for (auto& [id, line] : child.waiting) {
            child.outbox += line;
            child.sent.insert(id);
        }
        child.waiting.clear();
    }

    // Reads, writes, and looks whether the child is well.
    void Watch(Lock& lock, const std::string& base, Child& child) {
        if (!child.process) return;
        const bool reads = child.process->Write(child.outbox);
        const bool writes = child.process->Read(child.inbox);
        for (size_t end; (end = child.inbox.find('\n')) != std::string::npos;) {
            const std::string line = child.inbox.substr(0, end);
            child.inbox.erase(0, end + 1);
            Hear(lock, child, line);
        }
        const double now = NowSeconds();
        std::string problem;
        if (!writes || !reads) problem = "ended";
        if (child.inbox.size() > kMaxAnswerBytes) problem = "wrote a line without an end";
        if (now - child.heard > options_.silence_seconds) problem = "hangs";
        if (child.step_seconds > options_.step_seconds) problem = "hangs in a step";
        if (!child.ready && now - child.started > options_.start_seconds)
            problem = "did not become ready";
        if (child.ending && now > child.ended_by) problem = "did not end";
        if (child.retire && !child.ending && child.sent.empty()) AskToEnd(child);
        if (!problem.empty()) Gone(lock, child, problem);
    }

    // The process is of no use any more, or never came to be.
    void Gone(Lock& lock, Child& child, const std::string& problem) {
        const bool asked = child.ending;
        if (child.process) {
            child.process->Kill(SIGKILL);
            child.process.reset();
        }
        const double now = NowSeconds();
        const bool was_well = child.ready && now - child.started > kMostDelay;
        child.ready = child.ending = child.retire = false;
        if (asked) return;  // what waits starts it again
        child.failures = was_well ? 1 : child.failures + 1;
        const double delay = std::min(kMostDelay, std::pow(2.0, child.failures - 1));
        child.not_before = now + delay;
        const int seconds = static_cast<int>(std::ceil(delay));
        Refuse(lock, child,
               child.problem.empty()
                   ? ErrorEvent(503, "The model's process " + problem + "; it is started again.",
                                seconds)
                   : ErrorEvent(500, "The model cannot be loaded: " + child.problem, seconds));
    }

    void Hear(Lock& lock, Child& child, const std::string& text) {
        Json line = Json::parse(text, nullptr, false);
        if (!line.is_object()) return;
        child.heard = NowSeconds();
        const std::string event = line.value("event", "");
        if (line.contains("memory_bytes")) child.memory_bytes = line["memory_bytes"];
        if (event == "ready") {
            child.ready = true;
            child.context_length = line.value("context_length", int64_t{0});
        } else if (event == "heartbeat") {
            child.step_seconds = line.value("step_seconds", 0.0);
            child.stats = std::move(line);
        } else if (event == "failed") {
            child.problem = line["error"].value("message", "");
        } else if (line.contains("id") && line["id"].is_string()) {
            Answer(lock, std::strtoull(line["id"].get<std::string>().c_str(), nullptr, 10), event,
                   line);
        }
    }

    void Answer(Lock& lock, uint64_t id, const std::string& event, const Json& line) {
        if (event == "chunk") {
            Deliver(lock, id, {InferenceEvent::Kind::kChunk, Text(line["data"])});
        } else if (event == "done") {
            Deliver(lock, id, {InferenceEvent::Kind::kDone, Text(line["data"])});
        } else if (event == "error") {
            const int status = line.value("status", 500);
            Deliver(
                lock, id,
                {InferenceEvent::Kind::kError, Text(line["error"]), status, status == 429 ? 1 : 0});
        }
    }

    void EndAll(Lock& lock) {
        for (auto& [base, child] : children_)
            if (child.process) child.process->CloseInput();
        for (const std::string& base : Bases())
            Refuse(lock, ChildOf(base), ErrorEvent(503, "The server is shutting down.", 10));
        for (auto& [id, event] : std::exchange(late_, {})) Deliver(lock, id, std::move(event));
        children_.clear();  // kills them: what they computed is of no use now
        changed_.notify_all();
    }

    const InferencePoolOptions options_;
    const int wake_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Child> children_;
    std::map<uint64_t, Request> requests_;
    std::vector<std::pair<uint64_t, InferenceEvent>> late_;  // for those that were refused at once
    uint64_t next_id_ = 1, uses_ = 0, delivering_ = 0;
    bool stopping_ = false, draining_ = false;
    std::thread thread_;
};

InferencePool::InferencePool(InferencePoolOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
InferencePool::~InferencePool() = default;

uint64_t InferencePool::Ask(InferenceRequest request, InferenceSink sink) {
    return impl_->Ask(std::move(request), std::move(sink));
}
void InferencePool::Cancel(uint64_t id) { impl_->Cancel(id); }
void InferencePool::ForgetAdapter(const std::string& base, const std::string& adapter) {
    impl_->ForgetAdapter(base, adapter);
}
void InferencePool::ForgetBase(const std::string& base) { impl_->ForgetBase(base); }
bool InferencePool::Drain(double seconds) { return impl_->Drain(seconds); }
std::vector<InferenceChild> InferencePool::Children() const { return impl_->Children(); }

}  // namespace hone
