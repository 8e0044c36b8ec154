#include "data/batch/batcher.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "data/format/test_support.h"
#include "data/load/token_store.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Rows of these lengths; row i holds the tokens 1000 i, 1000 i + 1, ...; the first half has no
// label.
std::shared_ptr<Dataset> MakeDataset(const std::vector<int>& lengths) {
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows"};
    std::vector<int64_t> rows;
    for (size_t i = 0; i < lengths.size(); ++i) {
        Example example;
        for (int t = 0; t < lengths[i]; ++t) {
            example.tokens.push_back(static_cast<int32_t>(1000 * i) + t);
            example.weights.push_back(t >= lengths[i] / 2 ? 1.0f : 0.0f);
        }
        rows.push_back(*store->Append(example, 0, static_cast<int64_t>(i) + 1));
    }
    EXPECT_TRUE(store->Finish().ok());
    return std::make_shared<Dataset>(store, rows);
}

std::vector<int> RandomLengths(int64_t count, TestRandom& random, int longest = 100) {
    std::vector<int> lengths;
    for (int64_t i = 0; i < count; ++i)
        lengths.push_back(static_cast<int>(random.Between(2, longest)));
    return lengths;
}

StepPlan Plan(std::shared_ptr<const Dataset> dataset, const BatcherOptions& options) {
    auto plan = StepPlan::Create(std::move(dataset), options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *std::move(plan);
}

TEST(Batch, LayoutOfPackedDocuments) {
    Batch batch;
    batch.Append({.tokens = {10, 11, 12}, .weights = {0, 0, 1}, .row = 7});
    batch.Append({.tokens = {20}, .weights = {1}, .row = 8});
    batch.Append({.tokens = {30, 31}, .weights = {1, 0.5f}, .row = 9});
    EXPECT_THAT(batch.tokens, ElementsAre(10, 11, 12, 20, 30, 31));
    EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 0, 1));
    EXPECT_THAT(batch.document_starts, ElementsAre(0, 3, 4, 6));
    EXPECT_THAT(batch.targets, ElementsAre(11, 12, -1, -1, 31, -1));
    EXPECT_THAT(batch.target_weights, ElementsAre(0, 1, 0, 0, 0.5f, 0));
    EXPECT_THAT(batch.rows, ElementsAre(7, 8, 9));
    EXPECT_EQ(batch.size(), 6);
    EXPECT_EQ(batch.num_documents(), 3);
    EXPECT_EQ(batch.TotalWeight(), 1.5);
}

TEST(Batch, Prefix) {
    Batch batch;
    batch.Append({.tokens = {10, 11, 12}, .weights = {0, 0.5f, 1}, .row = 7});
    batch.Append({.tokens = {20, 21}, .weights = {1, 1}, .row = 8});
    const Batch cut = BatchPrefix(batch, 4);
    EXPECT_THAT(cut.tokens, ElementsAre(10, 11, 12, 20));
    EXPECT_THAT(cut.targets, ElementsAre(11, 12, -1, -1));
    EXPECT_THAT(cut.target_weights, ElementsAre(0.5f, 1, 0, 0));
    EXPECT_THAT(cut.document_starts, ElementsAre(0, 3, 4));
    EXPECT_THAT(cut.rows, ElementsAre(7, 8));
    EXPECT_THAT(BatchPrefix(batch, 2).targets, ElementsAre(11, -1));
    EXPECT_EQ(BatchPrefix(batch, 3).num_documents(), 1);
    EXPECT_EQ(BatchPrefix(batch, 100).target_weights, batch.target_weights);
}

TEST(Batcher, CutsMicroBatches) {
    auto dataset = MakeDataset({4, 6, 1, 12, 3, 3});
    std::vector<Example> examples;
    for (int64_t i = 0; i < dataset->size(); ++i) examples.push_back(dataset->Get(i));
    const std::vector<Batch> batches = CutMicroBatches(examples, 10);
    ASSERT_EQ(batches.size(), 3u);
    EXPECT_THAT(batches[0].rows, ElementsAre(3));     // longer than 10: alone
    EXPECT_THAT(batches[1].rows, ElementsAre(1, 0));  // exactly 10
    EXPECT_THAT(batches[2].rows, ElementsAre(4, 5, 2));
    EXPECT_TRUE(CutMicroBatches({}, 10).empty());
}

