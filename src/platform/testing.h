// For tests of the platform: one in a folder of its own, with the tiny golden model as its base. It
// is on SQLite, or on the PostgreSQL that HONE_TEST_POSTGRESQL names.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/files/testing.h"
#include "platform/platform.h"
#include "platform/store/testing.h"

namespace hone::platform {

struct TestPlatform {
    // `data_dir`: of a platform that is there already, perhaps; empty: a new one of this object's.
    explicit TestPlatform(const std::string& data_dir = "") {
        options.data_dir = data_dir.empty() ? folder / "data" : data_dir;
        if (const std::string url = TestPostgresql(); !url.empty()) {
            options.database = url;
            if (data_dir.empty()) EmptyPostgresql(url);
        }
        options.models = {{"tiny", HONE_SOURCE_DIR "/tests/golden/models/tied"}};
        options.aliases = {{"gpt-3.5-turbo", "tiny"}};
        options.worker_program =
            std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hone";
        options.worker_threads = 1;
        Open();
        const auto first = platform->keys().CreateFirst();
        EXPECT_TRUE(first.ok()) << first.status();
        caller = Operator(platform->keys().FindProject("default")->id);
    }
    // Also once more, as after a restart.
    void Open() {
        platform.reset();
        platform = Platform::Open(options).value();
    }

    // `count` examples of a chat, each a line.
    static std::string Chats(int count, int first = 0) {
        std::string rows;
        for (int i = first; i < first + count; ++i)
            rows += fmt::format(R"({{"messages":[{{"role":"user","content":"word {}"}},)"
                                R"({{"role":"assistant","content":"answer {}"}}]}})"
                                "\n",
                                i, i * i % 7);
        return rows;
    }

    std::string Upload(const std::string& content, const std::string& name = "rows.jsonl") {
        auto writer = platform->files().Begin(caller).value();
        EXPECT_TRUE(writer->Append(content).ok());
        const auto file = writer->Finish({name, "fine-tune", 0});
        EXPECT_TRUE(file.ok()) << file.status();
        return file.ok() ? file->id : "";
    }

    // Waits until the job has one of the statuses, at most a minute.
    Job Await(const std::string& id, const std::vector<JobStatus>& statuses) {
        for (int i = 0; i < 6000; ++i) {
            const Job job = platform->jobs().Get(caller, id).value();
            for (const JobStatus status : statuses)
                if (job.status == status) return job;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ADD_FAILURE() << id << " stays " << JobStatusName(platform->jobs().Get(caller, id)->status);
        return {};
    }
    Job AwaitEnd(const std::string& id) {
        return Await(id, {JobStatus::kSucceeded, JobStatus::kFailed, JobStatus::kCancelled});
    }
    // Waits until the job has done so many steps.
    void AwaitStep(const std::string& id, int64_t step) {
        for (int i = 0; i < 6000; ++i) {
            if (platform->jobs().Get(caller, id)->step >= step) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        ADD_FAILURE() << id << " does not come to step " << step;
    }

    // All of them, the oldest first.
    std::vector<JobEvent> Events(const std::string& id) {
        std::vector<JobEvent> events;
        PageRequest page{"", 100, false};
        for (bool more = true; more;) {
            auto next = platform->jobs().Events(caller, id, page).value();
            more = next.has_more;
            for (auto& event : next.data) events.push_back(std::move(event));
            if (!events.empty()) page.after = events.back().id;
        }
        return events;
    }
    std::string Content(const std::string& file_id) {
        const auto blob = platform->files().Open(caller, file_id).value();
        return blob->Read(0, static_cast<size_t>(blob->bytes())).value();
    }

    TestFolder folder;
    PlatformOptions options;
    std::unique_ptr<Platform> platform;
    Caller caller;
};

}  // namespace hone::platform
