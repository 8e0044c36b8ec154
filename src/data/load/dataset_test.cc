#include "data/load/dataset.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <set>

#include "data/format/test_support.h"
#include "data/load/token_store.h"
#include "data/read/test_support.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Context& TestContext() {
    static const Context context(3);
    return context;
}

absl::StatusOr<LoadedData> Load(const DataOptions& options) {
    return LoadData(options, TestEncoder(), TestContext());
}

std::string LoadError(const DataOptions& options) {
    auto data = Load(options);
    return data.ok() ? "no error" : std::string(data.status().message());
}

std::string Chats(int count, int from = 0) {
    std::string rows;
    for (int i = from; i < from + count; ++i)
        rows += ChatRow(fmt::format("What is {} + 1?", i), fmt::format("It is {}.", i + 1));
    return rows;
}

std::multiset<std::string> Trained(const Dataset& dataset) {
    auto encoder = TestEncoder();
    std::multiset<std::string> texts;
    for (int64_t i = 0; i < dataset.size(); ++i)
        texts.insert(TrainedText(*encoder, dataset.Get(i)));
    return texts;
}

TEST(Dataset, RowsComeInOrderWithTheirPlaces) {
    TestFolder folder;
    const std::string path = folder.Write("rows.jsonl", "\n" + Chats(3000));
    auto data = Load({.data_name = path, .eval_split = "none"});
    ASSERT_TRUE(data.ok()) << data.status();
    ASSERT_EQ(data->train->size(), 3000);
    EXPECT_EQ(data->eval, nullptr);
    auto encoder = TestEncoder();
    int64_t tokens = 0;
    for (int64_t i = 0; i < 3000; ++i) {
        const Example example = data->train->Get(i);
        EXPECT_EQ(example.row, i);
        ASSERT_EQ(TrainedText(*encoder, example), fmt::format("It is {}.<|im_end|>", i + 1));
        EXPECT_EQ(data->train->Place(i).line, i + 2);
        EXPECT_EQ(data->train->Length(i), static_cast<int64_t>(example.tokens.size()));
        tokens += data->train->Length(i);
    }
    EXPECT_EQ(data->train->total_tokens(), tokens);
    EXPECT_EQ(data->report.train.tokens, tokens);
    EXPECT_EQ(data->report.train.rows, 3000);
    EXPECT_EQ(static_cast<int64_t>(data->train->total_weight()), data->report.train.label_tokens);
    EXPECT_EQ(data->report.format, "chat messages");
    EXPECT_EQ(data->report.answers, 3000);
    EXPECT_EQ(data->report.ended_answers, 3000);
    EXPECT_TRUE(data->report.warnings.empty());
    EXPECT_EQ(data->report.files, std::vector{path});
}

