// The one stream of events of a run, and what listens to it: the terminal, metrics.jsonl and
// TensorBoard (output/run_log.h), run.json (output/run_record.h), JSON lines (json_lines.h).
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "train/events/event.h"

namespace hone {

// A listener. It is called from one thread at a time, in the order of the events.
class EventSink {
  public:
    virtual ~EventSink() = default;
    // An error ends the run: it is for what the run owes, such as a file that cannot be written.
    virtual absl::Status OnEvent(const Event& event) = 0;
};

// Numbers the events, notes the time and the stage, and hands each to all sinks. Any thread may
// call it; a sink must not.
class EventStream {
  public:
    // Of progress reports (WorkReport of one piece of work, StepProgress) only one comes through in
    // `progress_seconds`: they are as many as there are layers in a step. `clock`: seconds.
    explicit EventStream(double progress_seconds = 0.1, std::function<double()> clock = NowSeconds)
        : progress_seconds_(progress_seconds), clock_(std::move(clock)) {}
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;

    // The sink hears every event from now on. It outlives the stream, or is removed.
    void Add(EventSink& sink);
    void Remove(EventSink& sink);

    // Nothing comes after an event that ends the run (EndsRun): what is said later is dropped.
    void Emit(EventBody body);
    // Emits StageChanged, where it is another stage, also at the start of a stream.
    void EnterStage(RunStage stage);
    RunStage stage() const;
    // The first error of a sink. The run asks for it after what it owes to a sink.
    absl::Status status() const;

  private:
    bool TooFresh(const EventBody& body);
    void Deliver(EventBody body);

    const double progress_seconds_;
    const std::function<double()> clock_;
    mutable std::mutex mutex_;
    std::vector<EventSink*> sinks_;
    int64_t sequence_ = 0;
    RunStage stage_ = RunStage::kValidating;
    bool in_stage_ = false;  // StageChanged was said
    bool ended_ = false;
    absl::Status status_;
    double progress_s_ = -1e30;  // when a progress report came through last
    std::string work_;           // what it was about
};

// A sink that listens until the end of the scope.
class ScopedSink {
  public:
    ScopedSink(EventStream& stream, EventSink& sink) : stream_(stream), sink_(sink) {
        stream_.Add(sink_);
    }
    ~ScopedSink() { stream_.Remove(sink_); }
    ScopedSink(const ScopedSink&) = delete;
    ScopedSink& operator=(const ScopedSink&) = delete;

  private:
    EventStream& stream_;
    EventSink& sink_;
};

}  // namespace hone
