// Pairs and judged answers, from their rows to tokens.
#include "data/format/preference.h"

#include <gmock/gmock.h>

#include "base/text/text.h"
#include "data/format/test_support.h"
#include "data/load/check.h"
#include "data/load/dataset.h"
#include "data/load/documents.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

ordered_json Message(const char* role, const char* content) {
    return {{"role", role}, {"content", content}};
}

// The texts of a row's documents, and those that are trained.
std::vector<std::pair<std::string, std::string>> Texts(const ConversationEncoder& encoder,
                                                       const Example& example) {
    std::vector<std::pair<std::string, std::string>> texts;
    for (const auto& [begin, end] : example.Documents()) {
        Example part;
        part.tokens.assign(example.tokens.begin() + begin, example.tokens.begin() + end);
        part.weights.assign(example.weights.begin() + begin, example.weights.begin() + end);
        texts.emplace_back(WholeText(encoder, part.tokens), TrainedText(encoder, part));
    }
    return texts;
}

struct Loaded {
    Example example;
    std::string problem;
};

// The row as an objective that wants `kind` gets it.
Loaded Load(const ordered_json& row, RowKind kind, RowFormatOptions options = {}) {
    options.kind = kind;
    options.kind_flag = "--objective test";
    const auto encoder = TestEncoder();
    auto converter = RowConverter::Detect(row, options);
    if (!converter.ok()) return {{}, std::string(converter.status().message())};
    auto converted = converter->Convert(row);
    if (!converted.ok()) return {{}, std::string(converted.status().message())};
    auto encoded = encoder->EncodeRow(*converted, {});
    if (!encoded.ok()) return {{}, std::string(encoded.status().message())};
    return {encoded->example, ""};
}

TEST(Preference, EveryFormOfAPairGivesTheSameTokens) {
    const auto prompt = ordered_json::array({Message("system", "S"), Message("user", "Q")});
    const auto good = ordered_json::array({Message("assistant", "yes")});
    const auto bad = ordered_json::array({Message("assistant", "no")});
    ordered_json whole_good = prompt, whole_bad = prompt;
    whole_good.push_back(good[0]);
    whole_bad.push_back(bad[0]);
    const ordered_json forms[] = {
        {{"prompt", prompt}, {"chosen", good}, {"rejected", bad}},
        {{"prompt", prompt}, {"chosen", "yes"}, {"rejected", "no"}},
        {{"prompt", "Q"}, {"chosen", good}, {"rejected", bad}, {"system", "S"}},
        {{"chosen", whole_good}, {"rejected", whole_bad}},
        {{"prompt", "Q"}, {"chosen", whole_good}, {"rejected", whole_bad}, {"score", 3}},
        {{"input", {{"messages", prompt}, {"tools", nullptr}, {"parallel_tool_calls", true}}},
         {"preferred_output", good},
         {"non_preferred_output", bad}},
        {{"input", {{"messages", prompt}}},
         {"preferred_completion", good},
         {"non_preferred_completion", bad}},
        {{"system", "S"}, {"question", "Q"}, {"chosen", "yes"}, {"rejected", "no"}},
    };
    const auto encoder = TestEncoder();
    for (const ordered_json& row : forms) {
        RowFormatOptions options;
        options.model_has_template = true;
        const Loaded loaded = Load(row, RowKind::kPairs, options);
        ASSERT_EQ(loaded.problem, "") << row;
        const auto texts = Texts(*encoder, loaded.example);
        ASSERT_EQ(texts.size(), 2U) << row;
        const std::string asked =
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n"
            "<|im_start|>assistant\n";
        EXPECT_EQ(texts[0].first, asked + "yes<|im_end|>\n") << row;
        EXPECT_EQ(texts[1].first, asked + "no<|im_end|>\n") << row;
        EXPECT_EQ(texts[0].second, "yes<|im_end|>");
        EXPECT_EQ(texts[1].second, "no<|im_end|>");
        EXPECT_FALSE(loaded.example.undesired);
    }
}

TEST(Preference, TextsAreJoinedAsTheyStand) {
    const auto encoder = TestEncoder();
    for (const ordered_json& row :
         {ordered_json{{"prompt", "2 + 2 ="}, {"chosen", " 4"}, {"rejected", " 5"}},
          ordered_json{{"chosen", "2 + 2 = 4"}, {"rejected", "2 + 2 = 5"}}}) {
        const Loaded loaded = Load(row, RowKind::kPairs);
        ASSERT_EQ(loaded.problem, "") << row;
        const auto texts = Texts(*encoder, loaded.example);
        ASSERT_EQ(texts.size(), 2U);
        EXPECT_EQ(texts[0].first, "2 + 2 = 4<|im_end|>");
        EXPECT_EQ(texts[0].second, " 4<|im_end|>");
        EXPECT_EQ(texts[1].second, " 5<|im_end|>");
    }
}

