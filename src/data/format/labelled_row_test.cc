// Rows with labels, from their JSON to tokens.
#include "data/format/labelled_row.h"

#include <gmock/gmock.h>

#include "data/format/label_table.h"
#include "data/format/test_support.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

RowFormatOptions Options(LabelKind kind, bool multi = false, std::string separator = "") {
    RowFormatOptions options;
    options.labels = {
        .kind = kind, .flag = "--task x", .multi = multi, .separator = std::move(separator)};
    return options;
}

absl::StatusOr<DataRow> ConvertLabelled(std::string_view row, const RowFormatOptions& options) {
    HONE_ASSIGN_OR_RETURN(const RowConverter converter,
                          RowConverter::Detect(ordered_json::parse(row), options));
    return converter.Convert(ordered_json::parse(row));
}

std::string LabelledError(std::string_view row, const RowFormatOptions& options) {
    return std::string(ConvertLabelled(row, options).status().message());
}

// "text: label, label"
std::string Labels(std::string_view row, const RowFormatOptions& options) {
    const auto converted = ConvertLabelled(row, options);
    if (!converted.ok()) return std::string(converted.status().message());
    return fmt::format("{}: {}", converted->parts[0].text, fmt::join(converted->labels, ", "));
}

// "word/tag word/tag"
std::string Tags(std::string_view row, RowFormatOptions options = Options(LabelKind::kToken)) {
    const auto converted = ConvertLabelled(row, options);
    if (!converted.ok()) return std::string(converted.status().message());
    std::string text;
    for (const LabelledWord& word : converted->words)
        text += fmt::format("{}{}/{}", text.empty() ? "" : " ",
                            converted->parts[0].text.substr(word.begin, word.end - word.begin),
                            word.tag);
    return text;
}

TEST(LabelledRow, TextsHaveOneLabelOrSeveral) {
    const RowFormatOptions one = Options(LabelKind::kSequence),
                           several = Options(LabelKind::kSequence, true);
    EXPECT_EQ(Labels(R"({"text":"lost","category":"card_lost"})", one), "lost: card_lost");
    EXPECT_EQ(Labels(R"({"Sentence":"s","label":1})", one), "s: 1");
    EXPECT_EQ(Labels(R"({"text":"t","label":["a","b","a"]})", several), "t: a, b");
    EXPECT_EQ(Labels(R"({"text":"t","labels":[]})", several), "t: ");
    EXPECT_EQ(Labels(R"({"text":"t","label":"a; b;"})", Options(LabelKind::kSequence, true, ";")),
              "t: a, b");
    EXPECT_THAT(LabelledError(R"({"text":"t","label":["a"]})", one), HasSubstr("--problem_type"));
    EXPECT_THAT(LabelledError(R"({"text":"  ","label":"a"})", one), HasSubstr("\"text\" is empty"));
    EXPECT_THAT(LabelledError(R"({"text":"t","label":""})", one), HasSubstr("\"label\" is empty"));
    EXPECT_THAT(LabelledError(R"({"text":"t","label":1.5})", one), HasSubstr("whole number"));
    EXPECT_THAT(LabelledError(R"({"x":"t"})", one), HasSubstr("--columns text=NAME,label=NAME"));
    RowFormatOptions columns = one;
    columns.columns = {{"label", "what"}};
    EXPECT_EQ(Labels(R"({"text":"t","what":"a","label":"b"})", columns), "t: a");
    RowFormatOptions named = one;
    named.label_names = {"no", "yes"};
    EXPECT_EQ(Labels(R"({"text":"t","label":1})", named), "t: yes");
    EXPECT_THAT(LabelledError(R"({"text":"t","label":2})", named), HasSubstr("names 0 to 1"));
}