// The workspace is sized by MostTokens before step 1: no step may ask for more, and it should not
// be far above what steps take.
TEST(Batcher, NoMicroBatchIsAboveMostTokens) {
    for (const uint64_t seed : TestSeeds(30)) {
        TestRandom random(seed);
        auto dataset = MakeDataset(RandomLengths(random.Between(1, 60), random, 50));
        const BatcherOptions options{.batch_size = random.Between(1, 6),
                                     .packing = random.Between(0, 2) == 0,
                                     .max_seq_len = 50,
                                     .seed = seed};
        StepPlan plan = Plan(dataset, options);
        const int64_t limit = random.Between(10, 159);
        const int64_t bound = plan.MostTokens(limit);
        EXPECT_LE(bound, std::max(limit, dataset->longest()));
        EXPECT_LE(bound, dataset->total_tokens());
        int64_t most = 0;
        StepPrefetcher prefetcher(plan, {}, limit, 1);
        for (int64_t step = 0; step < 5 * plan.steps_per_epoch(); ++step)
            for (const Batch& batch : prefetcher.Next().micro_batches)
                most = std::max(most, batch.size());
        EXPECT_LE(most, bound);
        EXPECT_GE(most, bound / 2);
    }
    // Two rows a step: the two longest, not what max_tokens allows.
    EXPECT_EQ(Plan(MakeDataset({5, 9, 4, 8}), {.batch_size = 2}).MostTokens(1024), 17);
    EXPECT_EQ(MostBatchTokens(*MakeDataset({5, 9, 4, 8}), 3, 20), 20);
    EXPECT_EQ(MostBatchTokens(*MakeDataset({5, 9, 4, 8}), 100, 1024), 26);
}

// Whatever the options: an epoch is every row once, bins hold no more than fits, steps have the
// size that was asked for.
TEST(Batcher, EveryRowOnceInAnEpoch) {
    for (const uint64_t seed : TestSeeds(40)) {
        TestRandom random(seed);
        const int64_t rows = random.Between(1, 300);
        auto dataset = MakeDataset(RandomLengths(rows, random));
        BatcherOptions options{.batch_size = random.Between(1, 5),
                               .gradient_accumulation_steps = random.Between(1, 3),
                               .packing = random.Between(0, 1) == 0,
                               .max_seq_len = 100,
                               .shuffle = random.Between(0, 2) > 0,
                               .seed = seed};
        StepPlan plan = Plan(dataset, options);
        const int64_t bins = options.batch_size * options.gradient_accumulation_steps;
        for (int64_t epoch : {0, 1, 5}) {
            std::multiset<int64_t> seen;
            const int64_t steps = plan.StepsInEpoch(epoch);
            for (int64_t step = 0; step < steps; ++step) {
                const std::vector<int64_t> step_rows = plan.StepRows({epoch, step});
                EXPECT_FALSE(step_rows.empty());
                int64_t tokens = 0;
                for (int64_t row : step_rows) tokens += dataset->Length(row);
                if (options.packing) {
                    EXPECT_LE(tokens, bins * options.max_seq_len);
                } else {
                    EXPECT_EQ(static_cast<int64_t>(step_rows.size()),
                              step + 1 < steps ? bins : rows - bins * (steps - 1));
                }
                seen.insert(step_rows.begin(), step_rows.end());
            }
            EXPECT_EQ(seen.size(), static_cast<size_t>(rows));
            EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(),
                      static_cast<size_t>(rows));
        }
    }
}

TEST(Batcher, PackingFillsTheBins) {
    TestRandom random(3);
    auto dataset = MakeDataset(RandomLengths(5000, random, 400));
    StepPlan plan = Plan(dataset, {.batch_size = 1, .packing = true, .max_seq_len = 1024});
    const int64_t bins = plan.StepsInEpoch(0);
    EXPECT_GT(static_cast<double>(dataset->total_tokens()) / static_cast<double>(1024 * bins),
              0.97);
    EXPECT_LE(dataset->total_tokens(), 1024 * bins);
    // Longer than a bin: alone in one.
    StepPlan small =
        Plan(MakeDataset({50, 8, 2, 30}), {.batch_size = 1, .packing = true, .max_seq_len = 10});
    std::multiset<std::vector<int64_t>> steps;
    for (int64_t step = 0; step < small.StepsInEpoch(0); ++step) {
        auto rows = small.StepRows({0, step});
        std::sort(rows.begin(), rows.end());
        steps.insert(rows);
    }
    EXPECT_THAT(steps, ElementsAre(std::vector<int64_t>{0}, std::vector<int64_t>{1, 2},
                                   std::vector<int64_t>{3}));
}

