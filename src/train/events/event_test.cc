#include "train/events/event.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "base/files/testing.h"
#include "train/events/event_stream.h"
#include "train/events/json_lines.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

// Draws the values of an event.
class Draw {
  public:
    explicit Draw(TestRandom& random) : random_(random) {}
    double Number() {
        return std::ldexp(static_cast<double>(Integer()), -static_cast<int>(random_.Next() % 60));
    }
    int64_t Integer() { return static_cast<int64_t>(random_.Next()) >> (random_.Next() % 63); }
    size_t Bytes() { return random_.Next() >> (random_.Next() % 63); }
    bool Coin() { return random_.Next() % 2 == 0; }
    std::string Text() {
        static const char* const kParts[] = {"", "a \"b\"\\", "\n\t\x01", "Müller", "日本", "{}"};
        std::string text;
        for (uint64_t i = random_.Next() % 4; i > 0; --i) text += kParts[random_.Next() % 6];
        return text;
    }
    MetricValues Metrics() {
        MetricValues metrics;
        if (Coin()) metrics = {{"rewards/margins", Number()}, {"kl", Number()}};
        return metrics;
    }
    RunStage Stage() { return static_cast<RunStage>(random_.Next() % 5); }
    EvalReport Evaluation() {
        return {Integer(), Number(),  Number(), Number(), Number(),
                Integer(), Metrics(), Number(), Coin(),   Bytes()};
    }
    std::optional<EvalReport> MaybeEvaluation() {
        return Coin() ? std::optional(Evaluation()) : std::nullopt;
    }
    RunPlan Plan() {
        RunPlan plan;
        for (std::string* text :
             {&plan.model, &plan.architecture, &plan.method, &plan.objective, &plan.compute,
              &plan.step_batch, &plan.data_summary, &plan.output_path})
            *text = Text();
        for (int64_t* number :
             {&plan.base_parameters, &plan.trainable_parameters, &plan.train_rows,
              &plan.train_tokens, &plan.train_labelled_tokens, &plan.eval_rows, &plan.eval_tokens,
              &plan.steps_per_epoch, &plan.total_steps, &plan.start_step, &plan.micro_batch_tokens})
            *number = Integer();
        for (size_t* bytes :
             {&plan.memory.weights, &plan.memory.parameters, &plan.memory.activations,
              &plan.memory.workspace, &plan.needed_bytes, &plan.to_come_bytes,
              &plan.available_bytes, &plan.disk_bytes, &plan.free_disk_bytes})
            *bytes = Bytes();
        plan.threads = static_cast<int>(random_.Next());
        plan.epochs = Number();
        plan.gradient_checkpointing = Coin();
        plan.estimated_seconds = Number();
        return plan;
    }
    StepReport Step() {
        StepReport step{Integer(), Integer(), Number(), Number(), Number(),  Number(),
                        Number(),  Integer(), Number(), Number(), Metrics(), Bytes(),
                        Bytes(),   Number(),  Number(), {}};
        if (Coin()) step.logged = LoggedMeans{Number(), Number(), Metrics()};
        return step;
    }
    RunResult Result() {
        RunResult result;
        for (std::string* text :
             {&result.output_path, &result.artifact, &result.artifact_path, &result.artifact_sha256,
              &result.prompt_template, &result.system_prompt, &result.stop_reason})
            *text = Text();
        result.steps = Integer();
        result.train_loss = Number();
        result.first_eval = MaybeEvaluation();
        result.last_eval = MaybeEvaluation();
        result.best_eval = MaybeEvaluation();
        result.stopped_early = Coin();
        result.best_step = Integer();
        result.seconds = Number();
        result.tokens_per_second = Number();
        result.peak_memory_bytes = Bytes();
        if (Coin()) result.processes.push_back(Json{{"started", Text()}, {"seconds", Number()}});
        return result;
    }
    // Of the type with that index.
    EventBody Body(size_t type) {
        const MessageLevel level = Coin() ? MessageLevel::kInfo : MessageLevel::kWarning;
        const EventBody bodies[] = {StageChanged{Stage()},
                                    RunMessage{level, Text()},
                                    WorkReport{Text(), Text(), Number(), Coin()},
                                    Plan(),
                                    StepProgress{Integer(), Integer(), Number()},
                                    Step(),
                                    Evaluation(),
                                    CheckpointSaved{Integer(), Text()},
                                    RunPaused{},
                                    RunResumed{Number()},
                                    RunFinished{Coin(), Result()},
                                    RunFailed{Text(), Text(), static_cast<int>(random_.Next())},
                                    RunCancelled{Text()},
                                    RunInterrupted{Text()}};
        static_assert(std::size(bodies) == std::variant_size_v<EventBody>);
        return bodies[type];
    }
    Event Any(size_t type) {
        // Up to the year 9999.
        return {1 + static_cast<int64_t>(random_.Next() % 1'000'000),
                static_cast<int64_t>(random_.Next() % 253'402'300'800'000), Stage(), Body(type)};
    }

