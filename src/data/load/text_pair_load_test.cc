// Data sets of pairs of texts.
#include <gmock/gmock.h>

#include "data/format/test_support.h"
#include "data/load/dataset.h"

namespace hone {
namespace {

using ::testing::ElementsAre;

TEST(TextPairLoad, ADataSetHasTwoDocumentsARowAndTheirScore) {
    const TestFolder folder;
    const Context context(2);
    DataOptions options;
    options.eval_split = "none";
    options.labels.kind = LabelKind::kPair;
    options.labels.flag = "--task x";
    const auto load = [&](const char* rows) {
        options.data_name = folder.Write("pairs.csv", rows);
        return LoadData(options, TestEncoder(), context).value();
    };
    const LoadedData data = load("text_a,text_b,label\nx y z,x,0.5\nz,y z,1\n");
    ASSERT_EQ(data.train->size(), 2);
    EXPECT_TRUE(data.labels.empty());
    const Example pair = data.train->Get(0);
    EXPECT_EQ(pair.kind, LabelKind::kPair);
    EXPECT_EQ(pair.score, 0.5f);
    ASSERT_GT(pair.second, 1);
    EXPECT_EQ(pair.weights[static_cast<size_t>(pair.second) - 1], 1);
    EXPECT_EQ(pair.weights.back(), 1);
    EXPECT_EQ(data.train->total_weight(), 4);
    Batch batch;
    batch.Append(pair);
    batch.Append(data.train->Get(1));
    EXPECT_THAT(batch.scores, ElementsAre(0.5f, 0.5f, 1, 1));
    EXPECT_THAT(batch.undesired, ElementsAre(0, 1, 0, 1));

    // Another score is another data set.
    EXPECT_NE(load("text_a,text_b,label\nx y z,x,0.25\nz,y z,1\n").train->fingerprint(),
              data.train->fingerprint());
    options.max_seq_len = 2;
    const Example cut = load("text_a,text_b,label\nx y z,x y z,0.5\nz,y z,1\n").train->Get(0);
    EXPECT_EQ(cut.second, 2);
    EXPECT_EQ(cut.tokens.size(), 4u);
    EXPECT_THAT(cut.weights, ElementsAre(0, 1, 0, 1));
    EXPECT_EQ(cut.score, 0.5f);
}

}  // namespace
}  // namespace hone
