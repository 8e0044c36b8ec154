// Every metric against the Python package that it follows: the values of tools/golden/metrics.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "eval/metrics/bleu.h"
#include "eval/metrics/chrf.h"
#include "eval/metrics/classification.h"
#include "eval/metrics/correlation.h"
#include "eval/metrics/entities.h"
#include "eval/metrics/porter.h"
#include "eval/metrics/rouge.h"
#include "eval/metrics/squad.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-6;

const json& Golden() {
    static const json golden = [] {
        std::ifstream file(HONE_SOURCE_DIR "/src/eval/testdata/metrics.json");
        return json::parse(file);
    }();
    return golden;
}

// The rows that the metrics of texts are compared on.
struct Rows {
    Rows() {
        for (const json& row : Golden()["rows"]) {
            predictions.push_back(row["prediction"]);
            references.push_back(row["references"]);
        }
    }
    std::vector<std::string> predictions;
    std::vector<std::vector<std::string>> references;
};

void ExpectAverage(const AveragedScore& score, const json& expected) {
    EXPECT_NEAR(score.precision, expected[0], kTolerance);
    EXPECT_NEAR(score.recall, expected[1], kTolerance);
    EXPECT_NEAR(score.f1, expected[2], kTolerance);
}

void ExpectReport(const ClassReport& report, const json& expected) {
    {
        SCOPED_TRACE("micro");
        ExpectAverage(report.micro, expected["micro"]);
    }
    {
        SCOPED_TRACE("macro");
        ExpectAverage(report.macro, expected["macro"]);
    }
    {
        SCOPED_TRACE("weighted");
        ExpectAverage(report.weighted, expected["weighted"]);
    }
    ASSERT_EQ(report.classes.size(), expected["classes"].size());
    for (size_t i = 0; i < report.classes.size(); ++i) {
        SCOPED_TRACE(i);
        const ClassScore& score = report.classes[i];
        ExpectAverage({score.precision, score.recall, score.f1}, expected["classes"][i]);
        EXPECT_EQ(score.counts.expected, expected["classes"][i][3]);
    }
}

TEST(MetricsGolden, BleuIsSacrebleus) {
    const Rows rows;
    const json& golden = Golden()["bleu"];
    for (size_t i = 0; i < rows.predictions.size(); ++i) {
        const BleuOptions sentence{.effective_order = true};
        const BleuCounts counts = CountBleu(rows.predictions[i], rows.references[i], sentence);
        EXPECT_NEAR(ScoreBleu(counts, sentence).score, golden["sentences"][i], kTolerance)
            << Golden()["rows"][i];
    }
    for (const char* name : {"corpus", "lowercase"}) {
        SCOPED_TRACE(name);
        const BleuOptions options{.lowercase = name == std::string("lowercase")};
        const Bleu bleu = CorpusBleu(rows.predictions, rows.references, options);
        EXPECT_NEAR(bleu.score, golden[name]["score"], kTolerance);
        EXPECT_NEAR(bleu.brevity_penalty, golden[name]["bp"], kTolerance);
        for (size_t n = 0; n < kBleuOrders; ++n)
            EXPECT_NEAR(bleu.precisions[n], golden[name]["precisions"][n], kTolerance);
        EXPECT_EQ(bleu.counts.prediction_length, golden[name]["sys_len"]);
        EXPECT_EQ(bleu.counts.reference_length, golden[name]["ref_len"]);
    }
}

TEST(MetricsGolden, BleuOfSacrebleusOwnExample) {
    Rows rows;
    rows.predictions.resize(3);
    rows.references.resize(3);
    const Bleu bleu = CorpusBleu(rows.predictions, rows.references);
    EXPECT_NEAR(bleu.score, 48.530827009929865, kTolerance);  // as its README has it
    EXPECT_NEAR(bleu.score, Golden()["bleu_examples"]["corpus"]["score"], kTolerance);
}

TEST(MetricsGolden, ChrfIsSacrebleus) {
    const Rows rows;
    const json& golden = Golden()["chrf"];
    for (size_t i = 0; i < rows.predictions.size(); ++i)
        EXPECT_NEAR(ScoreChrf(CountChrf(rows.predictions[i], rows.references[i])),
                    golden["sentences"][i], kTolerance)
            << Golden()["rows"][i];
    const auto corpus = [&](const ChrfOptions& options) {
        return CorpusChrf(rows.predictions, rows.references, options);
    };
    EXPECT_NEAR(corpus({}), golden["corpus"], kTolerance);
    EXPECT_NEAR(corpus({.word_order = 2}), golden["plus"], kTolerance);
    EXPECT_NEAR(corpus({.lowercase = true}), golden["lowercase"], kTolerance);
}

TEST(MetricsGolden, RougeIsRougeScores) {
    const Rows rows;
    for (const bool stem : {false, true}) {
        const json& golden = Golden()[stem ? "rouge_stemmed" : "rouge"];
        for (size_t i = 0; i < rows.predictions.size(); ++i) {
            const Rouge rouge = ScoreRouge(rows.predictions[i], rows.references[i], stem);
            const RougeScore* const kinds[] = {&rouge.rouge1, &rouge.rouge2, &rouge.rouge_l,
                                               &rouge.rouge_lsum};
            for (size_t kind = 0; kind < 4; ++kind) {
                SCOPED_TRACE(fmt::format("kind {}, {}", kind, Golden()["rows"][i].dump()));
                ExpectAverage({kinds[kind]->precision, kinds[kind]->recall, kinds[kind]->f1},
                              golden[i][kind]);
            }
        }
    }
}

