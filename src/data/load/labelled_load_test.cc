// Data sets of rows with labels, and CoNLL files.
#include <gmock/gmock.h>

#include "data/format/test_support.h"
#include "data/load/dataset.h"
#include "data/load/documents.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LabelledLoadTest : public testing::Test {
  protected:
    DataOptions Options(const std::string& file, LabelKind kind) {
        DataOptions options;
        options.data_name = file;
        options.eval_split = "none";
        options.labels.kind = kind;
        options.labels.flag = "--task x";
        return options;
    }
    absl::StatusOr<LoadedData> Load(const DataOptions& options) {
        return LoadData(options, TestEncoder(), context_);
    }
    std::string ErrorOf(const DataOptions& options) {
        return std::string(Load(options).status().message());
    }

    Context context_{2};
    TestFolder folder_;
};

TEST_F(LabelledLoadTest, TheTrainingRowsSayWhichLabelsThereAre) {
    DataOptions options =
        Options(folder_.Write("a.csv", "text,label\nx y,b\nz,a\nx,b\n"), LabelKind::kSequence);
    const LoadedData data = Load(options).value();
    EXPECT_THAT(data.labels, ElementsAre("a", "b"));
    ASSERT_EQ(data.train->size(), 3);
    const Example first = data.train->Get(0);
    EXPECT_EQ(first.kind, LabelKind::kSequence);
    const auto last = static_cast<int32_t>(first.tokens.size()) - 1;
    EXPECT_EQ(first.labels, (std::vector<TokenLabel>{{last, 1}}));
    EXPECT_EQ(data.train->total_weight(), 3);
    EXPECT_EQ(data.report.train.label_tokens, 3);

    options.label_names = {"b", "c", "a"};
    EXPECT_THAT(Load(options)->labels, ElementsAre("b", "c", "a"));
    EXPECT_EQ(Load(options)->train->Get(0).labels[0].label, 0);
    options.label_names.clear();
    options.labels.class_weights = "b=3";
    EXPECT_EQ(Load(options)->train->total_weight(), 7);
    options.labels.names = {"b",
                            "a"};  // of an adapter to start from: the weights count all the same
    EXPECT_EQ(Load(options)->train->total_weight(), 7);
}

TEST_F(LabelledLoadTest, OtherLabelsAreAnotherDataSet) {
    const auto fingerprint = [&](const char* rows) {
        return Load(Options(folder_.Write("a.csv", rows), LabelKind::kSequence))
            ->train->fingerprint();
    };
    EXPECT_EQ(fingerprint("text,label\nx,b\nz,a\n"), fingerprint("text,category\nx,b\nz,a\n"));
    EXPECT_NE(fingerprint("text,label\nx,b\nz,a\n"), fingerprint("text,label\nx,a\nz,b\n"));
}

TEST_F(LabelledLoadTest, ALabelThatWasNotTrainedIsRefusedWithItsRow) {
    DataOptions options =
        Options(folder_.Write("a.csv", "text,label\nx,b\nz,a\n"), LabelKind::kSequence);
    options.eval_split.reset();
    options.eval_data_files = {folder_.Write("e.csv", "text,label\nx,b\nz,c\n")};
    EXPECT_THAT(ErrorOf(options), testing::AllOf(HasSubstr("line 3"), HasSubstr("\"c\"")));
    options.skip_bad_rows = true;
    EXPECT_EQ(Load(options)->eval->size(), 1);
    EXPECT_THAT(
        ErrorOf(Options(folder_.Write("o.csv", "text,label\nx,b\nz,b\n"), LabelKind::kSequence)),
        HasSubstr("all training rows are \"b\""));
}

TEST_F(LabelledLoadTest, ATextThatIsCutKeepsItsLabel) {
    DataOptions options = Options(
        folder_.Write("a.csv", "text,label\nHelium fills balloons and cools magnets,b\nz,a\n"),
        LabelKind::kSequence);
    options.max_seq_len = 3;
    const Example cut = Load(options)->train->Get(0);
    ASSERT_EQ(cut.tokens.size(), 3U);
    EXPECT_EQ(cut.labels, (std::vector<TokenLabel>{{2, 1}}));
    EXPECT_EQ(cut.weights, (std::vector<float>{0, 0, 1}));
    // Of words those that are left.
    Example words{.tokens = {1, 2, 3, 4},
                  .weights = {1, 0, 1, 1},
                  .kind = LabelKind::kToken,
                  .labels = {{0, 0}, {2, 1}, {3, 1}}};
    EXPECT_EQ(CutDocuments(words, 3), "");
    EXPECT_EQ(words.labels, (std::vector<TokenLabel>{{0, 0}, {2, 1}}));
    EXPECT_EQ(LabelTokens(words), 2);
}

TEST_F(LabelledLoadTest, ConllFilesAreRowsOfWords) {
    const LoadedData data =
        Load(Options(folder_.Write("a.conll",
                                   "-DOCSTART- -X- O\n\nIn IN O\nRome NNP B-LOC\n\n\n"
                                   "Oh UH O\r\n"),
                     LabelKind::kToken))
            .value();
    EXPECT_THAT(data.labels, ElementsAre("B-LOC", "O"));
    ASSERT_EQ(data.train->size(), 2);
    EXPECT_EQ(data.train->Get(0).labels.size(), 2U);
    EXPECT_EQ(data.train->Place(1).line, 7);
    EXPECT_THAT(ErrorOf(Options(folder_.Write("b.conll", "In\tO\nRome\tB-LOC\n\nOslo\n"),
                                LabelKind::kToken)),
                testing::AllOf(HasSubstr("line 4"), HasSubstr("without a tag")));
}

}  // namespace
}  // namespace hone