// Where the texts part within a character, the whole character is the answers'.
TEST(Preference, TextsPartBetweenCharacters) {
    const ordered_json row = {{"chosen", "Farbe: Ä"}, {"rejected", "Farbe: Ö"}};
    const Loaded loaded = Load(row, RowKind::kPairs);
    ASSERT_EQ(loaded.problem, "");
    const auto texts = Texts(*TestEncoder(), loaded.example);
    EXPECT_EQ(texts[0].second, " Ä<|im_end|>");
    EXPECT_EQ(texts[1].second, " Ö<|im_end|>");
}

TEST(Preference, LabelsSayWhichAnswersAreBad) {
    const ordered_json good = {{"prompt", "Q "}, {"completion", "a"}, {"label", true}};
    for (const auto& [label, bad] :
         std::initializer_list<std::pair<ordered_json, bool>>{{true, false},
                                                              {false, true},
                                                              {"False", true},
                                                              {"true", false},
                                                              {1, false},
                                                              {0, true}}) {
        ordered_json row = good;
        row["label"] = label;
        const Loaded loaded = Load(row, RowKind::kJudged);
        ASSERT_EQ(loaded.problem, "") << label;
        EXPECT_EQ(loaded.example.undesired, bad) << label;
        EXPECT_EQ(loaded.example.second, 0);
    }
    const ordered_json chat = {{"messages", {Message("user", "Q"), Message("assistant", "a")}},
                               {"kto_tag", false}};
    EXPECT_TRUE(Load(chat, RowKind::kJudged).example.undesired);
    ordered_json wrong = good;
    wrong["label"] = "maybe";
    EXPECT_THAT(Load(wrong, RowKind::kJudged).problem, HasSubstr("the rows are answers alone"));
}

TEST(Preference, BadRowsAreNamed) {
    const auto user = ordered_json::array({Message("user", "Q")});
    const auto answer = ordered_json::array({Message("assistant", "a")});
    const std::pair<ordered_json, const char*> bad[] = {
        {{{"prompt", "Q"}, {"chosen", "a"}, {"rejected", "a"}},
         "\"chosen\" and \"rejected\" are the same"},
        {{{"prompt", "Q"}, {"chosen", " "}, {"rejected", "a"}}, "\"chosen\" is empty"},
        {{{"prompt", "Q"}, {"chosen", "a"}, {"rejected", ""}}, "\"rejected\" is empty"},
        {{{"prompt", user}, {"chosen", answer}, {"rejected", user}},
         "\"rejected\" holds no message"},
        {{{"prompt", user}, {"chosen", answer}, {"rejected", {Message("assistant", " ")}}},
         "with \"rejected\": message 2: the assistant's \"content\" is empty"},
        {{{"chosen", {Message("user", "Q"), Message("assistant", "a")}},
          {"rejected", {Message("user", "P"), Message("assistant", "b")}}},
         "do not begin with the same prompt"},
        {{{"chosen", answer}, {"rejected", "b"}}, "\"prompt\" is missing"},
        {{{"input", "Q"}, {"preferred_output", answer}, {"non_preferred_output", answer}},
         "\"input\" must be an object"},
        {{{"input", {{"messages", user}}}, {"preferred_output", answer}},
         "\"non_preferred_output\" is missing"},
        {{{"input", {{"messages", user}}},
          {"preferred_output", answer},
          {"non_preferred_output", answer}},
         "\"preferred_output\" and \"non_preferred_output\" are the same"},
        {{{"input", {{"messages", user}}},
          {"preferred_output", "a"},
          {"non_preferred_output", answer}},
         "\"preferred_output\" must be a list"},
    };
    for (const auto& [row, problem] : bad)
        EXPECT_THAT(Load(row, RowKind::kPairs).problem, HasSubstr(problem)) << row;
}

