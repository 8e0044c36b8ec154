// For tests: a stream of events with a listener that remembers, and its control.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "train/control/poll.h"
#include "train/events/event_stream.h"

namespace hone {

// Remembers what it hears.
class EventMemory : public EventSink {
  public:
    absl::Status OnEvent(const Event& event) override {
        all.push_back(event);
        std::visit([this](const auto& body) { Keep(body); }, event.body);
        if (on_event) on_event(event);
        return absl::OkStatus();
    }

    std::vector<Event> all;
    std::vector<std::string> messages, warnings;
    std::vector<RunPlan> plans;
    std::vector<StepReport> steps;
    std::vector<EvalReport> evals;
    std::vector<int64_t> checkpoints;
    std::optional<RunResult> result;
    std::function<void(const StepReport&)> on_step;
    std::function<void(const Event&)> on_event;

  private:
    void Keep(const RunMessage& message) {
        (message.level == MessageLevel::kWarning ? warnings : messages).push_back(message.text);
    }
    void Keep(const RunPlan& plan) { plans.push_back(plan); }
    void Keep(const StepReport& report) {
        steps.push_back(report);
        if (on_step) on_step(report);
    }
    void Keep(const EvalReport& report) { evals.push_back(report); }
    void Keep(const CheckpointSaved& saved) { checkpoints.push_back(saved.step); }
    void Keep(const RunFinished& finished) {
        if (finished.trained) result = finished.result;
    }
    void Keep(const auto&) {}
};

// A stream in which no progress is thinned out, its memory, and the control of the run.
struct Watched {
    RunControl control;
    EventStream events{0};
    EventMemory heard;
    Poll poll{control, events};
    ScopedSink listening{events, heard};
};

}  // namespace hone