// The same data set on any number of threads, in memory or in a file.
TEST(Dataset, ThreadsAndSpillingChangeNothing) {
    TestFolder folder;
    const std::string path = folder.Write("rows.jsonl", Chats(1300));
    DataOptions options{.data_name = path};
    const Context one(1);
    auto expected = LoadData(options, TestEncoder(), one);
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_FALSE(expected->report.spilled);
    for (int64_t limit : {int64_t{0}, int64_t{20'000}, int64_t{256} << 20}) {
        options.memory_limit_bytes = limit;
        options.cache_folder = folder / "cache";
        auto data = Load(options);
        ASSERT_TRUE(data.ok()) << data.status();
        EXPECT_EQ(data->train->fingerprint(), expected->train->fingerprint());
        EXPECT_EQ(data->eval->fingerprint(), expected->eval->fingerprint());
        EXPECT_EQ(data->report.ToJson()["train"], expected->report.ToJson()["train"]);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder / "cache"));  // the file has no name
    EXPECT_NE(expected->train->fingerprint(), expected->eval->fingerprint());
}

TEST(Dataset, StoreSpillsAndReadsBack) {
    TestFolder folder;
    for (int64_t limit : {int64_t{1} << 30, int64_t{10} << 20}) {
        TokenStore store(limit, folder / "cache");
        auto example = [](int i) {
            Example e;
            for (int t = 0; t <= i % 5000; ++t) {
                e.tokens.push_back(i + t);
                e.weights.push_back(t % 700 < i % 700 ? 0.0f : t % 2 == 0 ? 1.0f : 0.5f);
            }
            return e;
        };
        for (int i = 0; i < 2000; ++i) {
            auto row = store.Append(example(i), static_cast<uint32_t>(i % 3), i);
            ASSERT_TRUE(row.ok()) << row.status();
            ASSERT_EQ(*row, i);
        }
        ASSERT_TRUE(store.Finish().ok());
        EXPECT_EQ(store.spilled(), limit == int64_t{10} << 20);
        for (int i = 1999; i >= 0; --i) {
            const Example back = store.Read(i), expected = example(i);
            ASSERT_EQ(back.tokens, expected.tokens) << i;
            ASSERT_EQ(back.weights, expected.weights) << i;
            ASSERT_EQ(store.Line(i), i);
            ASSERT_EQ(store.File(i), static_cast<uint32_t>(i % 3));
        }
    }
}

TEST(Dataset, SpillingSaysWhenItCannot) {
    Example example;
    example.tokens.assign(3 << 20, 1);
    example.weights.assign(3 << 20, 1);
    TokenStore homeless(1 << 20, "");
    absl::Status status = homeless.Append(example, 0, 1).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("no cache folder"));
    TestFolder folder;
    const std::string file = folder.Write("file", "x");
    TokenStore blocked(1 << 20, file);
    EXPECT_THAT(std::string(blocked.Append(example, 0, 1).status().message()), HasSubstr(file));
    // A file size limit stands in for a full disk.
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{1 << 20, before.rlim_max};
    auto* old_handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    TokenStore full(1 << 20, folder / "cache");
    absl::Status written = full.Append(example, 0, 1).status();
    if (written.ok()) written = full.Finish();
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, old_handler);
    EXPECT_THAT(std::string(written.message()), HasSubstr("choose another cache folder"));
}

TEST(Dataset, HoldsOutByContent) {
    TestFolder folder;
    const std::string path = folder.Write("rows.jsonl", Chats(1000) + Chats(1000));
    auto data = Load({.data_name = path});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size() + data->eval->size(), 2000);
    EXPECT_NEAR(static_cast<double>(data->eval->size()), 200, 60);
    EXPECT_EQ(data->report.eval.examples, data->eval->size());
    EXPECT_THAT(data->report.eval_source, HasSubstr("10 % of the rows are held out"));
    EXPECT_THAT(data->report.ToText(), HasSubstr("10 % of the rows are held out"));
    // Both copies of a row are on one side.
    const auto train = Trained(*data->train), eval = Trained(*data->eval);
    for (const std::string& text : eval) {
        EXPECT_EQ(eval.count(text), 2u);
        EXPECT_EQ(train.count(text), 0u);
    }
    // More rows in the file leave the sides of the others alone.
    const auto more = Load({.data_name = folder.Write("more.jsonl", Chats(3000))});
    const auto more_eval = Trained(*more->eval);
    for (const std::string& text : eval) EXPECT_EQ(more_eval.count(text), 1u);
    for (const std::string& text : train) EXPECT_EQ(more_eval.count(text), 0u);
}

TEST(Dataset, FewRowsTrain) {
    TestFolder folder;
    for (int i = 0; i < 40; ++i) {
        auto data = Load({.data_name = folder.Write("one.jsonl", Chats(1, i))});
        ASSERT_TRUE(data.ok()) << data.status();
        EXPECT_EQ(data->train->size(), 1);
        EXPECT_EQ(data->eval, nullptr);
        EXPECT_EQ(data->report.train.examples, 1);
        EXPECT_THAT(data->report.eval_source, HasSubstr("No evaluation rows"));
    }
}

