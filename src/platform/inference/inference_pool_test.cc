#include "platform/inference/inference_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/files/file.h"
#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

// What one request hears, waited for.
class Heard {
  public:
    InferenceSink Sink() {
        return [this](const InferenceEvent& event) {
            const std::lock_guard lock(mutex_);
            events_.push_back(event);
            changed_.notify_all();
        };
    }
    // The last event, once it is there; an error event where it does not come.
    InferenceEvent End() {
        std::unique_lock lock(mutex_);
        const bool came = changed_.wait_for(lock, std::chrono::seconds(20), [&] {
            return !events_.empty() && events_.back().kind != InferenceEvent::Kind::kChunk;
        });
        EXPECT_TRUE(came) << "no end after 20 seconds";
        return came ? events_.back() : InferenceEvent{InferenceEvent::Kind::kError, "{}", 0};
    }
    bool WaitForChunks(size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20),
                                 [&] { return events_.size() >= count; });
    }
    size_t count() {
        const std::lock_guard lock(mutex_);
        return events_.size();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<InferenceEvent> events_;
};

// A shell script in place of hone: "$3" is the base. What its bodies say, it does.
constexpr char kScript[] = R"(#!/bin/bash
base=$3
folder=${0%/*}
exec >&3
[[ $base == broken ]] && { echo '{"event":"failed","error":{"message":"no such model"}}'; exit 4; }
[[ $base == dead ]] && exit 3
[[ $base == mute ]] && sleep 30
echo '{"event":"ready","context_length":77,"memory_bytes":1000000000}'
while IFS= read -r line; do
  id=${line#*\"id\":\"}; id=${id%%\"*}
  echo "$line" >> "$folder/$base.log"
  case $line in
    *'"kind":"cancel"'*|*adapter.unload*) ;;
    *'"say":"chunks"'*)
      echo "{\"id\":\"$id\",\"event\":\"chunk\",\"data\":{\"n\":1}}"
      echo "{\"id\":\"$id\",\"event\":\"chunk\",\"data\":{\"n\":2}}"
      echo "{\"id\":\"$id\",\"event\":\"done\",\"data\":{\"whole\":true}}" ;;
    *'"say":"error"'*)
      error='{"message":"bad","type":"t","param":null,"code":null}'
      echo "{\"id\":\"$id\",\"event\":\"error\",\"status\":400,\"error\":$error}" ;;
    *'"say":"one"'*) echo "{\"id\":\"$id\",\"event\":\"chunk\",\"data\":{}}" ;;
    *'"say":"rights"'*)
      env > "$folder/env"
      python3 -c 'import socket; socket.socket()' 2> "$folder/socket"
      python3 -c 'bytearray(10 ** 9)' 2> "$folder/memory"
      echo "{\"id\":\"$id\",\"event\":\"done\",\"data\":{}}" ;;
    *'"say":"die"'*) exit 9 ;;
    *'"say":"hang"'*) echo '{"event":"heartbeat","step_seconds":1000}' ;;
    *'"say":"pid"'*) echo "{\"id\":\"$id\",\"event\":\"done\",\"data\":{\"pid\":$$}}" ;;
    *) echo "{\"id\":\"$id\",\"event\":\"done\",\"data\":{}}" ;;
  esac
done
)";

class InferencePoolTest : public testing::Test {
  protected:
    void SetUp() override {
        options_.program = folder_.Write("child", kScript);
        std::filesystem::permissions(options_.program, std::filesystem::perms::owner_all);
    }
    static InferenceRequest Request(const std::string& base, const std::string& say) {
        return {.base = base,
                .adapter = "/adapters/a",
                .model = "ft:x",
                .kind = "chat.completion",
                .body = {{"say", say}}};
    }
    InferenceEvent Answer(InferencePool& pool, const std::string& base, const std::string& say) {
        Heard heard;
        pool.Ask(Request(base, say), heard.Sink());
        return heard.End();
    }
    static std::string Message(const InferenceEvent& event) {
        return Json::parse(event.data).value("message", "");
    }

    TestFolder folder_;
    InferencePoolOptions options_;
};

TEST_F(InferencePoolTest, HandsRequestsOnAndAnswersBack) {
    InferencePool pool(options_);
    Heard heard;
    pool.Ask(Request("base", "chunks"), heard.Sink());
    const InferenceEvent end = heard.End();
    EXPECT_EQ(end.kind, InferenceEvent::Kind::kDone);
    EXPECT_EQ(end.data, R"({"whole":true})");
    EXPECT_EQ(heard.count(), 3u);
    const InferenceEvent error = Answer(pool, "base", "error");
    EXPECT_EQ(error.kind, InferenceEvent::Kind::kError);
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(Message(error), "bad");
    const std::string log = ReadFile(folder_ / "base.log").value();
    EXPECT_THAT(log, HasSubstr(R"("kind":"chat.completion","model":"ft:x","adapter":"/adapters/a",)"
                               R"("body":{"say":"chunks"}})"));
    const auto children = pool.Children();
    ASSERT_EQ(children.size(), 1u);
    EXPECT_EQ(children[0].state, "ready");
    EXPECT_EQ(children[0].context_length, 77);
    EXPECT_EQ(children[0].restarts, 0);
    // One process serves all.
    EXPECT_EQ(Answer(pool, "base", "pid").data, Answer(pool, "base", "pid").data);
}

TEST_F(InferencePoolTest, AChildHasNoNetworkNoSecretOfTheServersAndALimitOfMemory) {
    setenv("SERVER_SECRET", "hunter2", 1);
    options_.memory_bytes = 500'000'000;
    InferencePool pool(options_);
    EXPECT_EQ(Answer(pool, "base", "rights").kind, InferenceEvent::Kind::kDone);
    EXPECT_THAT(ReadFile(folder_ / "socket").value(), HasSubstr("Permission denied"));
    EXPECT_THAT(ReadFile(folder_ / "memory").value(), HasSubstr("MemoryError"));
    const std::string environment = ReadFile(folder_ / "env").value();
    EXPECT_THAT(environment, HasSubstr("HF_HUB_OFFLINE=1"));
    EXPECT_THAT(environment, testing::Not(HasSubstr("hunter2")));
    unsetenv("SERVER_SECRET");
}

TEST_F(InferencePoolTest, AChildThatDiesIsStartedAgain) {
    InferencePool pool(options_);
    Heard waits;
    const std::string before = Answer(pool, "base", "pid").data;
    pool.Ask(Request("base", "one"), waits.Sink());
    const InferenceEvent died = Answer(pool, "base", "die");
    EXPECT_EQ(died.status, 503);
    EXPECT_GE(died.retry_after_seconds, 1);
    EXPECT_EQ(waits.End().status, 503);                  // it was in flight
    EXPECT_EQ(Answer(pool, "base", "pid").status, 503);  // too soon
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    const InferenceEvent after = Answer(pool, "base", "pid");
    EXPECT_EQ(after.kind, InferenceEvent::Kind::kDone);
    EXPECT_NE(after.data, before);
    EXPECT_EQ(pool.Children()[0].restarts, 1);
}

TEST_F(InferencePoolTest, AKilledChildIsNoticed) {
    InferencePool pool(options_);
    Heard heard;
    pool.Ask(Request("base", "one"), heard.Sink());
    ASSERT_TRUE(heard.WaitForChunks(1));
    kill(pool.Children()[0].pid, SIGKILL);
    EXPECT_EQ(heard.End().status, 503);
}

TEST_F(InferencePoolTest, AChildThatHangsIsKilled) {
    options_.silence_seconds = 0.5;
    InferencePool pool(options_);
    EXPECT_THAT(Message(Answer(pool, "mute", "")), HasSubstr("hangs"));
    EXPECT_THAT(Message(Answer(pool, "base", "hang")), HasSubstr("hangs in a step"));
    options_.silence_seconds = 30;
    options_.start_seconds = 0.3;
    InferencePool slow(options_);
    EXPECT_THAT(Message(Answer(slow, "mute", "")), HasSubstr("did not become ready"));
}

TEST_F(InferencePoolTest, WhatCannotBeLoadedSaysWhy) {
    InferencePool pool(options_);
    const InferenceEvent broken = Answer(pool, "broken", "");
    EXPECT_EQ(broken.status, 500);
    EXPECT_THAT(Message(broken), HasSubstr("no such model"));
    EXPECT_THAT(Message(Answer(pool, "broken", "")), HasSubstr("no such model"));
    EXPECT_EQ(Answer(pool, "dead", "").status, 503);
    options_.program = folder_ / "none";
    InferencePool none(options_);
    EXPECT_EQ(Answer(none, "base", "").status, 503);
}

TEST_F(InferencePoolTest, TheIdleOneMakesRoom) {
    options_.max_children = 2;
    Heard first, second;
    InferencePool pool(options_);
    const std::string one = Answer(pool, "one", "pid").data;
    const std::string two = Answer(pool, "two", "pid").data;
    EXPECT_EQ(Answer(pool, "one", "pid").data, one);
    EXPECT_EQ(Answer(pool, "three", "").kind, InferenceEvent::Kind::kDone);  // in place of two
    EXPECT_EQ(Answer(pool, "one", "pid").data, one);
    EXPECT_NE(Answer(pool, "two", "pid").data, two);  // in place of three
    // Those that are busy stay.
    pool.Ask(Request("one", "one"), first.Sink());
    pool.Ask(Request("two", "one"), second.Sink());
    ASSERT_TRUE(first.WaitForChunks(1) && second.WaitForChunks(1));
    const InferenceEvent refused = Answer(pool, "three", "");
    EXPECT_EQ(refused.status, 503);
    EXPECT_GT(refused.retry_after_seconds, 0);
    options_.max_children = 8;
    options_.memory_bytes = 1'500'000'000;  // each has 1 GB
    InferencePool small(options_);
    EXPECT_EQ(Answer(small, "one", "").kind, InferenceEvent::Kind::kDone);
    EXPECT_EQ(Answer(small, "two", "").kind, InferenceEvent::Kind::kDone);
    EXPECT_EQ(Answer(small, "three", "").kind, InferenceEvent::Kind::kDone);
}

TEST_F(InferencePoolTest, ACancelledRequestHearsNoMore) {
    InferencePool pool(options_);
    Heard heard;
    const uint64_t id = pool.Ask(Request("base", "one"), heard.Sink());
    ASSERT_TRUE(heard.WaitForChunks(1));
    pool.Cancel(id);
    EXPECT_EQ(Answer(pool, "base", "pid").kind, InferenceEvent::Kind::kDone);
    EXPECT_EQ(heard.count(), 1u);
    EXPECT_EQ(pool.Children()[0].requests, 0u);
    pool.Cancel(id);
    // From within the sink.
    std::mutex mutex;
    uint64_t self = 0;
    std::atomic<int> calls = 0;
    {
        const std::lock_guard lock(mutex);
        self = pool.Ask(Request("base", "chunks"), [&](const InferenceEvent&) {
            const std::lock_guard lock(mutex);
            ++calls;
            pool.Cancel(self);
        });
    }
    Answer(pool, "base", "pid");
    EXPECT_EQ(calls, 1);
}

TEST_F(InferencePoolTest, LimitsAndTheEndAnswerAll) {
    options_.max_waiting = 2;
    Heard one, two, three;
    {
        InferencePool pool(options_);
        pool.Ask(Request("base", "one"), one.Sink());
        pool.Ask(Request("base", "one"), two.Sink());
        pool.Ask(Request("base", "one"), three.Sink());
        EXPECT_EQ(three.End().status, 429);
        EXPECT_FALSE(pool.Drain(0.05));
        Heard late;
        pool.Ask(Request("base", ""), late.Sink());
        EXPECT_NE(late.End().status, 200);
    }
    EXPECT_EQ(one.End().status, 503);
    EXPECT_EQ(two.End().status, 503);
    InferencePool idle(options_);
    EXPECT_TRUE(idle.Drain(0));
}

TEST_F(InferencePoolTest, ABaseIsForgottenWhenItsRequestsAreAnswered) {
    InferencePool pool(options_);
    const std::string before = Answer(pool, "base", "pid").data;
    pool.ForgetAdapter("base", "/adapters/a");
    pool.ForgetBase("base");
    EXPECT_NE(Answer(pool, "base", "pid").data, before);
}

// From many threads at once: every request has one end.
TEST_F(InferencePoolTest, ThreadsAskAndCancel) {
    InferencePool pool(options_);
    std::atomic<int> ends = 0, asked = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                const std::string base = i % 3 == 0 ? "other" : "base";
                const uint64_t id =
                    pool.Ask(Request(base, "chunks"), [&](const InferenceEvent& event) {
                        if (event.kind == InferenceEvent::Kind::kDone) ++ends;
                    });
                if ((i + t) % 5 == 0) {
                    pool.Cancel(id);
                } else {
                    ++asked;
                }
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(pool.Drain(20));
    EXPECT_GE(ends, asked);
}

}  // namespace
}  // namespace hone
