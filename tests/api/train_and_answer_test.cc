// The program beside this file, run on a tiny model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "answer/answerer.h"
#include "base/files/file.h"
#include "base/files/test_files.h"
#include "base/machine/process.h"

namespace hone {
namespace {

constexpr char kModel[] = HONE_SOURCE_DIR "/tests/golden/models/tied";

TEST(TrainAndAnswer, PrintsWhatTheTrainedModelSays) {
    const TestFolder folder;
    std::string rows;
    for (int i = 0; i < 16; ++i)
        rows +=
            fmt::format("{{\"prompt\": \"word {}\", \"completion\": \"answer {}\"}}\n", i, i % 3);
    testkit::Put(folder / "rows.jsonl", rows);
    const auto ran = RunProcess(
        {HONE_TRAIN_AND_ANSWER, kModel, folder / "rows.jsonl", folder / "out", "word 1"});
    ASSERT_TRUE(ran.ok()) << ran.status();
    ASSERT_EQ(ran->exit_code, 0) << ran->output;

    const Context context(2);
    const std::string base =
        OpenAnswerer(kModel, "", {}, context).value()->Answer("word 1").value();
    const std::string tuned =
        OpenAnswerer(kModel, folder / "out", {}, context).value()->Answer("word 1").value();
    EXPECT_NE(tuned, base);
    EXPECT_TRUE(ran->output.ends_with(tuned + "\n")) << ran->output;
}

TEST(TrainAndAnswer, SaysWhatIsWrong) {
    const TestFolder folder;
    const auto ran = RunProcess(
        {HONE_TRAIN_AND_ANSWER, kModel, folder / "none.jsonl", folder / "out", "word 1"});
    ASSERT_TRUE(ran.ok()) << ran.status();
    EXPECT_NE(ran->exit_code, 0);
    EXPECT_THAT(ran->output, testing::HasSubstr("none.jsonl"));
    EXPECT_EQ(RunProcess({HONE_TRAIN_AND_ANSWER}).value().exit_code, 2);
}

// The picture of the API: short, and without the command line.
TEST(TrainAndAnswer, IsShortAndNeedsNoCommandLine) {
    const std::string source = ReadFile(HONE_SOURCE_DIR "/tests/api/train_and_answer.cc").value();
    EXPECT_LT(std::count(source.begin(), source.end(), '\n'), 45);
    EXPECT_THAT(source, testing::Not(testing::HasSubstr("\"cli/")));
}

}  // namespace
}  // namespace hone