TEST(Dataset, SplitsAndSamples) {
    TestFolder folder;
    const std::string path = folder.Write("rows.jsonl", Chats(100));
    auto data =
        Load({.data_name = path, .train_split = "train[:80%]", .eval_split = "train[80%:]"});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 80);
    EXPECT_EQ(data->eval->size(), 20);
    EXPECT_EQ(data->eval->Place(0).line, 81);
    data = Load({.data_name = path,
                 .train_split = "train[:80%]",
                 .eval_split = "train[80%:]",
                 .max_samples = 7});
    EXPECT_EQ(data->train->size(), 7);
    EXPECT_EQ(data->eval->size(), 7);
    // As the seed commands write it, on fewer rows than they expect.
    data =
        Load({.data_name = path, .train_split = "train[:4096]", .eval_split = "train[4096:4224]"});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 100);
    EXPECT_EQ(data->eval, nullptr);
    ASSERT_EQ(data->report.warnings.size(), 1u);
    EXPECT_THAT(data->report.warnings[0], HasSubstr("train[4096:4224] has no rows"));
    // A row of both splits is read once and is in both.
    data = Load({.data_name = path, .train_split = "train", .eval_split = "train[:10]"});
    EXPECT_EQ(data->train->size(), 100);
    EXPECT_EQ(data->eval->size(), 10);
    data = Load({.data_name = "json",
                 .data_files = {path},
                 .eval_data_files = {folder.Write("e.jsonl", Chats(5))}});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 100);
    EXPECT_EQ(data->eval->size(), 5);
    EXPECT_THAT(LoadError({.data_name = path, .train_split = "train[100:]", .eval_split = "none"}),
                HasSubstr("no rows"));
}

TEST(Dataset, Evaluation) {
    TestFolder folder;
    folder.Write("set/train.jsonl", Chats(10));
    folder.Write("set/test.jsonl", Chats(4, 50));
    auto data = LoadEvaluationData({.data_name = folder / "set"}, TestEncoder(), TestContext());
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->eval->size(), 4);
    EXPECT_EQ(data->train, nullptr);
    data = LoadEvaluationData({.data_name = folder / "set", .eval_split = "train[:3]"},
                              TestEncoder(), TestContext());
    EXPECT_EQ(data->eval->size(), 3);
    data =
        LoadEvaluationData({.data_name = folder / "set/train.jsonl"}, TestEncoder(), TestContext());
    EXPECT_EQ(data->eval->size(), 10);
}

TEST(Dataset, BadRowsAreAllNamed) {
    TestFolder folder;
    const std::string path = folder.Write(
        "rows.jsonl", Chats(2) + "{\"messages\":\n" + Chats(1) + "{\"text\":\"other\"}\n" +
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n");
    const std::string error = LoadError({.data_name = path, .eval_split = "none"});
    EXPECT_THAT(error, HasSubstr("3 rows of 6 cannot be used"));
    EXPECT_THAT(error, HasSubstr("rows.jsonl, line 3, column 13: malformed JSON"));
    EXPECT_THAT(error, HasSubstr("rows.jsonl, line 5: \"messages\" is missing (the row has text)"));
    EXPECT_THAT(error, HasSubstr("rows.jsonl, line 6: no message of the assistant"));
    EXPECT_EQ(KindOf(Load({.data_name = path}).status()), ErrorKind::kData);
    auto data = Load({.data_name = path, .eval_split = "none", .skip_bad_rows = true});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 3);
    EXPECT_EQ(data->report.bad_row_count, 3);
    EXPECT_EQ(data->report.bad_rows[2].place.line, 6);
    EXPECT_THAT(data->report.warnings[0], HasSubstr("3 bad rows skipped"));
    // Many: the message shows some and says how many there are.
    std::string bad;
    for (int i = 0; i < 100; ++i) bad += "{}\n";
    EXPECT_THAT(LoadError({.data_name = folder.Write("bad.jsonl", Chats(1) + bad)}),
                HasSubstr("... and 90 more like this"));
}

