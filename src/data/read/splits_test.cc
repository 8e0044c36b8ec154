#include "data/read/splits.h"

#include <gmock/gmock.h>

#include "base/files/testing.h"
#include "data/read/data_files.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::pair<int64_t, int64_t> Rows(std::string_view split, int64_t rows) {
    auto slices = ParseSplit(split);
    EXPECT_TRUE(slices.ok()) << slices.status();
    return (*slices)[0].Rows(rows);
}

TEST(Splits, SlicesAsTheyAreWritten) {
    using Range = std::pair<int64_t, int64_t>;
    EXPECT_EQ(Rows("train", 10), Range(0, 10));
    EXPECT_EQ(Rows("train[:4096]", 10'000), Range(0, 4096));
    EXPECT_EQ(Rows("train[4096:4224]", 10'000), Range(4096, 4224));
    EXPECT_EQ(Rows("train[:4096]", 10), Range(0, 10));
    EXPECT_EQ(Rows("train[4096:4224]", 10), Range(10, 10));
    EXPECT_EQ(Rows("train[80%:]", 10), Range(8, 10));
    EXPECT_EQ(Rows("train[:80%]", 10), Range(0, 8));
    EXPECT_EQ(Rows("train[10%:20%]", 1319), Range(132, 264));
    EXPECT_EQ(Rows("train[:50%]", 5), Range(0, 2));  // 2.5 to the even number
    EXPECT_EQ(Rows("train[:50%]", 7), Range(0, 4));  // 3.5 too
    EXPECT_EQ(Rows("train[-3:]", 10), Range(7, 10));
    EXPECT_EQ(Rows("train[-10%:]", 20), Range(18, 20));
    EXPECT_EQ(Rows("train[ 5 : 2 ]", 10), Range(5, 5));
    // The two sides of a cut share no row and miss none.
    for (int64_t rows = 1; rows < 200; ++rows)
        EXPECT_EQ(Rows("train[:80%]", rows).second, Rows("train[80%:]", rows).first) << rows;
}

TEST(Splits, SyntaxErrorsShowTheSyntax) {
    for (std::string_view split : {"", "train[", "train[5]", "train[a:]", "train[:101%]", "[:5]",
                                   "train[1:2:3]", "train+", "train[:5]x"}) {
        auto slices = ParseSplit(split);
        ASSERT_FALSE(slices.ok()) << split;
        EXPECT_EQ(KindOf(slices.status()), ErrorKind::kUsage);
        EXPECT_THAT(std::string(slices.status().message()), HasSubstr("train[80%:]"));
    }
}

TEST(Splits, NamesInPaths) {
    EXPECT_EQ(SplitOfPath("train.jsonl"), "train");
    EXPECT_EQ(SplitOfPath("data/train-00000-of-00001.parquet"), "train");
    EXPECT_EQ(SplitOfPath("my_dev.csv"), "validation");
    EXPECT_EQ(SplitOfPath("valid/part0.jsonl.gz"), "validation");
    EXPECT_EQ(SplitOfPath("Test.JSON"), "test");
    EXPECT_EQ(SplitOfPath("training.txt"), "train");
    EXPECT_EQ(SplitOfPath("trainer.jsonl"), "");
    EXPECT_EQ(SplitOfPath("latest.jsonl"), "");
}

// "name: file,file" for each split.
std::string Found(const DataOptions& options) {
    auto files = FindFiles(options, "");
    if (!files.ok()) return std::string(files.status().message());
    std::string text;
    for (const auto& [name, list] : files->splits) {
        text += (text.empty() ? "" : "; ") + name + ":";
        for (const DataFile& file : list)
            text += fmt::format(" {}", file.path.substr(file.path.rfind('/') + 1));
    }
    return text;
}

TEST(Splits, FilesAndFolders) {
    TestFolder folder;
    const std::string rows = "{\"text\":\"a\"}\n";
    const std::string train = folder.Write("d/train.jsonl", rows),
                      test = folder.Write("d/test.jsonl", rows);
    folder.Write("d/README.md", "x");
    folder.Write("d/.hidden.jsonl", rows);
    folder.Write("d/deep/dev.jsonl", rows);
    EXPECT_EQ(Found({.data_name = folder / "d"}),
              "test: test.jsonl; train: train.jsonl; validation: dev.jsonl");
    EXPECT_EQ(Found({.data_name = train}), "train: train.jsonl");
    EXPECT_EQ(Found({.data_name = test}), "train: test.jsonl");
    EXPECT_TRUE(FindFiles({.data_name = test}, "")->Find("test").ok());
    EXPECT_FALSE(FindFiles({.data_name = train}, "")->Find("test").ok());
    EXPECT_EQ(Found({.data_name = "json", .data_files = {train, test}}),
              "train: train.jsonl test.jsonl");
    EXPECT_EQ(Found({.data_name = "json", .data_files = {folder / "d/t*.jsonl"}}),
              "train: test.jsonl train.jsonl");
    EXPECT_EQ(Found({.data_name = "json", .data_files = {train, test}, .eval_split = "test"}),
              "test: test.jsonl; train: train.jsonl");
    EXPECT_EQ(Found({.data_name = folder / "d", .data_files = {"test.jsonl"}}),
              "train: test.jsonl");
    folder.Write("plain/a.jsonl", rows);
    folder.Write("plain/b.jsonl", rows);
    EXPECT_EQ(Found({.data_name = folder / "plain"}), "train: a.jsonl b.jsonl");
    folder.Write("plain/c_test.jsonl", rows);
    auto mixed = FindFiles({.data_name = folder / "plain"}, "");
    EXPECT_EQ(mixed->Names(), "test");
    ASSERT_EQ(mixed->warnings.size(), 1u);
    EXPECT_THAT(mixed->warnings[0], HasSubstr("2 files were not read"));
}

TEST(Splits, WhatIsNotThere) {
    TestFolder folder;
    EXPECT_THAT(Found({}), HasSubstr("no data"));
    EXPECT_THAT(Found({.data_name = "json"}), HasSubstr("needs --data_files"));
    EXPECT_THAT(Found({.data_name = folder / "none.jsonl"}),
                HasSubstr("no such data file or folder"));
    EXPECT_THAT(Found({.data_name = "json", .data_files = {folder / "none.jsonl"}}),
                HasSubstr("none.jsonl"));
    EXPECT_THAT(Found({.data_name = "org/name"}), HasSubstr("no hub"));
    std::filesystem::create_directories(folder / "empty");
    EXPECT_THAT(Found({.data_name = folder / "empty"}), HasSubstr("holds no data file"));
    const std::string file = folder.Write("a.jsonl", "{}");
    EXPECT_THAT(Found({.data_name = file, .data_files = {file}}),
                HasSubstr("--data_files names more"));
}

TEST(Splits, HubDataSets) {
    TestFolder folder;
    // The folder of the cache has a word of its own, which must not count.
    const std::string train = folder.Write("test/data/train-0.jsonl", "{}"),
                      valid = folder.Write("test/data/validation-0.jsonl", "{}");
    DataOptions options{.data_name = "org/name"};
    std::string asked;
    options.fetch_hub = [&](const std::string& repo,
                            const std::string& subset) -> absl::StatusOr<std::vector<std::string>> {
        asked = repo + "|" + subset;
        return std::vector{train, valid, folder / "test/README.md"};
    };
    EXPECT_EQ(Found(options), "train: train-0.jsonl; validation: validation-0.jsonl");
    EXPECT_EQ(asked, "org/name|");
    options.data_files = {"train-0.jsonl"};
    EXPECT_EQ(Found(options), "train: train-0.jsonl");
    options.data_files = {"nothing.jsonl"};
    EXPECT_THAT(Found(options), HasSubstr("no data file"));
    // It may have been meant as a path.
    options.fetch_hub = [](const std::string&, const std::string&) {
        return DataError("not found");
    };
    EXPECT_THAT(Found(options), HasSubstr("no file or folder org/name here"));
}

TEST(Splits, Plans) {
    TestFolder folder;
    std::string rows;
    for (int i = 0; i < 20; ++i) rows += "{\"text\":\"a\"}\n";
    const std::string file = folder.Write("rows.jsonl", rows);
    DataOptions options{.data_name = file};
    auto plan = PlanTraining(options);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_TRUE(plan->hold_out);
    EXPECT_THAT(plan->eval_source, HasSubstr("10 % of the rows are held out"));
    options.eval_split = "none";
    plan = PlanTraining(options);
    EXPECT_FALSE(plan->hold_out);
    EXPECT_TRUE(plan->splits[0].eval.empty());
    options.train_split = "train[:80%]";
    options.eval_split = "train[80%:]";
    plan = PlanTraining(options);
    ASSERT_EQ(plan->splits.size(), 1u);  // the file is read once
    EXPECT_THAT(plan->splits[0].train, ElementsAre(std::pair<int64_t, int64_t>(0, 16)));
    EXPECT_THAT(plan->splits[0].eval, ElementsAre(std::pair<int64_t, int64_t>(16, 20)));
    options.eval_split = "test";
    EXPECT_THAT(std::string(PlanTraining(options).status().message()),
                HasSubstr("no split \"test\"; it has train"));
    // A validation file is used without being asked for; a test file is not.
    folder.Write("set/train.jsonl", rows);
    folder.Write("set/test.jsonl", rows);
    EXPECT_TRUE(PlanTraining({.data_name = folder / "set"})->hold_out);
    folder.Write("set/validation.jsonl", rows);
    plan = PlanTraining({.data_name = folder / "set"});
    EXPECT_FALSE(plan->hold_out);
    EXPECT_EQ(plan->splits.size(), 2u);
    // Evaluation: the only split, or test before validation.
    EXPECT_EQ(PlanEvaluation({.data_name = folder / "set"})->splits[0].name, "test");
    EXPECT_EQ(PlanEvaluation({.data_name = file})->splits[0].name, "train");
}

TEST(Splits, FilesOfOtherSplitsAreNamed) {
    TestFolder folder;
    folder.Write("a/train.csv", "text\nx\n");
    const std::string test = folder.Write("a/test.csv", "text\nx\n");
    auto plan = PlanTraining({.data_name = folder / "a"});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_THAT(plan->notes,
                ElementsAre(test + " is not used: --eval_split test would evaluate on it."));
    plan = PlanTraining({.data_name = folder / "a/train.csv"});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_THAT(plan->notes, ElementsAre(fmt::format("{} lies beside and is not used: "
                                                     "--eval_data_files {} would evaluate on it.",
                                                     test, test)));
    plan = PlanTraining({.data_name = folder / "a", .eval_split = "test"});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_THAT(plan->notes, ElementsAre());
}

TEST(Splits, FoldersOfSaveToDiskAreNamed) {
    TestFolder folder;
    folder.Write("set/state.json", "{}");
    folder.Write("set/dataset_info.json", "{}");
    const std::string arrow = folder.Write("set/data-00000-of-00001.arrow", "x");
    auto reason = [](const std::string& path) {
        return std::string(PlanTraining({.data_name = path}).status().message());
    };
    EXPECT_THAT(reason(folder / "set"), HasSubstr("save_to_disk"));
    EXPECT_THAT(reason(folder / "set"), HasSubstr(".to_parquet("));
    EXPECT_THAT(reason(arrow), HasSubstr("is an Arrow file"));
    folder.Write("both/dataset_dict.json", "{}");
    EXPECT_THAT(reason(folder / "both"), HasSubstr("[\"train\"].to_parquet("));
    EXPECT_THAT(reason("-"), HasSubstr("standard input is not read as data"));
}

}  // namespace
}  // namespace hone
