// kill -9 of a platform at random moments: what it said is done stays done, no job is stuck or runs
// twice.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "base/files/hash.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

constexpr char kFolder[] = "HONE_TEST_KILL_FOLDER";
constexpr char kSeed[] = "HONE_TEST_KILL_SEED";

void Say(const std::string& line) {
    const std::string text = line + "\n";
    HONE_CHECK(write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// What another process runs until it is killed: says "VERB ID DETAIL" after each thing that it was
// told is done.
TEST(VictimOfAKill, DISABLED_Works) {
    const char* folder = std::getenv(kFolder);
    ASSERT_NE(folder, nullptr);
    TestRandom random(std::strtoull(std::getenv(kSeed), nullptr, 10));
    TestPlatform test(folder);
    ASSERT_TRUE(test.platform->Start().ok());
    Say("started - -");
    Jobs& jobs = test.platform->jobs();
    for (int round = 0;; ++round) {
        const std::string rows = TestPlatform::Chats(10, static_cast<int>(random.Between(0, 999)));
        const std::string file = test.Upload(rows);
        Say(fmt::format("file {} {}", file, Sha256Hex(rows)));
        if (round < 2) {
            JobRequest request;
            request.model = "tiny";
            request.training_file = file;
            request.seed = 1;
            request.hyperparameters.n_epochs = 1;
            const std::string id = jobs.Create(test.caller, request).value().id;
            Say(fmt::format("job {} {}", id, file));
            std::this_thread::sleep_for(std::chrono::milliseconds(random.Between(0, 60)));
            if (random.Between(0, 3) == 0) {
                if (jobs.Cancel(test.caller, id).ok()) Say(fmt::format("cancelled {} -", id));
            } else if (jobs.Pause(test.caller, id).ok()) {
                Say(fmt::format("paused {} -", id));
                if (jobs.Resume(test.caller, id).ok()) Say(fmt::format("resumed {} -", id));
            }
        } else {
            Say(fmt::format("deleting {} -", file));  // from here on it may be there or not
            HONE_CHECK(test.platform->files().Delete(test.caller, file).ok());
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
}

// What the victims said, by id.
struct Said {
    std::map<std::string, std::string> files;  // and the SHA-256
    std::map<std::string, std::string> jobs;   // and the last verb
};

class KilledPlatform : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string url = TestPostgresql(); !url.empty()) EmptyPostgresql(url);
    }
    // Starts a victim, kills it after so many milliseconds of work, and notes what it said.
    void KillOne(int64_t milliseconds, uint64_t seed) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const std::string program = std::filesystem::read_symlink("/proc/self/exe");
        const std::string folder = folder_ / "data", number = std::to_string(seed);
        const pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            close(ends[1]);
            setenv(kFolder, folder.c_str(), 1);
            setenv(kSeed, number.c_str(), 1);
            // The victim is to run, whichever part of the tests this is.
            unsetenv("GTEST_TOTAL_SHARDS");
            unsetenv("GTEST_SHARD_INDEX");
            setenv("TEST_TMPDIR", folder_.path().c_str(), 1);
            execl(program.c_str(), program.c_str(), "--gtest_also_run_disabled_tests",
                  "--gtest_filter=VictimOfAKill.DISABLED_Works", nullptr);
            _exit(127);
        }
        close(ends[1]);
        FILE* lines = fdopen(ends[0], "r");
        char line[512], verb[64], id[128], detail[128];
        bool started = false;
        std::thread killer;
        while (std::fgets(line, sizeof line, lines) != nullptr) {
            if (std::sscanf(line, "%63s %127s %127s", verb, id, detail) != 3) continue;
            Note(verb, id, detail);
            if (started || std::string(verb) != "started") continue;
            started = true;
            killer = std::thread([&] {
                std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
                kill(pid, SIGKILL);
            });
        }
        std::fclose(lines);
        int status = 0;
        waitpid(pid, &status, 0);
        if (killer.joinable()) killer.join();
        EXPECT_TRUE(started && WIFSIGNALED(status)) << "the victim ended by itself: " << status;
    }
    void Note(const std::string& verb, const std::string& id, const std::string& detail) {
        if (verb == "file") said_.files[id] = detail;
        if (verb == "deleting") said_.files.erase(id);
        if (verb == "job" || verb == "cancelled" || verb == "paused" || verb == "resumed")
            said_.jobs[id] = verb;
    }
    TestFolder folder_;
    Said said_;
};

TEST_F(KilledPlatform, LosesNothingThatItSaidAndEndsEveryJobOnce) {
    const char* tries = std::getenv("HONE_TEST_TRIES");
    const int kills = tries == nullptr ? 4 : std::atoi(tries);
    TestRandom random(1);
    for (int i = 0; i < kills; ++i) KillOne(random.Between(1, 500), random.Next());
    TestPlatform test(folder_ / "data");
    for (const auto& [id, sha256] : said_.files) {
        const auto file = test.platform->files().Get(test.caller, id);
        ASSERT_TRUE(file.ok()) << id << file.status();
        EXPECT_EQ(Sha256Hex(test.Content(id)), sha256);
    }
    ASSERT_TRUE(test.platform->Start().ok());
    EXPECT_FALSE(said_.jobs.empty());
    for (const auto& [id, verb] : said_.jobs) {
        // The victim died before it could say that it paused, or that it resumed.
        if (test.platform->jobs().Get(test.caller, id)->status == JobStatus::kPaused) {
            EXPECT_THAT(verb, testing::AnyOf("job", "paused"));
            ASSERT_TRUE(test.platform->jobs().Resume(test.caller, id).ok());
        }
        const Job job = test.AwaitEnd(id);
        if (verb == "cancelled") {
            EXPECT_EQ(job.status, JobStatus::kCancelled);
        }
        std::vector<int64_t> steps;
        int completed = 0;
        for (const JobEvent& event : test.Events(id)) {
            if (event.type == "metrics") steps.push_back(event.data["step"]);
            completed += event.message == "The job has successfully completed";
        }
        EXPECT_EQ(completed, job.status == JobStatus::kSucceeded ? 1 : 0);
        if (job.status == JobStatus::kCancelled) continue;
        ASSERT_EQ(job.status, JobStatus::kSucceeded) << job.error->message;
        EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})) << id;
    }
}

}  // namespace
}  // namespace hone::platform
