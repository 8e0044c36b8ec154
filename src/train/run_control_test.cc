// Pause, stop and cancel in every stage of a whole run: each ends as it should, and the same
// command then makes the same bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "train/tiny_job.h"

namespace hone {
namespace {

using testing::HasSubstr;

constexpr RunStage kStages[] = {RunStage::kValidating, RunStage::kLoading, RunStage::kTraining,
                                RunStage::kEvaluating, RunStage::kDelivering};

// A run that comes through every stage, with dropout and a choice by evaluation.
struct StagedJob : Job {
    explicit StagedJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.data.eval_split = std::nullopt;
        options.data.eval_fraction = 0.25;
        options.per_device_eval_batch_size = 2;
        options.eval_steps = 3;
        options.load_best_model_at_end = true;
        options.data.cache_folder = folder.path();
    }
    // Events of each stage in a run that nobody disturbs.
    std::map<RunStage, int64_t> Counts() const {
        std::map<RunStage, int64_t> counts;
        for (const Event& event : heard.all)
            if (!EndsRun(event.body)) ++counts[event.stage];
        return counts;
    }
    bool Heard(size_t type) const {
        return std::any_of(heard.all.begin(), heard.all.end(),
                           [&](const Event& event) { return event.body.index() == type; });
    }
    std::string Status() const {
        return std::filesystem::exists(options.output_path + "/run.json")
                   ? RunJson()["status"].get<std::string>()
                   : "no run.json";
    }
    // Calls `act` at the event with that number (from 0) of the stage.
    void At(RunStage stage, int64_t number, std::function<void()> act) {
        heard.on_event = [=, seen = int64_t{0}](const Event& event) mutable {
            if (event.stage == stage && seen++ == number) act();
        };
    }
};

template <typename T>
const size_t kType = EventBody(T{}).index();

// As many as HONE_TEST_TRIES says; 20 is the long form.
int Tries() {
    const char* given = std::getenv("HONE_TEST_TRIES");
    return given != nullptr ? std::atoi(given) : 2;
}

// A test of one command: `ask` sends it, at a drawn moment of each stage.
class Control : public testing::Test {
  protected:
    void InEachStage(const std::function<void(StagedJob&, RunStage, int64_t)>& check) {
        StagedJob whole(folder_, "whole");
        ASSERT_TRUE(whole.Run().ok());
        hash_ = whole.AdapterHash();
        const std::map<RunStage, int64_t> counts = whole.Counts();
        TestRandom random(1);
        for (RunStage stage : kStages) {
            ASSERT_GT(counts.at(stage), 0) << StageName(stage);
            for (int i = 0; i < Tries(); ++i) {
                const auto number =
                    i == 0 ? 0
                           : static_cast<int64_t>(random.Next() %
                                                  static_cast<uint64_t>(counts.at(stage)));
                SCOPED_TRACE(fmt::format("event {} of {}", number, StageName(stage)));
                std::filesystem::remove_all(folder_ / "out");
                StagedJob job(folder_);
                check(job, stage, number);
            }
        }
    }
    // The same command once more makes the bytes of the undisturbed run.
    void ExpectGoesOn() {
        StagedJob again(folder_);
        const absl::Status status = again.Run();
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(again.AdapterHash(), hash_);
        EXPECT_EQ(again.Status(), "done");
    }
    TestFolder folder_;
    std::string hash_;
};

TEST_F(Control, AStopSavesAndTheSameCommandGoesOn) {
    InEachStage([&](StagedJob& job, RunStage stage, int64_t number) {
        job.At(stage, number, [&] { job.control.Stop(); });
        const absl::Status status = job.Run();
        ASSERT_EQ(KindOf(status), ErrorKind::kInterrupted) << status;
        EXPECT_EQ(job.heard.all.back().body.index(), kType<RunInterrupted>);
        const bool begun = !job.heard.steps.empty();
        if (begun) {
            EXPECT_EQ(job.heard.checkpoints.back(), job.heard.steps.back().step);
            EXPECT_EQ(job.Status(), "interrupted");
            EXPECT_EQ(job.RunJson()["stage"], StageName(job.heard.all.back().stage));
        }
        if (stage < RunStage::kTraining) {
            EXPECT_EQ(job.Status(), "no run.json");
        }
        ExpectGoesOn();
    });
}

TEST_F(Control, ACancelLeavesAndSaysSo) {
    InEachStage([&](StagedJob& job, RunStage stage, int64_t number) {
        size_t saved = 0;
        job.At(stage, number, [&] {
            saved = job.heard.checkpoints.size();
            job.control.Cancel();
        });
        const absl::Status status = job.Run();
        ASSERT_EQ(KindOf(status), ErrorKind::kInterrupted) << status;
        EXPECT_THAT(std::string(status.message()), HasSubstr("cancelled"));
        EXPECT_EQ(job.heard.all.back().body.index(), kType<RunCancelled>);
        EXPECT_EQ(job.Status(), "cancelled");
        EXPECT_EQ(job.RunJson()["code"], "cancelled");
        EXPECT_EQ(job.RunJson()["stage"], StageName(job.heard.all.back().stage));
        // One that was being written is finished.
        EXPECT_LE(job.heard.checkpoints.size(), saved + 1);
        ExpectGoesOn();
    });
}

// Does something soon, on a thread of its own: as a person or a server would.
class Later {
  public:
    explicit Later(std::function<void()> act)
        : thread_([act = std::move(act)] {
              std::this_thread::sleep_for(std::chrono::milliseconds(2));
              act();
          }) {}
    ~Later() { thread_.join(); }

  private:
    std::thread thread_;
};

TEST_F(Control, APauseHoldsWithACheckpointAndChangesNothing) {
    InEachStage([&](StagedJob& job, RunStage stage, int64_t number) {
        std::optional<Later> later;
        job.heard.on_event = [&, seen = int64_t{0}](const Event& event) mutable {
            if (event.stage == stage && seen++ == number) job.control.Pause();
            if (event.body.index() != kType<RunPaused>) return;
            if (!job.heard.steps.empty()) {
                EXPECT_EQ(job.heard.checkpoints.back(), job.heard.steps.back().step);
            }
            later.emplace([&] { job.control.Go(); });
        };
        const absl::Status status = job.Run();
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(job.AdapterHash(), hash_);
        const auto& all = job.heard.all;
        const auto paused = std::find_if(all.begin(), all.end(), [](const Event& event) {
            return event.body.index() == kType<RunPaused>;
        });
        ASSERT_NE(paused, all.end());
        ASSERT_EQ((paused + 1)->body.index(), kType<RunResumed>);
        EXPECT_GE(std::get<RunResumed>((paused + 1)->body).paused_seconds, 0.001);
    });
}

TEST_F(Control, APausedRunIsStoppedOrCancelled) {
    InEachStage([&](StagedJob& job, RunStage stage, int64_t number) {
        const bool cancel = number % 2 == 1;
        std::optional<Later> later;
        job.heard.on_event = [&, seen = int64_t{0}](const Event& event) mutable {
            if (event.stage == stage && seen++ == number) job.control.Pause();
            if (event.body.index() == kType<RunPaused>)
                later.emplace([&] { cancel ? job.control.Cancel() : job.control.Stop(); });
        };
        ASSERT_EQ(KindOf(job.Run()), ErrorKind::kInterrupted);
        EXPECT_FALSE(job.Heard(kType<RunResumed>));
        EXPECT_EQ(job.heard.all.back().body.index(),
                  cancel ? kType<RunCancelled> : kType<RunInterrupted>);
        ExpectGoesOn();
    });
}

}  // namespace
}  // namespace hone