TEST(LabelledRow, WordsHaveTags) {
    EXPECT_EQ(Tags(R"({"tokens":["In","New","York"],"ner_tags":["O","B-LOC","I-LOC"]})"),
              "In/O New/B-LOC York/I-LOC");
    RowFormatOptions named = Options(LabelKind::kToken);
    named.label_names = {"O", "B-LOC"};
    EXPECT_EQ(Tags(R"({"tokens":["In","Rome"],"tags":[0,1]})", named), "In/O Rome/B-LOC");
    EXPECT_EQ(Tags(R"({"tokens":"[\"In\"]","tags":"[\"O\"]"})"), "In/O");  // of a table
    EXPECT_THAT(Tags(R"({"tokens":["a","b"],"tags":["O"]})"), HasSubstr("1 tags for 2 tokens"));
    EXPECT_THAT(Tags(R"({"tokens":["a"],"tags":["PERSON"]})"), HasSubstr("PERSON"));
    EXPECT_THAT(Tags(R"({"tokens":[],"tags":[]})"), HasSubstr("empty"));
}

TEST(LabelledRow, SpansBecomeTags) {
    EXPECT_EQ(Tags(R"({"text":"(Zürich) is big.","spans":[{"start":1,"end":7,"label":"LOC"}]})"),
              "(/O Zürich/B-LOC )/O is/O big/O ./O");
    EXPECT_EQ(Tags(R"({"text":"New York","entities":[[0,8,"LOC"]]})"), "New/B-LOC York/I-LOC");
    EXPECT_EQ(Tags(R"({"text":"a b","spans":[[2,3,"Y"],[0,1,"X"]]})"), "a/B-X b/B-Y");
    EXPECT_EQ(Tags(R"({"text":"a b","spans":[]})"), "a/O b/O");
    // The end of the text and one past it.
    EXPECT_EQ(Tags(R"({"text":"ü","spans":[[0,1,"X"]]})"), "ü/B-X");
    EXPECT_THAT(Tags(R"({"text":"ü","spans":[[0,2,"X"]]})"), HasSubstr("crosses the text"));
    EXPECT_THAT(Tags(R"({"text":"ab","spans":[[-1,1,"X"]]})"), HasSubstr("crosses the text"));
    EXPECT_THAT(Tags(R"({"text":"ab","spans":[[1,1,"X"]]})"), HasSubstr("is empty"));
    EXPECT_THAT(Tags(R"({"text":"a b c","spans":[[2,5,"X"],[0,3,"Y"]]})"),
                HasSubstr("spans 2 (0 to 3) and 1 (2 to 5) overlap"));
    EXPECT_THAT(Tags(R"({"text":"ab","spans":[[0,1]]})"), HasSubstr("[start, end, label]"));
    EXPECT_THAT(Tags(R"({"text":"ab","spans":[[0,1,"a b"]]})"), HasSubstr("without spaces"));
}

// The tokens that carry a label, and which.
std::string Encoded(const DataRow& row, const std::string& tokenizer, const LabelTable& labels,
                    bool multi = false) {
    const auto encoder = TestEncoder("", tokenizer);
    const auto encoded = encoder->EncodeRow(row, {.labels = &labels, .multi_label = multi});
    if (!encoded.ok()) return std::string(encoded.status().message());
    const Example& example = encoded->example;
    EXPECT_EQ(example.weights.size(), example.tokens.size());
    std::string text;
    for (const TokenLabel& label : example.labels)
        text += fmt::format("{}{}={}", text.empty() ? "" : " ",
                            WholeText(*encoder, {example.tokens[label.token]}), label.label);
    return text;
}

TEST(LabelledRow, EachWordIsLabelledAtItsFirstToken) {
    const LabelTable labels({"O", "B-X"}, {1, 3});
    const DataRow row =
        ConvertLabelled(R"({"tokens":["Helium","xyzzyq","of"],"tags":["B-X","O","B-X"]})",
                        Options(LabelKind::kToken))
            .value();
    for (const char* tokenizer : {"byte_level", "sentence_piece"}) {
        const auto encoder = TestEncoder("", tokenizer);
        const Example example = encoder->EncodeRow(row, {.labels = &labels})->example;
        ASSERT_EQ(example.labels.size(), 3U) << tokenizer;
        EXPECT_EQ(example.kind, LabelKind::kToken);
        const std::string text = row.parts[0].text;
        // Of the tokens before a word's first one, the text before the word is made.
        for (size_t i = 0; i < 3; ++i) {
            std::vector<int32_t> before(example.tokens.begin(),
                                        example.tokens.begin() + example.labels[i].token);
            std::string shown = encoder->tokenizer().Decode(before, true).value();
            while (shown.ends_with(' ')) shown.pop_back();
            std::string expected = text.substr(0, row.words[i].begin);
            while (expected.ends_with(' ')) expected.pop_back();
            EXPECT_EQ(shown, expected) << tokenizer << " word " << i;
        }
        EXPECT_EQ(example.weights[example.labels[0].token], 3);
        EXPECT_EQ(example.weights[example.labels[1].token], 1);
        float sum = 0;
        for (const float weight : example.weights) sum += weight;
        EXPECT_EQ(sum, 7);
    }
}

TEST(LabelledRow, TheLastTokenHasTheLabelsOfAText) {
    const LabelTable labels({"a", "b", "c"});
    DataRow row;
    row.kind = DataRow::Kind::kLabelled;
    row.parts = {{"Neon glows red.", false}};
    row.labels = {"c"};
    EXPECT_EQ(Encoded(row, "byte_level", labels), ".=2");
    row.labels = {"c", "a"};
    EXPECT_EQ(Encoded(row, "byte_level", labels, true), ".=0 .=2");
    row.labels = {"d"};
    EXPECT_THAT(Encoded(row, "byte_level", labels), HasSubstr("\"d\" is none of the 3"));
    row.labels = {};
    const auto encoder = TestEncoder();
    const Example none = encoder->EncodeRow(row, {.labels = &labels, .multi_label = true})->example;
    EXPECT_EQ(none.kind, LabelKind::kSequence);
    EXPECT_EQ(none.weights.back(), 1);  // that it has none is to be learned, too
}

TEST(LabelCounts, NamesStandInAStableOrder) {
    LabelCounts words, numbers;
    for (const char* label : {"b", "a", "B", "b"}) words.Add(label, true);
    for (const char* label : {"10", "9", "-1"}) numbers.Add(label, true);
    EXPECT_THAT(words.Names(), ElementsAre("B", "a", "b"));
    EXPECT_THAT(numbers.Names(), ElementsAre("-1", "9", "10"));
}

TEST(LabelCounts, Weights) {
    LabelCounts counts;
    for (const char* label : {"a", "a", "a", "b"}) counts.Add(label, true);
    counts.Add("c", false);
    const std::vector<std::string> names = counts.Names();
    EXPECT_TRUE(counts.Weights("none", names)->empty());
    // scikit-learn's: 4 rows / (3 labels * 3 rows).
    EXPECT_THAT(*counts.Weights("balanced", names),
                ElementsAre(testing::FloatEq(4.0f / 9), testing::FloatEq(4.0f / 3), 1));
    EXPECT_THAT(*counts.Weights("b=2, c=0.5", names), ElementsAre(1, 2, 0.5f));
    EXPECT_THAT(std::string(counts.Weights("x=2", names).status().message()), HasSubstr("\"x\""));
    for (const char* bad : {"b", "b=", "=2", "b=0", "b=-1", "b=1e9", "balance"})
        EXPECT_EQ(KindOf(counts.Weights(bad, names).status()), ErrorKind::kUsage) << bad;
}

}  // namespace
}  // namespace hone