TEST(Batcher, OrderIsOfSeedAndEpochAlone) {
    TestRandom random(5);
    auto dataset = MakeDataset(RandomLengths(200, random));
    auto order = [&](uint64_t seed, int64_t epoch, bool packing, bool shuffle = true) {
        StepPlan plan = Plan(dataset, {.batch_size = 2,
                                       .packing = packing,
                                       .max_seq_len = 100,
                                       .shuffle = shuffle,
                                       .seed = seed});
        plan.StepsInEpoch(epoch + 3);  // what was asked before does not matter
        std::vector<int64_t> rows;
        for (int64_t step = 0; step < plan.StepsInEpoch(epoch); ++step)
            for (int64_t row : plan.StepRows({epoch, step})) rows.push_back(row);
        return rows;
    };
    for (bool packing : {false, true}) {
        EXPECT_EQ(order(1, 0, packing), order(1, 0, packing));
        EXPECT_NE(order(1, 0, packing), order(1, 1, packing));
        EXPECT_NE(order(1, 0, packing), order(2, 0, packing));
        std::vector<int64_t> in_order(200);
        std::iota(in_order.begin(), in_order.end(), 0);
        EXPECT_EQ(order(1, 3, packing, false), in_order);
    }
}

// Steps of an epoch and of a run, as transformers' Trainer (dataloader_drop_last false) counts
// them.
TEST(Batcher, CountsStepsAsTransformersDoes) {
    struct Case {
        int rows, batch, accumulation, steps_per_epoch;
        double epochs;
        int steps;
        size_t last_rows;  // of the epoch's last step
    };
    for (const Case& c : {
             Case{40, 8, 1, 5, 3, 15, 8},     // whole batches
             Case{35, 8, 1, 5, 3, 15, 3},     // the last batch has three rows
             Case{41, 8, 1, 6, 1, 6, 1},      // or one
             Case{40, 8, 2, 3, 2, 6, 8},      // the last step accumulates one batch
             Case{40, 8, 4, 2, 1, 2, 8},      //
             Case{7, 8, 1, 1, 3, 3, 7},       // fewer rows than a batch
             Case{7, 2, 16, 1, 3, 3, 7},      // or than a step
             Case{64, 1, 1, 64, 0.5, 32, 1},  // fractions of an epoch are rounded up
             Case{100, 10, 1, 10, 0.31, 4, 10}, Case{100, 10, 1, 10, 2.5, 25, 10},
             Case{100, 1, 1, 100, 0.07, 8, 1},  // 0.07 * 100 is above 7 in floating point
         }) {
        SCOPED_TRACE(fmt::format("{} rows, {} x {}", c.rows, c.batch, c.accumulation));
        StepPlan plan =
            Plan(MakeDataset(std::vector<int>(static_cast<size_t>(c.rows), 6)),
                 {.batch_size = c.batch, .gradient_accumulation_steps = c.accumulation});
        EXPECT_EQ(plan.steps_per_epoch(), c.steps_per_epoch);
        EXPECT_EQ(plan.TotalSteps(c.epochs), c.steps);
        EXPECT_EQ(plan.StepRows({0, 0}).size(),
                  static_cast<size_t>(std::min(c.rows, c.batch * c.accumulation)));
        EXPECT_EQ(plan.StepRows({0, c.steps_per_epoch - 1}).size(), c.last_rows);
    }
}

TEST(Batcher, TotalSteps) {
    StepPlan plan = Plan(MakeDataset(std::vector<int>(100, 10)), {.batch_size = 10});
    EXPECT_EQ(plan.steps_per_epoch(), 10);
    EXPECT_EQ(plan.TotalSteps(3), 30);
    EXPECT_EQ(plan.TotalSteps(0.3), 3);
    EXPECT_EQ(plan.TotalSteps(0.31), 4);
    EXPECT_EQ(plan.TotalSteps(1.5), 15);
    EXPECT_EQ(plan.TotalSteps(0.001), 1);
    EXPECT_EQ(plan.Next({0, 8}), (DataCursor{0, 9}));
    EXPECT_EQ(plan.Next({0, 9}), (DataCursor{1, 0}));
}

TEST(Batcher, SmallDataSetsAndBadOptions) {
    auto dataset = MakeDataset({5, 5, 5});
    StepPlan plan = Plan(dataset, {.batch_size = 8});
    EXPECT_EQ(plan.steps_per_epoch(), 1);
    EXPECT_EQ(plan.StepRows({0, 0}).size(), 3u);
    EXPECT_THAT(plan.Warning(), HasSubstr("A step takes 8 rows"));
    EXPECT_THAT(plan.Warning(), HasSubstr("the data set has 3"));
    EXPECT_THAT(plan.Warning(), Not(HasSubstr("--packing")));
    // As many as a batch: still one step an epoch.
    EXPECT_THAT(Plan(dataset, {.batch_size = 3}).Warning(), HasSubstr("whole data set"));
    EXPECT_EQ(Plan(dataset, {.batch_size = 2}).Warning(), "");
    EXPECT_EQ(Plan(MakeDataset({5}), {.batch_size = 1}).Warning(), "");
    EXPECT_THAT(Plan(dataset, {.packing = true}).Warning(), HasSubstr("leave --packing out"));
    EXPECT_EQ(KindOf(StepPlan::Create(dataset, {.batch_size = 0}).status()), ErrorKind::kUsage);
    EXPECT_EQ(KindOf(StepPlan::Create(dataset, {.gradient_accumulation_steps = -1}).status()),
              ErrorKind::kUsage);
    EXPECT_EQ(KindOf(StepPlan::Create(MakeDataset({}), {}).status()), ErrorKind::kData);
}