  private:
    TestRandom& random_;
};

TEST(Event, ReadsBackAsItWasWritten) {
    TestRandom random(1);
    Draw draw(random);
    for (int i = 0; i < 50; ++i) {
        for (size_t type = 0; type < std::variant_size_v<EventBody>; ++type) {
            const Event event = draw.Any(type);
            const std::string line = EventLine(event);
            EXPECT_EQ(line.find('\n'), line.size() - 1);
            auto read = ParseEvent(line);
            ASSERT_TRUE(read.ok()) << read.status() << "\n" << line;
            EXPECT_EQ(read->body.index(), type);
            EXPECT_EQ(read->sequence, event.sequence);
            EXPECT_EQ(read->time_ms, event.time_ms);
            EXPECT_EQ(read->stage, event.stage);
            EXPECT_EQ(EventLine(*read), line);
        }
    }
}

Event SampleEvent() { return {7, 1'925'972'100'250, RunStage::kTraining, RunResumed{2.5}}; }

TEST(Event, HasThisForm) {
    EXPECT_EQ(EventLine(SampleEvent()),
              R"({"sequence":7,"time":"2031-01-12T08:15:00.250Z","stage":"training",)"
              R"("type":"resumed","data":{"paused_seconds":2.5}})"
              "\n");
    EXPECT_EQ(ToJson(Event{1, 0, RunStage::kLoading, RunResumed{std::nan("")}})["data"],
              Json({{"paused_seconds", nullptr}}));
}

TEST(Event, OtherVersionsAreUnderstood) {
    Json json = ToJson(SampleEvent());
    json["new"] = 1;
    json["data"]["new"] = {1, 2};
    auto read = EventFromJson(json);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(std::get<RunResumed>(read->body).paused_seconds, 2.5);
    json["data"] = Json::object();
    read = EventFromJson(json);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(std::get<RunResumed>(read->body).paused_seconds, 0);
}

TEST(Event, WhatIsNoneIsRefused) {
    const auto refused = [](const char* member, const Json& value) {
        Json json = ToJson(SampleEvent());
        json[member] = value;
        const absl::Status status = EventFromJson(json).status();
        EXPECT_EQ(KindOf(status), ErrorKind::kData) << json;
        return std::string(status.message());
    };
    for (const Json& value : {Json(0), Json(-1), Json("1"), Json(1.5), Json(uint64_t{1} << 63)})
        EXPECT_THAT(refused("sequence", value), HasSubstr("sequence"));
    for (const char* time : {"", "yesterday", "2031-02-30T07:35:00.250Z", "2031-01-12T07:35:00Z",
                             "2031-01-12T07:35:00.250Zz", "2031-01-12 07:35:00.250Z"})
        EXPECT_THAT(refused("time", time), HasSubstr("time"));
    EXPECT_THAT(refused("stage", "resting"), HasSubstr("stage"));
    EXPECT_THAT(refused("type", "surprise"), HasSubstr("type"));
    EXPECT_THAT(refused("type", nullptr), HasSubstr("type"));
    EXPECT_THAT(refused("data", 1), HasSubstr("data"));
    EXPECT_THAT(refused("data", {{"paused_seconds", "long"}}), HasSubstr("data"));
    for (const char* line : {"", "[]", "{", "null", "{\"sequence\":1}"})
        EXPECT_EQ(KindOf(ParseEvent(line).status()), ErrorKind::kData) << line;
}

