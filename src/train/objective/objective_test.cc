#include "train/objective/objective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/files/testing.h"
#include "train/options/given.h"

namespace hone {
namespace {

// Answers of a few rows, as a model might score them.
ScoredRows SomeRows(RowKind kind, uint64_t seed) {
    TestRandom random(seed);
    const auto uniform = [&](double low, double high) {
        return low + (high - low) * static_cast<double>(random.Between(0, 1 << 20)) / (1 << 20);
    };
    const auto answer = [&](bool undesired) {
        Answer made;
        const int64_t tokens = random.Between(3, 11);
        made.likelihood = {static_cast<double>(tokens) * uniform(0.3, 4.0),
                           static_cast<double>(tokens), tokens, tokens / 2};
        made.reference = made.logp() + uniform(-4.0, 4.0);
        made.undesired = undesired;
        return made;
    };
    ScoredRows rows;
    for (int row = 0; row < 7; ++row) {
        const bool bad = kind == RowKind::kJudged && random.Between(0, 1) == 0;
        rows.answers.push_back(answer(bad));
        if (kind == RowKind::kPairs) rows.answers.push_back(answer(true));
        rows.unrelated.push_back(answer(false));
    }
    return rows;
}

double MeanLoss(const Objective& objective, const ObjectiveOptions& options,
                const ScoredRows& rows) {
    std::vector<double> slopes(rows.answers.size());
    return objective.Loss(options, rows, 3, slopes).MeanLoss();
}

TEST(Objective, SlopesAreThoseOfTheMeanLoss) {
    ObjectiveOptions options{
        .beta = 0.3, .label_smoothing = 0.1, .desirable_weight = 1.5, .undesirable_weight = 0.5};
    for (const Objective* objective : Objectives())
        for (const uint64_t seed : TestSeeds(5)) {
            ScoredRows rows = SomeRows(objective->rows(), seed);
            std::vector<double> slopes(rows.answers.size());
            objective->Loss(options, rows, 3, slopes);
            for (size_t i = 0; i < slopes.size(); ++i) {
                constexpr double kStep = 1e-5;
                double& loss = rows.answers[i].likelihood.loss;
                const double at = loss;
                loss = at - kStep;  // the log-probability rises
                const double above = MeanLoss(*objective, options, rows);
                loss = at + kStep;
                const double below = MeanLoss(*objective, options, rows);
                loss = at;
                EXPECT_NEAR((above - below) / (2 * kStep), slopes[i], 1e-7)
                    << objective->name() << " seed " << seed << " answer " << i;
            }
        }
}

TEST(Objective, SumsAddUpAndGoThroughJson) {
    for (const Objective* objective : Objectives()) {
        const ScoredRows rows = SomeRows(objective->rows(), 3);
        std::vector<double> slopes(rows.answers.size());
        ObjectiveSums sums = objective->Loss({}, rows, 3, slopes);
        const ObjectiveSums read = ObjectiveSums::FromJson(sums.ToJson());
        EXPECT_EQ(read.ToJson(), sums.ToJson()) << objective->name();
        EXPECT_EQ(objective->Report(read), objective->Report(sums));
        const double once = sums.MeanLoss();
        sums += read;
        EXPECT_NEAR(sums.MeanLoss(), once, 1e-12);
        const MetricValues values = objective->Report(sums), single = objective->Report(read);
        ASSERT_EQ(values.size(), single.size());
        for (size_t i = 0; i < values.size(); ++i) {
            EXPECT_EQ(values[i].first, single[i].first);
            EXPECT_NEAR(values[i].second, single[i].second, 1e-12);
        }
    }
}

// Pairs that are scored as the reference scores them, and ones that the model has learned.
TEST(Objective, DpoBeginsAtLogTwoAndFalls) {
    const Objective& dpo = *FindObjective("dpo");
    Answer chosen{.likelihood = {20, 10, 10, 4}, .reference = -20};
    Answer rejected{.likelihood = {30, 8, 8, 1}, .reference = -30, .undesired = true};
    std::vector<double> slopes(2);
    const ObjectiveSums start = dpo.Loss({.beta = 0.5}, {{chosen, rejected}, {}}, 1, slopes);
    EXPECT_NEAR(start.MeanLoss(), std::log(2.0), 1e-12);
    EXPECT_NEAR(slopes[0], -0.25, 1e-12);
    EXPECT_NEAR(slopes[1], 0.25, 1e-12);
    chosen.likelihood.loss = 18;
    rejected.likelihood.loss = 34;
    const ObjectiveSums later = dpo.Loss({.beta = 0.5}, {{chosen, rejected}, {}}, 1, slopes);
    EXPECT_NEAR(later.MeanLoss(), std::log1p(std::exp(-3.0)), 1e-12);
    std::map<std::string, double> values;
    for (const auto& [name, value] : dpo.Report(later)) values[name] = value;
    EXPECT_NEAR(values.at("rewards/chosen"), 1, 1e-12);
    EXPECT_NEAR(values.at("rewards/rejected"), -2, 1e-12);
    EXPECT_NEAR(values.at("rewards/margins"), 3, 1e-12);
    EXPECT_EQ(values.at("rewards/accuracies"), 1);
    EXPECT_EQ(values.at("logps/chosen"), -18);
    EXPECT_EQ(values.at("logps/rejected"), -34);
    EXPECT_EQ(later.TokenAccuracy(), 0.4);
    EXPECT_NEAR(later.Perplexity(), std::exp(1.8), 1e-12);
}

// Where nothing is unrelated to the reference's scores the divergence is 0, and never below.
TEST(Objective, KtoMeasuresTheDivergenceOfEachBatch) {
    const Objective& kto = *FindObjective("kto");
    ScoredRows rows = SomeRows(RowKind::kJudged, 4);
    for (size_t i = 0; i < rows.unrelated.size(); ++i)
        rows.unrelated[i].reference = rows.unrelated[i].logp() + (i < 3 ? 5 : -1);
    std::vector<double> slopes(rows.answers.size());
    const ObjectiveSums sums = kto.Loss({}, rows, 3, slopes);
    for (const MetricSum& metric : sums.metrics)
        if (metric.name == "kl") {
            EXPECT_NEAR(metric.sum, 2, 1e-9);  // of batches of 3, 3 and 1 rows: 0, 1, 1
            EXPECT_EQ(metric.weight, 3);
        }
}

TEST(Objective, AnswersThatAreCertainGiveFiniteSlopes) {
    for (const Objective* objective : Objectives()) {
        ScoredRows rows = SomeRows(objective->rows(), 5);
        for (Answer& answer : rows.answers) answer.likelihood.loss = 0;
        rows.answers.back().likelihood.loss = 1e6;
        std::vector<double> slopes(rows.answers.size());
        EXPECT_TRUE(std::isfinite(objective->Loss({}, rows, 3, slopes).MeanLoss()))
            << objective->name();
        for (double slope : slopes) EXPECT_TRUE(std::isfinite(slope)) << objective->name();
    }
}

TEST(Objective, OptionsOfOthersAreRefusedByName) {
    const OptionRow& gamma = *FindOption("simpo_gamma");
    EXPECT_TRUE(FindObjective("simpo")->CheckTakes(gamma, OptionNames()).ok());
    const absl::Status refused = FindObjective("dpo")->CheckTakes(gamma, OptionNames());
    EXPECT_EQ(KindOf(refused), ErrorKind::kUsage);
    EXPECT_NE(std::string(refused.message()).find("--simpo_gamma belongs to --objective simpo"),
              std::string::npos)
        << refused;
    EXPECT_EQ(FindObjective("ppo"), nullptr);
}

}  // namespace
}  // namespace hone
