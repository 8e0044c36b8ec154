#include "eval/scores.h"

#include <gmock/gmock.h>

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

MetricSet Metrics(const Texts& names) { return ParseMetrics(names).value(); }

std::string Refused(ScoreOptions options, const Texts& references) {
    const auto scorer = AnswerScorer::Create(std::move(options), references);
    return scorer.ok() ? "good" : std::string(scorer.status().message());
}

TEST(Metrics, AnUnknownOneNamesTheNearest) {
    EXPECT_THAT(std::string(ParseMetrics({"rogue"}).status().message()),
                HasSubstr("did you mean rouge?"));
    EXPECT_THAT(std::string(ParseMetrics({"xyzzyx"}).status().message()),
                HasSubstr("there are loss, perplexity"));
    EXPECT_EQ(KindOf(ParseMetrics({"F1!"}).status()), ErrorKind::kUsage);
    EXPECT_FALSE(NeedsAnswers(Metrics({"loss", "perplexity", "token_accuracy"})));
    EXPECT_TRUE(NeedsAnswers(Metrics({"perplexity", "bleu"})));
}

TEST(LabelSet, AnswersAreFoundHoweverTheyAreWritten) {
    const LabelSet set = LabelSet::Named({"card_arrival", "Lost", "lost!", "a b"}).value();
    EXPECT_EQ(set.Find("card_arrival"), 0);
    EXPECT_EQ(set.Find("\n \"Card arrival\".\nbecause"), 0);
    EXPECT_EQ(set.Find("**card-arrival**"), 0);
    EXPECT_EQ(set.Find("A  B"), 3);
    EXPECT_EQ(set.Find("Lost"), 1);
    EXPECT_EQ(set.Find("lost!"), 2);
    EXPECT_EQ(set.Find("lost"), kNoClass);  // either of two
    for (const char* other : {"", "card", "the card arrival", "card_arrival or a b"})
        EXPECT_EQ(set.Find(other), kNoClass) << other;
    EXPECT_EQ(KindOf(LabelSet::Named({"a", "b", "a"}).status()), ErrorKind::kUsage);
}

TEST(LabelSet, WhatLooksLikeLabels) {
    EXPECT_TRUE(LookLikeLabels({"a", "b", "a", "b"}));
    EXPECT_FALSE(LookLikeLabels({"a", "b", "c", "b"}));
    EXPECT_FALSE(LookLikeLabels({"a\nb", "a\nb"}));
    EXPECT_TRUE(LookLikeLabels(Texts(2, std::string(100, 'x'))));
    EXPECT_FALSE(LookLikeLabels(Texts(2, std::string(101, 'x'))));
    EXPECT_FALSE(LookLikeLabels({}));
    EXPECT_THAT(SplitLabels(" a, ,b c,", ","), ElementsAre("a", "b c"));
}

TEST(Scores, LabelsWithAnswersThatAreNone) {
    const Texts references = {"yes", "no", "yes", "no"};
    const auto scorer =
        AnswerScorer::Create({.metrics = Metrics({"accuracy", "f1", "confusion_matrix"})},
                             references)
            .value();
    EXPECT_THAT(scorer.labels()->labels(), ElementsAre("no", "yes"));
    EXPECT_TRUE(scorer.notes().empty());
    const Scores scores = scorer.Score({"Yes.", "maybe", "no", "No"});
    const LabelScores& labels = *scores.labels;
    EXPECT_DOUBLE_EQ(labels.accuracy, 0.5);
    EXPECT_EQ(labels.no_label, 1);
    EXPECT_EQ(labels.others.front().text, "maybe");
    EXPECT_EQ(labels.confusion, (std::vector<std::vector<int64_t>>{{1, 0}, {1, 1}}));
    // no: 1 of 2 predicted, 1 of 2 found; yes: 1 of 1 and 1 of 2.
    EXPECT_NEAR(labels.report.macro.f1, (0.5 + 2.0 / 3) / 2, 1e-12);
    EXPECT_EQ(scores.rows[1]["label"], nullptr);
    EXPECT_EQ(scores.rows[0]["label"], "yes");
    EXPECT_EQ(scores.rows[0]["correct"], true);
    const ordered_json json = ToJson(scores, Metrics({"accuracy", "f1", "confusion_matrix"}));
    EXPECT_EQ(json["accuracy"], 0.5);
    EXPECT_EQ(json["no_label"]["answers"][0]["text"], "maybe");
    EXPECT_EQ(json["labels"]["yes"]["expected"], 2);
    EXPECT_EQ(json["confusion_matrix"]["rows"][1][0], 1);
    EXPECT_FALSE(json.contains("precision"));
    EXPECT_THAT(ToText(scores, Metrics({"accuracy"}), 10),
                testing::AllOf(HasSubstr("accuracy  50.00 %"), HasSubstr("\"maybe\" (1)"),
                               HasSubstr("no for yes, 1 times")));
}

TEST(Scores, SeveralLabelsARow) {
    const auto scorer =
        AnswerScorer::Create({.metrics = Metrics({"accuracy", "f1"}), .label_separator = ","},
                             {"a, b", "b", "c"})
            .value();
    const Scores scores = scorer.Score({"b,a", "b, x", "a"});
    EXPECT_NEAR(scores.labels->accuracy, 2.0 / 3, 1e-12);
    EXPECT_EQ(scores.labels->no_label, 1);
    EXPECT_NEAR(*scores.labels->hamming_loss, 2.0 / 9, 1e-12);
    EXPECT_EQ(scores.rows[0]["labels"], ordered_json::array({"a", "b"}));
    EXPECT_EQ(scores.rows[1]["correct"], false);
    EXPECT_TRUE(ToJson(scores, Metrics({"f1"}))["f1"].contains("samples"));
}