struct Collector : EventSink {
    absl::Status OnEvent(const Event& event) override {
        events.push_back(event);
        return events.size() == fails_at ? TrainingError("full") : absl::OkStatus();
    }
    std::vector<Event> events;
    size_t fails_at = 0;
};

TEST(EventStream, CountsWithoutAGapFromManyThreads) {
    EventStream stream;
    Collector heard;
    const ScopedSink listening(stream, heard);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 100; ++j) stream.Emit(RunMessage{});
        });
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(heard.events.size(), 400u);
    for (size_t i = 0; i < 400; ++i) EXPECT_EQ(heard.events[i].sequence, i + 1);
}

TEST(EventStream, ProgressIsThinnedOutAndNothingElse) {
    double now = 0;
    EventStream stream(0.1, [&] { return now; });
    Collector heard;
    const ScopedSink listening(stream, heard);
    const auto kept = [&](EventBody body) {
        const size_t before = heard.events.size();
        stream.Emit(std::move(body));
        return heard.events.size() > before;
    };
    EXPECT_TRUE(kept(WorkReport{.what = "a"}));
    EXPECT_FALSE(kept(WorkReport{.what = "a", .share = 0.5}));
    EXPECT_TRUE(kept(WorkReport{.what = "b"}));
    EXPECT_TRUE(kept(StepProgress{1, 2, 0}));
    EXPECT_FALSE(kept(StepProgress{2, 2, 0.5}));
    EXPECT_TRUE(kept(StepReport{}));
    EXPECT_TRUE(kept(StepReport{}));
    now += 0.11;
    EXPECT_TRUE(kept(StepProgress{2, 2, 0.5}));
    for (size_t i = 0; i < heard.events.size(); ++i)
        EXPECT_EQ(heard.events[i].sequence, i + 1) << "numbers are given to what is kept";
}

TEST(EventStream, StagesErrorsAndTheEnd) {
    EventStream stream;
    Collector first, second;
    first.fails_at = 2;
    stream.Add(first);
    stream.Add(second);
    stream.EnterStage(RunStage::kValidating);
    stream.EnterStage(RunStage::kValidating);
    EXPECT_TRUE(stream.status().ok());
    stream.EnterStage(RunStage::kLoading);
    EXPECT_EQ(KindOf(stream.status()), ErrorKind::kTraining);
    EXPECT_EQ(stream.stage(), RunStage::kLoading);
    stream.Remove(first);
    stream.Emit(RunCancelled{});
    stream.Emit(RunMessage{});
    stream.EnterStage(RunStage::kTraining);
    EXPECT_EQ(first.events.size(), 2u);
    ASSERT_EQ(second.events.size(), 3u) << "nothing comes after the end";
    EXPECT_TRUE(EndsRun(second.events.back().body));
    EXPECT_EQ(KindOf(stream.status()), ErrorKind::kTraining) << "the first error stays";
}

TEST(JsonLineSink, WaitsForTheReaderAndSurvivesItsEnd) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);  // full after 64 KiB
    JsonLineSink sink(ends[1]);
    const Event event{1, 0, RunStage::kTraining, RunMessage{.text = std::string(100'000, 'x')}};
    const std::string line = EventLine(event);
    std::string text;
    std::thread reader([&] {
        char bytes[4096];
        while (text.size() < 20 * line.size()) {
            const ssize_t got = read(ends[0], bytes, sizeof bytes);
            if (got > 0) text.append(bytes, static_cast<size_t>(got));
        }
    });
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(sink.OnEvent(event).ok());
    reader.join();
    for (size_t i = 0; i < 20; ++i) EXPECT_EQ(text.substr(i * line.size(), line.size()), line);
    close(ends[0]);
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before);
    EXPECT_TRUE(sink.OnEvent(event).ok());
    EXPECT_TRUE(sink.OnEvent(event).ok());
    sigaction(SIGPIPE, &before, nullptr);
    close(ends[1]);
}

}  // namespace
}  // namespace hone
