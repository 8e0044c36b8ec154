#include "train/events/event_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hone {
namespace {

int64_t UtcMs() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

void EventStream::Add(EventSink& sink) {
    const std::lock_guard lock(mutex_);
    sinks_.push_back(&sink);
}

void EventStream::Remove(EventSink& sink) {
    const std::lock_guard lock(mutex_);
    std::erase(sinks_, &sink);
}

// A new piece of work comes through at once.
bool EventStream::TooFresh(const EventBody& body) {
    const auto* work = std::get_if<WorkReport>(&body);
    if (work == nullptr && !std::holds_alternative<StepProgress>(body)) return false;
    const std::string& what = work == nullptr ? std::string() : work->what;
    const double now = clock_();
    if (what == work_ && now - progress_s_ < progress_seconds_) return true;
    work_ = what;
    progress_s_ = now;
    return false;
}

void EventStream::Deliver(EventBody body) {
    if (ended_) return;
    ended_ = EndsRun(body);
    const Event event{++sequence_, UtcMs(), stage_, std::move(body)};
    for (EventSink* sink : sinks_)
        if (absl::Status heard = sink->OnEvent(event); status_.ok()) status_ = std::move(heard);
}

void EventStream::Emit(EventBody body) {
    const std::lock_guard lock(mutex_);
    if (!TooFresh(body)) Deliver(std::move(body));
}

void EventStream::EnterStage(RunStage stage) {
    const std::lock_guard lock(mutex_);
    if (in_stage_ && stage == stage_) return;
    stage_ = stage;
    in_stage_ = true;
    Deliver(StageChanged{stage});
}

RunStage EventStream::stage() const {
    const std::lock_guard lock(mutex_);
    return stage_;
}

absl::Status EventStream::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

}  // namespace hone