TEST(Preference, RowsOfAnotherKindSayWhatLearnsFromThem) {
    const ordered_json plain = {{"prompt", "Q"}, {"completion", "a"}};
    const ordered_json pair = {{"prompt", "Q"}, {"chosen", "a"}, {"rejected", "b"}};
    const ordered_json judged = {{"prompt", "Q"}, {"completion", "a"}, {"label", true}};
    const auto problem = [](const ordered_json& row, RowKind kind) {
        return Load(row, kind).problem;
    };
    EXPECT_THAT(problem(pair, RowKind::kPlain), HasSubstr("hone finetune --objective dpo"));
    EXPECT_THAT(problem(judged, RowKind::kPlain), HasSubstr("hone finetune --objective kto"));
    EXPECT_THAT(problem(plain, RowKind::kPairs), HasSubstr("--objective test learns from two"));
    EXPECT_THAT(problem(judged, RowKind::kPairs), HasSubstr("--objective kto learns from"));
    EXPECT_THAT(problem(plain, RowKind::kJudged), HasSubstr("--objective sft learns"));
    EXPECT_THAT(problem(pair, RowKind::kJudged), HasSubstr("--objective dpo learns from"));
    RowFormatOptions columns;
    columns.columns = {{"prompt", "prompt"}, {"completion", "chosen"}};
    EXPECT_EQ(Load(pair, RowKind::kPlain, columns).problem, "");
    columns.columns = {{"prompt", "q"}, {"chosen", "better"}, {"rejected", "worse"}};
    const ordered_json named = {{"q", "Q"}, {"better", "a"}, {"worse", "b"}};
    EXPECT_EQ(Load(named, RowKind::kPairs, columns).problem, "");
    RowFormatOptions text;
    text.text_field = "prompt";
    EXPECT_THAT(Load(pair, RowKind::kPairs, text).problem, HasSubstr("--objective test excludes"));
}

TEST(Preference, DataSetsKeepPairsTogetherAndCutEachAnswer) {
    TestFolder folder;
    std::string rows;
    for (int i = 0; i < 5; ++i)
        rows += ordered_json{{"prompt", fmt::format("question {} ", i)},
                             {"chosen", std::string(static_cast<size_t>(3 + 4 * i), 'x')},
                             {"rejected", "zz"}}
                    .dump() +
                "\n";
    rows +=
        ordered_json{{"prompt", std::string(60, 'p')}, {"chosen", "a"}, {"rejected", "b"}}.dump() +
        "\n";
    const std::string path = folder.Write("pairs.jsonl", rows);
    DataOptions options = {.data_name = path, .eval_split = "none", .max_seq_len = 24};
    options.row_kind = RowKind::kPairs;
    auto data = LoadData(options, TestEncoder(), Context(2));
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 5);
    EXPECT_EQ(data->report.masked_row_count, 1);
    EXPECT_EQ(data->report.format, "preferences: prompt, chosen and rejected");
    for (int64_t row = 0; row < 5; ++row) {
        const Example example = data->train->Get(row);
        EXPECT_GT(example.second, 0);
        EXPECT_LE(LongestDocument(example), 24);
        Batch batch;
        batch.Append(example);
        EXPECT_EQ(batch.num_documents(), 2);
        EXPECT_EQ(batch.undesired, (std::vector<uint8_t>{0, 1}));
        EXPECT_EQ(batch.positions[static_cast<size_t>(example.second)], 0);
        EXPECT_EQ(batch.targets[static_cast<size_t>(example.second) - 1], -1);
    }
    // Which answer is preferred is a part of the data.
    ordered_json one = {{"prompt", "q "}, {"chosen", "a"}, {"rejected", "b"}};
    options.data_name = folder.Write("one.jsonl", one.dump() + "\n");
    const std::string before = LoadData(options, TestEncoder(), Context(1))->train->fingerprint();
    one["chosen"] = "b", one["rejected"] = "a";
    folder.Write("one.jsonl", one.dump() + "\n");
    EXPECT_NE(LoadData(options, TestEncoder(), Context(1))->train->fingerprint(), before);
}

TEST(Preference, CheckCountsPairsAndLabels) {
    TestFolder folder;
    const ordered_json pair = {{"prompt", "Q "}, {"chosen", "a"}, {"rejected", "b"}},
                       same = {{"prompt", "Q "}, {"chosen", "a"}, {"rejected", "a"}};
    DataOptions options = {.data_name =
                               folder.Write("p.jsonl", pair.dump() + "\n" + same.dump() + "\n")};
    options.row_kind.reset();
    auto check = CheckData(options, TestEncoder(), Context(1));
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->pairs, 1);
    ASSERT_EQ(check->bad_row_count, 1);
    EXPECT_EQ(check->bad_rows[0].place.line, 2);
    EXPECT_THAT(check->ToText(), HasSubstr("1 of two answers"));
    std::string judged;
    for (const bool label : {true, false, false})
        judged +=
            ordered_json{{"prompt", "Q "}, {"completion", "a"}, {"label", label}}.dump() + "\n";
    options.data_name = folder.Write("j.jsonl", judged);
    check = CheckData(options, TestEncoder(), Context(1));
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->ToText(), HasSubstr("1 good, 2 bad"));
    EXPECT_EQ(check->ToJson()["undesired"], 2);
    EXPECT_THAT(check->format, HasSubstr("each judged by its label"));
}

}  // namespace
}  // namespace hone
