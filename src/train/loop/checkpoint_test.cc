#include "train/loop/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files/testing.h"
#include "train/loop/testing.h"

namespace hone {
namespace {

absl::StatusOr<std::string> Write(const std::string& root, int64_t step,
                                  const std::string& text = "x") {
    return WriteCheckpoint(root, step, [&](const std::string& folder) {
        HONE_RETURN_IF_ERROR(WriteFileAtomic(folder + "/one", text));
        return WriteFileAtomic(folder + "/two", text + text);
    });
}

std::vector<int64_t> Steps(const std::string& root) {
    std::vector<int64_t> steps;
    for (const auto& entry : ListCheckpoints(root)) steps.push_back(entry.step);
    return steps;
}

TEST(Checkpoint, IsWholeAndVerified) {
    TestFolder folder;
    auto written = Write(folder.path(), 7, "hello");
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(*written, folder / "step-7");
    EXPECT_TRUE(IsCheckpointFolder(*written));
    EXPECT_TRUE(VerifyCheckpoint(*written).ok());
    EXPECT_EQ(ReadFile(*written + "/two").value(), "hellohello");
}

// By the bytes, whether the folder is there yet or not; and nothing stays behind.
TEST(Checkpoint, TimeOfSaving) {
    TestFolder folder;
    EXPECT_EQ(TimeSaving(folder.path(), 0), 0);
    const double whole = TimeSaving(folder / "not/yet", size_t{64} << 30);
    EXPECT_GT(whole, 1);
    EXPECT_LT(TimeSaving(folder.path(), size_t{1} << 20), whole);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Checkpoint, DamageIsNamed) {
    TestFolder folder;
    const std::string path = Write(folder.path(), 1).value();
    auto message = [&] {
        absl::Status status = VerifyCheckpoint(path);
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining);
        return std::string(status.message());
    };
    ASSERT_TRUE(WriteFileAtomic(path + "/one", "y").ok());
    EXPECT_NE(message().find("one was changed"), std::string::npos);
    ASSERT_TRUE(WriteFileAtomic(path + "/one", "longer").ok());
    EXPECT_NE(message().find("6 bytes instead of 1"), std::string::npos);
    std::filesystem::remove(path + "/one");
    EXPECT_NE(message().find("one is missing"), std::string::npos);
    ASSERT_TRUE(WriteFileAtomic(path + "/manifest.json", "{}").ok());
    EXPECT_NE(message().find("not a manifest"), std::string::npos);
    ASSERT_TRUE(WriteFileAtomic(path + "/manifest.json", R"({"format":2,"files":{}})").ok());
    EXPECT_NE(message().find("format 2"), std::string::npos);
    ASSERT_TRUE(WriteFileAtomic(path + "/manifest.json",
                                R"({"format":1,"files":{"../x":{"bytes":1,"sha256":""}}})")
                    .ok());
    EXPECT_NE(message().find("wrong entry"), std::string::npos);
    std::filesystem::remove(path + "/manifest.json");
    EXPECT_NE(message().find("manifest.json"), std::string::npos);
}

TEST(Checkpoint, AnyFailedOperationLeavesTheOldOne) {
    TestFolder folder;
    ASSERT_TRUE(Write(folder.path(), 3, "old").ok());
    for (int failing = 0;; ++failing) {
        int seen = 0;
        bool failed = false;
        absl::Status status;
        {
            FaultGuard guard([&](std::string_view, const std::string&) {
                failed = failed || seen == failing;
                return seen++ == failing ? EIO : 0;
            });
            status = Write(folder.path(), 3, "new").status();
        }
        if (!failed) {
            EXPECT_TRUE(status.ok());
            break;
        }
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining);
        EXPECT_TRUE(VerifyCheckpoint(folder / "step-3").ok()) << "operation " << failing;
        EXPECT_EQ(ReadFile(folder / "step-3/one").value(), "old") << "operation " << failing;
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
            << "operation " << failing;
    }
    EXPECT_EQ(ReadFile(folder / "step-3/one").value(), "new");
}

TEST(Checkpoint, ListsNewestFirstAndOnlySteps) {
    TestFolder folder;
    for (const char* name :
         {"step-2", "step-10", "step-x", "step-", "other", "step-5b", ".unfinished-step-9-1"})
        std::filesystem::create_directories(folder / name);
    EXPECT_EQ(Steps(folder.path()), (std::vector<int64_t>{10, 2}));
    EXPECT_TRUE(ListCheckpoints(folder / "nowhere").empty());
}

