#include "train/loop/monitor.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

Metric MetricNamed(const std::string& name) { return Metric::Parse(name, std::nullopt).value(); }
EvalNumbers Loss(double loss) { return {.loss = loss}; }

TEST(Metric, KnowsItsDirectionUnlessTold) {
    EXPECT_TRUE(MetricNamed("loss").Better(1, 2));
    EXPECT_TRUE(MetricNamed("eval_token_accuracy").Better(2, 1));
    EXPECT_TRUE(Metric::Parse("eval_loss", true)->Better(2, 1));
    EXPECT_EQ(KindOf(Metric::Parse("bleu", std::nullopt).status()), ErrorKind::kUsage);
    EXPECT_EQ(MetricNamed("token_accuracy").Of({.loss = 1, .token_accuracy = 0.5}), 0.5);
}

TEST(BestTracker, StopsAfterThePatienceIsSpent) {
    BestTracker tracker(MetricNamed("eval_loss"), 2, 0);
    EXPECT_TRUE(tracker.Add(10, Loss(3)));
    EXPECT_TRUE(tracker.Add(20, Loss(2)));
    EXPECT_FALSE(tracker.Add(30, Loss(2)));  // equal is no improvement
    EXPECT_FALSE(tracker.ShouldStop());
    EXPECT_FALSE(tracker.Add(40, Loss(2.5)));
    EXPECT_TRUE(tracker.ShouldStop());
    EXPECT_EQ(tracker.best_step(), 20);
}

TEST(BestTracker, SmallImprovementsCountAgainstThePatienceButAreTheBest) {
    BestTracker tracker(MetricNamed("eval_loss"), 2, 0.1);
    tracker.Add(1, Loss(2));
    EXPECT_TRUE(tracker.Add(2, Loss(1.95)));
    EXPECT_TRUE(tracker.Add(3, Loss(1.9)));
    EXPECT_TRUE(tracker.ShouldStop());
    EXPECT_EQ(tracker.best_step(), 3);
    EXPECT_EQ(tracker.best(), 1.9);
}

TEST(BestTracker, NeverStopsWithoutAPatience) {
    BestTracker tracker(MetricNamed("eval_loss"), 0, 0);
    for (int i = 0; i < 100; ++i) tracker.Add(i, Loss(i));
    EXPECT_FALSE(tracker.ShouldStop());
}

TEST(BestTracker, SurvivesJson) {
    BestTracker tracker(MetricNamed("eval_loss"), 3, 0), copy = tracker;
    tracker.Add(5, Loss(0.1234567890123456));
    tracker.Add(6, Loss(0.2));
    ASSERT_TRUE(copy.FromJson(nlohmann::ordered_json::parse(tracker.ToJson().dump())).ok());
    EXPECT_EQ(copy.best(), tracker.best());
    EXPECT_EQ(copy.best_step(), 5);
    EXPECT_EQ(copy.without_improvement(), 1);
    EXPECT_FALSE(copy.FromJson({{"best", "x"}}).ok());
}

TEST(OverfitDetector, SpeaksOnceWhenTheLossesPart) {
    OverfitDetector detector;
    EXPECT_FALSE(detector.Add(2.0, 2.0));
    EXPECT_FALSE(detector.Add(1.8, 1.9));
    EXPECT_FALSE(detector.Add(1.6, 2.0));
    EXPECT_TRUE(detector.Add(1.4, 2.1));
    EXPECT_FALSE(detector.Add(1.2, 2.2));  // already said
    EXPECT_FALSE(detector.Add(1.1, 2.0));  // better again
    EXPECT_FALSE(detector.Add(1.0, 2.1));
    EXPECT_TRUE(detector.Add(0.9, 2.2));
}

TEST(OverfitDetector, ADivergingRunIsNotOverfitting) {
    OverfitDetector detector;
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(detector.Add(2.0 + i, 2.0 + i));
}

TEST(OverfitDetector, SurvivesJson) {
    OverfitDetector detector, copy;
    detector.Add(2.0, 2.0);
    detector.Add(1.8, 2.1);
    ASSERT_TRUE(copy.FromJson(detector.ToJson()).ok());
    EXPECT_TRUE(copy.Add(1.6, 2.2));
    EXPECT_FALSE(copy.FromJson(nlohmann::ordered_json::array()).ok());
}

}  // namespace
}  // namespace hone