TEST(Dataset, WhatCannotBeTrainedIsAnError) {
    TestFolder folder;
    EXPECT_THAT(LoadError({.data_name = folder.Write("empty.jsonl", "")}),
                HasSubstr("holds no rows"));
    EXPECT_THAT(LoadError({.data_name = folder.Write("blank.csv", "text\n")}),
                HasSubstr("holds no rows"));
    EXPECT_THAT(LoadError({.data_name = folder.Write("odd.jsonl", "{\"question\":\"a\"}")}),
                HasSubstr("cannot tell the format"));
    const std::string masked =
        R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0}]})"
        "\n";
    const std::string all = LoadError({.data_name = folder.Write("masked.jsonl", masked + masked)});
    EXPECT_THAT(all, HasSubstr("no token of any row is trained"));
    EXPECT_THAT(all, HasSubstr("masked.jsonl, line 2"));
    auto some =
        Load({.data_name = folder.Write("some.jsonl", Chats(1) + masked), .eval_split = "none"});
    ASSERT_TRUE(some.ok()) << some.status();
    EXPECT_EQ(some->train->size(), 1);
    ASSERT_EQ(some->report.masked_row_count, 1);
    EXPECT_THAT(some->report.warnings[0],
                HasSubstr("some.jsonl, line 2: no token of the row is trained"));
    EXPECT_THAT(LoadError({.data_name = folder.Write("good.jsonl", Chats(5)), .max_seq_len = 1}),
                HasSubstr("--max_seq_len must be at least 2"));
    EXPECT_THAT(LoadError({.data_name = folder / "good.jsonl", .max_samples = 0}),
                HasSubstr("--max_samples"));
}

TEST(Dataset, Overflow) {
    TestFolder folder;
    std::string rows =
        Chats(3) + ChatRow("a", std::string(400, 'x')) + ChatRow(std::string(400, 'y'), "b");
    const std::string path = folder.Write("rows.jsonl", rows);
    auto length = [&](int64_t i) {
        return Load({.data_name = path, .eval_split = "none"})->train->Length(i);
    };
    const int64_t limit = length(2);
    // Exactly the limit is not too long.
    auto data = Load({.data_name = path, .eval_split = "none", .max_seq_len = limit});
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->report.train.truncated, 2);
    EXPECT_EQ(data->train->longest(), limit);
    EXPECT_EQ(data->train->size(), 4);  // of the last row no label is left
    ASSERT_EQ(data->report.masked_row_count, 1);
    EXPECT_EQ(data->report.masked_rows[0].place.line, 5);
    EXPECT_THAT(data->report.masked_rows[0].reason, HasSubstr("the answer begins after"));
    data = Load({.data_name = path,
                 .eval_split = "none",
                 .max_seq_len = limit,
                 .on_overflow = OnOverflow::kDrop});
    EXPECT_EQ(data->report.train.dropped, 2);
    EXPECT_EQ(data->train->size(), 3);
    const std::string error = LoadError({.data_name = path,
                                         .eval_split = "none",
                                         .max_seq_len = limit,
                                         .on_overflow = OnOverflow::kError});
    EXPECT_THAT(error, HasSubstr(fmt::format("tokens, more than the {} of --max_seq_len", limit)));
    EXPECT_THAT(LoadError({.data_name = path,
                           .eval_split = "none",
                           .max_seq_len = 5,
                           .on_overflow = OnOverflow::kDrop}),
                HasSubstr("all rows are longer"));
    EXPECT_TRUE(ParseOnOverflow("drop").ok());
    EXPECT_EQ(KindOf(ParseOnOverflow("wrap").status()), ErrorKind::kUsage);
}