bool SameBatch(const Batch& a, const Batch& b) {
    return a.tokens == b.tokens && a.positions == b.positions &&
           a.document_starts == b.document_starts && a.targets == b.targets &&
           a.target_weights == b.target_weights && a.rows == b.rows;
}

class BatcherPacking : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, BatcherPacking, testing::Bool());

TEST_P(BatcherPacking, PrefetchedStepsResumeAnywhere) {
    TestRandom random(6);
    auto dataset = MakeDataset(RandomLengths(70, random));
    const BatcherOptions options{.batch_size = 2,
                                 .gradient_accumulation_steps = 2,
                                 .packing = GetParam(),
                                 .max_seq_len = 100,
                                 .seed = 9};
    std::vector<TrainingStep> steps;
    {
        StepPrefetcher prefetcher(Plan(dataset, options), {}, 150, 3);
        for (int i = 0; i < 40; ++i) steps.push_back(prefetcher.Next());
    }
    EXPECT_GT(steps.back().cursor.epoch, 1);
    for (const TrainingStep& step : steps) {
        double weight = 0;
        int64_t tokens = 0, documents = 0;
        for (const Batch& batch : step.micro_batches) {
            EXPECT_LE(batch.size(), 150);
            weight += batch.TotalWeight();
            tokens += batch.size();
            documents += batch.num_documents();
        }
        EXPECT_EQ(step.total_weight, weight);
        EXPECT_EQ(step.tokens, tokens);
        EXPECT_EQ(step.documents, documents);
        EXPECT_GT(weight, 0);
    }
    for (size_t from : {size_t{1}, size_t{7}, size_t{23}}) {
        const auto cursor = DataCursor::FromJson(steps[from - 1].next.ToJson());
        ASSERT_TRUE(cursor.ok()) << cursor.status();
        StepPrefetcher prefetcher(Plan(dataset, options), *cursor, 150, 1);
        for (size_t i = from; i < from + 10; ++i) {
            const TrainingStep step = prefetcher.Next();
            EXPECT_EQ(step.cursor, steps[i].cursor);
            ASSERT_EQ(step.micro_batches.size(), steps[i].micro_batches.size());
            for (size_t b = 0; b < step.micro_batches.size(); ++b)
                EXPECT_TRUE(SameBatch(step.micro_batches[b], steps[i].micro_batches[b])) << i;
        }
    }
}

TEST(Batcher, BadCursors) {
    using nlohmann::ordered_json;
    for (const char* text :
         {"[]", "{}", R"({"epoch":1})", R"({"epoch":1,"step":-1})", R"({"epoch":1.5,"step":0})",
          R"({"epoch":18446744073709551615,"step":0})"})
        EXPECT_FALSE(DataCursor::FromJson(ordered_json::parse(text)).ok()) << text;
    EXPECT_EQ(*DataCursor::FromJson(DataCursor{3, 4}.ToJson()), (DataCursor{3, 4}));
}

TEST(Batcher, EvaluationReadsAllInOrder) {
    auto dataset = MakeDataset({4, 6, 1, 12, 3, 3});
    EvaluationBatches few(dataset, 2, 1000);
    Batch two;
    ASSERT_TRUE(few.Next(&two));
    EXPECT_THAT(two.rows, ElementsAre(0, 1));
    ASSERT_TRUE(few.Next(&two));
    EXPECT_THAT(two.rows, ElementsAre(2, 3));
    EvaluationBatches batches(dataset, 8, 10);
    std::vector<std::vector<int64_t>> rows;
    Batch batch;
    while (batches.Next(&batch)) rows.push_back(batch.rows);
    EXPECT_THAT(rows, ElementsAre(std::vector<int64_t>{0, 1}, std::vector<int64_t>{2},
                                  std::vector<int64_t>{3}, std::vector<int64_t>{4, 5}));
}

}  // namespace
}  // namespace hone