TEST(MetricsGolden, ExactMatchAndTokenF1AreSquads) {
    const Rows rows;
    for (size_t i = 0; i < rows.predictions.size(); ++i) {
        const json& golden = Golden()["squad"][i];
        EXPECT_EQ(NormalizeAnswer(rows.predictions[i]), golden["normalized"]);
        EXPECT_EQ(ExactMatch(rows.predictions[i], rows.references[i]) == 1, golden["exact"]);
        EXPECT_NEAR(TokenF1(rows.predictions[i], rows.references[i]), golden["f1"], kTolerance);
    }
}

TEST(MetricsGolden, OddTextsAreCutAsTheReferencesCutThem) {
    for (const json& pair : Golden()["tokens_13a"])
        EXPECT_EQ(fmt::format("{}", fmt::join(Tokenize13a(pair[0].get<std::string>()), " ")),
                  pair[1].get<std::string>());
    for (const json& pair : Golden()["tokens_rouge"])
        EXPECT_EQ(
            fmt::format("{}", fmt::join(TokenizeRouge(pair[0].get<std::string>(), false), " ")),
            pair[1].get<std::string>());
    for (const json& pair : Golden()["normalized"])
        EXPECT_EQ(NormalizeAnswer(pair[0].get<std::string>()), pair[1].get<std::string>());
}

TEST(MetricsGolden, StemsAreNltks) {
    for (const json& pair : Golden()["stems"])
        EXPECT_EQ(PorterStem(pair[0]), pair[1].get<std::string>()) << pair[0];
}

TEST(MetricsGolden, ClassificationIsScikitLearns) {
    for (const json& golden : Golden()["classification"]) {
        SCOPED_TRACE(golden.dump());
        for (const int zero : {0, 1}) {
            const Classification result = ScoreClassification(
                golden["expected"], golden["predicted"], golden["classes"], zero);
            EXPECT_NEAR(result.accuracy, golden["accuracy"], kTolerance);
            EXPECT_EQ(json(result.confusion), golden["confusion"]);
            ExpectReport(result.report, golden[fmt::format("zero_division_{}", zero)]);
        }
    }
}

std::vector<std::vector<bool>> Indicators(const json& rows) {
    std::vector<std::vector<bool>> indicators;
    for (const json& row : rows) {
        indicators.emplace_back();
        for (const json& value : row) indicators.back().push_back(value == 1);
    }
    return indicators;
}

TEST(MetricsGolden, MultiLabelIsScikitLearns) {
    for (const json& golden : Golden()["multi_label"]) {
        SCOPED_TRACE(golden.dump());
        for (const int zero : {0, 1}) {
            const MultiLabel result = ScoreMultiLabel(Indicators(golden["expected"]),
                                                      Indicators(golden["predicted"]), zero);
            EXPECT_NEAR(result.exact, golden["exact"], kTolerance);
            EXPECT_NEAR(result.hamming_loss, golden["hamming_loss"], kTolerance);
            const json& expected = golden[fmt::format("zero_division_{}", zero)];
            ExpectReport(result.report, expected);
            ExpectAverage(result.samples, expected["samples"]);
        }
    }
}

TEST(MetricsGolden, EntitiesAreSeqevals) {
    for (const json& golden : Golden()["entities"]) {
        SCOPED_TRACE(golden.dump());
        for (const bool strict : {false, true}) {
            TagScheme scheme = TagScheme::kAny;
            if (strict) scheme = golden["scheme"] == "BIO" ? TagScheme::kBio : TagScheme::kBioes;
            const auto entities = [&](const json& texts) {
                std::vector<std::vector<Entity>> found;
                for (const json& tags : texts) found.push_back(FindEntities(tags, scheme).value());
                return found;
            };
            const EntityScores scores =
                ScoreEntities(entities(golden["expected"]), entities(golden["predicted"]));
            ExpectReport(scores.report, golden[strict ? "strict" : "default"]);
        }
    }
}

TEST(MetricsGolden, SpearmanIsScipys) {
    for (const json& golden : Golden()["spearman"]) {
        const double value = Spearman(golden["a"], golden["b"]);
        if (golden["value"].is_null()) {
            EXPECT_TRUE(std::isnan(value)) << golden;
        } else {
            EXPECT_NEAR(value, golden["value"], kTolerance) << golden;
        }
    }
}

TEST(MetricsGolden, TheBestThresholdIsThatOfATrialOfAll) {
    for (const json& golden : Golden()["threshold"]) {
        const std::vector<double> scores = golden["scores"];
        const std::vector<bool> positive = golden["positive"];
        const Threshold best = BestThreshold(scores, positive);
        EXPECT_NEAR(best.accuracy, golden["accuracy"], kTolerance) << golden;
        double right = 0;
        for (size_t i = 0; i < scores.size(); ++i)
            right += (scores[i] >= best.threshold) == positive[i];
        EXPECT_NEAR(right / static_cast<double>(scores.size()), best.accuracy, kTolerance)
            << golden;
    }
}

}  // namespace
}  // namespace hone