TEST(Dataset, EveryFormatLoads) {
    TestFolder folder;
    auto encoder = TestEncoder();
    auto first = [&](DataOptions options) -> std::string {
        options.eval_split = "none";
        auto data = Load(options);
        if (!data.ok()) return std::string(data.status().message());
        return TrainedText(*encoder, data->train->Get(0));
    };
    EXPECT_EQ(first({.data_name = folder.Write("a.csv", "text,label\n\"x, y\",z\n"),
                     .text_template = R"({text}\n-> {label})"}),
              "x, y\n-> z<|im_end|>");
    EXPECT_EQ(first({.data_name = folder / "a.csv", .text_field = "label"}), "z<|im_end|>");
    EXPECT_EQ(first({.data_name = folder / "a.csv", .text_template = "{labels}"}),
              fmt::format("1 row of 1 cannot be used: {}, line 2: --text_template asks for the "
                          "field \"labels\", the row has text, label. "
                          "Correct it, or leave it out with --skip_bad_rows.",
                          folder / "a.csv"));
    EXPECT_EQ(first({.data_name = folder.Write("a.tsv", "input\toutput\nq\ta\n")}), "a<|im_end|>");
    EXPECT_EQ(first({.data_name = folder.Write("a.json", R"([{"prompt":"q","completion":"a"}])")}),
              "a<|im_end|>");
    EXPECT_EQ(first({.data_name = folder.Write("a.txt", "one line\n")}), "one line<|im_end|>");
    EXPECT_EQ(
        first({.data_name = std::string(HONE_SOURCE_DIR) + "/src/data/testdata/rows.parquet"}),
        "1<|im_end|>");
    EXPECT_EQ(first({.data_name = WriteGzip(folder, "b.jsonl.gz", ChatRow("q", "a"))}),
              "a<|im_end|>");
    EXPECT_EQ(first({.data_name = folder.Write("ids.jsonl",
                                               R"({"input_ids":[50,51,2],"labels":[-100,51,2]})")}),
              WholeText(*encoder, {51, 2}));
    EXPECT_EQ(first({.data_name = folder / "a.json", .train_on_prompt = true}), "qa<|im_end|>");
}

TEST(Dataset, OnlyTheMarkedPartOfATemplateIsTrained) {
    TestFolder folder;
    const std::string path = folder.Write("a.csv", "text,category\nlost my card,card_lost\n");
    auto encoder = TestEncoder();
    auto load = [&](const std::string& source) {
        auto data = Load({.data_name = path, .eval_split = "none", .text_template = source});
        EXPECT_TRUE(data.ok()) << data.status();
        return *std::move(data);
    };
    const LoadedData marked = load("Query: {text}\\nIntent: [[{category}]]");
    const LoadedData whole = load("Query: {text}\\nIntent: {category}");
    EXPECT_EQ(TrainedText(*encoder, marked.train->Get(0)), "card_lost<|im_end|>");
    EXPECT_EQ(WholeText(*encoder, marked.train->Get(0).tokens),
              "Query: lost my card\nIntent: card_lost<|im_end|>");
    EXPECT_EQ(marked.train->Get(0).tokens, whole.train->Get(0).tokens);
    // An end that is not trained has no trained end token, and that is said.
    const LoadedData open = load("[[{category}]] is {text}");
    EXPECT_EQ(TrainedText(*encoder, open.train->Get(0)), "card_lost");
    EXPECT_EQ(open.report.ended_answers, 0);
}

TEST(Dataset, NotesSayWhatIsNotUsedAndHowFilesWereRead) {
    TestFolder folder;
    auto notes = [](const DataOptions& options) {
        auto data = Load(options);
        EXPECT_TRUE(data.ok()) << data.status();
        return data.ok() ? data->report.notes : std::vector<std::string>();
    };
    const std::string labels = folder.Write("a.csv", "text;topic\na b;x\nc d;y\n");
    EXPECT_THAT(notes({.data_name = labels, .eval_split = "none"}),
                ElementsAre("The column \"topic\" is not used (--text_template "
                            "\"{text}\\n[[{topic}]]\" would train on it).",
                            fmt::format("The columns of {} are separated by semicolons.", labels)));
    EXPECT_THAT(
        notes({.data_name = folder.Write("b.jsonl",
                                         "{\"Question\":\"q\",\"Answer\":\"a\"}\n"
                                         "{\"Question\":\"q\",\"Answer\":\"b\","
                                         "\"id\":1,\"by\":\"z\"}\n"),
               .eval_split = "none"}),
        ElementsAre("Columns are read under other names: \"Question\" as input, \"Answer\" as "
                    "output.",
                    "Columns that are not used: \"by\", \"id\"."));
}