TEST(Scores, LabelsThatTheRowsDoNotHave) {
    EXPECT_THAT(Refused({.metrics = Metrics({"f1"}), .labels = {"a", "b"}}, {"a", "c"}),
                HasSubstr("the rows hold the label \"c\", which --labels does not name"));
    EXPECT_EQ(Refused({.metrics = Metrics({"f1"}), .labels = {"a", "b", "c"}}, {"a", "b"}), "good");
    EXPECT_THAT(Refused({.metrics = Metrics({"bleu"}), .labels = {"a"}}, {"a"}),
                HasSubstr("--labels is for metrics of labels"));
}

TEST(Scores, WithoutLabelsAccuracyAndF1AreOfTexts) {
    const Texts references = {"one two", "three", "four", "five"};
    const auto scorer =
        AnswerScorer::Create({.metrics = Metrics({"accuracy", "f1", "bleu", "rouge"})}, references)
            .value();
    EXPECT_FALSE(scorer.labels().has_value());
    ASSERT_EQ(scorer.notes().size(), 1u);
    EXPECT_THAT(scorer.notes()[0], HasSubstr("accuracy is exact_match, and f1 is token_f1 here"));
    const Scores scores = scorer.Score({"one", "Three.", "x", "the five"});
    EXPECT_DOUBLE_EQ(*scores.exact_match, 0.5);
    EXPECT_NEAR(*scores.token_f1, (2.0 / 3 + 1 + 0 + 1) / 4, 1e-12);
    EXPECT_FALSE(scores.labels.has_value());
    EXPECT_TRUE(scores.rows[0].contains("rougeLsum"));
    EXPECT_THAT(Refused({.metrics = Metrics({"recall"})}, references),
                HasSubstr("The 4 answers of the rows are 4 different texts, which are none"));
    EXPECT_THAT(AnswerScorer::Create({.metrics = Metrics({"accuracy", "rouge"})}, {"a", "a"})
                    .value()
                    .notes(),
                ElementsAre(HasSubstr("The answers are labels: rouge say")));
}

TEST(Scores, Json) {
    const auto scorer = AnswerScorer::Create({.metrics = Metrics({"json"})},
                                             {R"({"a": 1})", R"({"a": 2, "b": "x"})"})
                            .value();
    const Scores scores = scorer.Score({R"({"a": 1})", "none"});
    EXPECT_EQ(scores.json->exact, 0.5);
    EXPECT_EQ(scores.json->no_json, 1);
    EXPECT_EQ(scores.rows[0]["json_f1"], 1.0);
    EXPECT_EQ(scores.rows[1]["json"], false);
    EXPECT_EQ(ToJson(scores, {})["json"]["fields"]["a"]["expected"], 2);
    EXPECT_THAT(Refused({.metrics = Metrics({"json"})}, {"[1]", "word"}),
                HasSubstr("the answer of row 2, \"word\", is no JSON object or list"));
}

TEST(Scores, Tags) {
    const auto scorer =
        AnswerScorer::Create({.metrics = Metrics({"entity_f1"})}, {"B-PER I-PER O", "O B-LOC"})
            .value();
    // Cut, and with words that are no tags.
    const Scores scores = scorer.Score({"B-PER I-PER", "what B-LOC E-LOC"});
    EXPECT_EQ(scores.tags->other_length, 2);
    EXPECT_DOUBLE_EQ(scores.tags->any.report.micro.f1, 1);
    EXPECT_DOUBLE_EQ(scores.tags->strict.report.micro.f1, 1);
    EXPECT_THAT(scores.tags->any.types, ElementsAre("LOC", "PER"));
    EXPECT_EQ(ToJson(scores, {})["entity_f1"]["scheme"], "BIO");
    EXPECT_THAT(Refused({.metrics = Metrics({"entity_f1"})}, {"O", "Bear"}),
                HasSubstr("the answer of row 2, \"Bear\", is no list of tags"));
}

TEST(Scores, Numbers) {
    const auto scorer =
        AnswerScorer::Create({.metrics = Metrics({"spearman", "threshold_accuracy"})},
                             {"0", "1", "1", "0"})
            .value();
    const Scores scores = scorer.Score({"0.1", " 0.9\n", "high", "0.2"});
    EXPECT_EQ(scores.numbers->no_number, 1);
    EXPECT_DOUBLE_EQ(scores.numbers->threshold->accuracy, 1);
    EXPECT_NEAR(*scores.numbers->spearman, 0.8660254037844387, 1e-12);
    EXPECT_EQ(ToJson(scorer.Score({"1", "1", "1", "1"}), {})["spearman"], nullptr);
    EXPECT_THAT(Refused({.metrics = Metrics({"spearman"})}, {"1", "x"}),
                HasSubstr("the answer of row 2, \"x\", is no number"));
    EXPECT_THAT(Refused({.metrics = Metrics({"threshold_accuracy"})}, {"0.5"}),
                HasSubstr("neither 0 nor 1"));
}

}  // namespace
}  // namespace hone