TEST(Checkpoint, WhatAKillLeftIsTidied) {
    TestFolder folder;
    ASSERT_TRUE(Write(folder.path(), 1).ok());
    std::filesystem::create_directories(folder / ".unfinished-step-2-77");
    std::filesystem::create_directories(folder /
                                        ".replaced-step-1");  // killed after the new one stood
    std::filesystem::rename(Write(folder.path(), 5).value(),
                            folder / ".replaced-step-5");  // killed between the renames
    RemoveUnfinishedCheckpoints(folder.path());
    EXPECT_EQ(Steps(folder.path()), (std::vector<int64_t>{5, 1}));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST(Checkpoint, PruningKeepsTheNewestAndTheBest) {
    auto prune = [](int64_t limit, int64_t best) {
        TestFolder folder;
        for (int64_t step : {1, 2, 3, 4}) EXPECT_TRUE(Write(folder.path(), step).ok());
        EXPECT_TRUE(PruneCheckpoints(folder.path(), limit, best).ok());
        return Steps(folder.path());
    };
    using Kept = std::vector<int64_t>;
    EXPECT_EQ(prune(0, 0), (Kept{4, 3, 2, 1}));
    EXPECT_EQ(prune(2, 0), (Kept{4, 3}));
    EXPECT_EQ(prune(2, 1), (Kept{4, 1}));
    EXPECT_EQ(prune(3, 1), (Kept{4, 3, 1}));
    EXPECT_EQ(prune(3, 4), (Kept{4, 3, 2}));
    EXPECT_EQ(prune(1, 2), (Kept{4, 2}));  // the newest is what a killed run goes on from
    EXPECT_EQ(prune(1, 0), (Kept{4}));
    EXPECT_EQ(prune(9, 9), (Kept{4, 3, 2, 1}));
}

TEST(Checkpoint, MomentsReadBackToTheBit) {
    TestFolder folder;
    FakeLearner learner;
    std::vector<float> m = {1, 2, 3, 4, 5, 6, 7, 1e-30f}, v = {0, 1e-20f, 3, 4, 5, 6, 7, 8};
    const auto states = [&](const ParameterSet& parameters, std::vector<float>& first,
                            std::vector<float>& second, std::vector<uint8_t>& codes) {
        std::vector<OptimizerState> made;
        AddFlatStates("exp_avg.", parameters, first.data(), made);
        AddFlatStates("exp_avg_sq.", parameters, second.data(), made);
        made.push_back({"state1", {5}, DType::kU8, codes});
        return made;
    };
    std::vector<uint8_t> codes = {0, 255, 7, 128, 1}, codes2(5);
    const std::string path = folder / "o.safetensors";
    ASSERT_TRUE(WriteStates(path, states(learner.parameters(), m, v, codes)).ok());
    std::vector<float> m2(8), v2(8);
    ASSERT_TRUE(ReadStates(path, states(learner.parameters(), m2, v2, codes2)).ok());
    EXPECT_EQ(m, m2);
    EXPECT_EQ(v, v2);
    EXPECT_EQ(codes, codes2);
    ParameterSet other;
    other.Add("a.lora_A.weight", {4, 1}, true);
    other.Add("norm.weight", {4}, false);
    other.Allocate();
    EXPECT_FALSE(ReadStates(path, states(other, m2, v2, codes2)).ok());
    auto changed = states(learner.parameters(), m2, v2, codes2);
    changed.back() = StateOf("state1", {5}, {m2.data(), 5});
    EXPECT_NE(std::string(ReadStates(path, changed).message()).find("state1"), std::string::npos);
    changed.pop_back();
    EXPECT_FALSE(ReadStates(path, changed).ok());
}

TEST(Checkpoint, DifferencesAreNamed) {
    EXPECT_TRUE(Differences({{"a", 1}, {"b", 2}}, {{"b", 2}, {"a", 1}}).empty());
    EXPECT_EQ(Differences({{"a", 1}, {"lora", {{"r", 4}}}, {"gone", true}},
                          {{"a", 2}, {"lora", {{"r", 8}}}, {"new", "x"}}),
              (std::vector<std::string>{"a: 1 there, 2 here", "lora.r: 4 there, 8 here",
                                        "gone: true there, nothing here",
                                        "new: nothing there, \"x\" here"}));
}

}  // namespace
}  // namespace hone