TEST(Dataset, LabelsThatAreNumbersHaveTheNamesOfTheFile) {
    auto encoder = TestEncoder();
    const auto trained = [&](std::vector<std::string> names) {
        DataOptions options;
        options.data_name = std::string(HONE_SOURCE_DIR) + "/src/data/testdata/classes.parquet";
        options.eval_split = "none";
        options.label_names = std::move(names);
        auto data = LoadData(options, encoder, Context(1));
        EXPECT_TRUE(data.ok()) << data.status();
        return TrainedText(*encoder, data->train->Get(0));
    };
    EXPECT_EQ(trained({}), "pos<|im_end|>");
    EXPECT_EQ(trained({"no", "yes"}), "yes<|im_end|>");
}

// Thirty thousand like errors are ten and a count, those of other kinds beside them.
TEST(Dataset, LikeErrorsAreCounted) {
    TestFolder folder;
    std::string rows = "a,b\n1,2\n";
    for (int i = 0; i < 30'000; ++i) rows += fmt::format("{},2,3\n", i);
    const std::string error = LoadError(
        {.data_name = folder.Write("a.csv", rows + ",\n"),
         .columns = {{"prompt", "a"}, {"completion", "b"}}});
    EXPECT_THAT(error, HasSubstr("30,001 rows of 30,002 cannot be used:\n  "));
    EXPECT_THAT(error, HasSubstr("\n  ... and 29,990 more like this\n"));
    EXPECT_THAT(error, HasSubstr("line 30003: \"completion\" is empty"));
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 13);
}

// A table gives each struct the members of all rows, as null where a row lacks them.
TEST(Dataset, ParquetAndJsonLinesGiveTheSameTokens) {
    const std::string folder = std::string(HONE_SOURCE_DIR) + "/src/data/testdata/";
    auto shows_tools =
        ReadFile(std::string(HONE_SOURCE_DIR) + "/src/text/testdata/templates/qwen2_5.jinja");
    ASSERT_TRUE(shows_tools.ok());
    auto load = [encoder = TestEncoder(*shows_tools)](const std::string& path) {
        return LoadData({.data_name = path, .eval_split = "none"}, encoder, Context(2));
    };
    auto lines = load(folder + "tools.jsonl");
    auto table = load(folder + "tools.parquet");
    ASSERT_TRUE(lines.ok() && table.ok()) << lines.status() << table.status();
    EXPECT_EQ(lines->train->fingerprint(), table->train->fingerprint());
    EXPECT_EQ(lines->train->size(), 1);
}

// What breaks off in the middle is a bad row at that place, not a shorter data set.
TEST(Dataset, DamagedFilesAreNotShortFiles) {
    TestFolder folder;
    const std::string whole = WriteGzip(folder, "a.jsonl.gz", Chats(5000));
    auto bytes = ReadFile(whole);
    const std::string cut = folder.Write("cut.jsonl.gz", bytes->substr(0, bytes->size() / 2));
    EXPECT_THAT(LoadError({.data_name = cut}), HasSubstr("ends in the middle of its gzip data"));
    EXPECT_THAT(
        LoadError({.data_name = folder.Write("cut.json", "[" + ChatRow("a", "b") + ", {\"mess")}),
        HasSubstr("the file ends inside the array"));
}

}  // namespace
}  // namespace hone
