// The files of a run: events, logs, the output folder, cards and curves, and what the machine says.
#include <gtest/gtest.h>

#include <cstring>

#include "base/files/testing.h"
#include "event.pb.h"
#include "train/output/event_file.h"
#include "train/output/machine.h"
#include "train/output/output_folder.h"
#include "train/output/run_files.h"
#include "train/output/run_log.h"
#include "train/output/try_command.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

TEST(EventFile, ChecksumsAreThoseOfTheFormat) {
    // The check value of CRC-32C's definition, and RFC 3720 B.4's 32 bytes of zeros.
    EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
    EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(MaskedCrc32c("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

TEST(EventFile, HoldsVersionAndScalars) {
    TestFolder folder;
    std::string path;
    {
        auto events = EventFile::Create(folder / "logs").value();
        ASSERT_TRUE(
            events->AddScalars(7, {{"train/loss", 1.5}, {"train/learning_rate", 2e-4}}).ok());
        path = events->path();
    }
    const std::string bytes = ReadFile(path).value();
    std::vector<tensorboard::Event> events;
    for (size_t at = 0; at < bytes.size();) {
        uint64_t length = 0;
        std::memcpy(&length, bytes.data() + at, 8);
        const std::string record = bytes.substr(at + 12, length);
        EXPECT_EQ(bytes.substr(at, 16 + length), TfRecord(record));
        ASSERT_TRUE(events.emplace_back().ParseFromString(record));
        at += 16 + length;
    }
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].file_version(), "brain.Event:2");
    EXPECT_EQ(events[1].step(), 7);
    ASSERT_EQ(events[1].summary().value_size(), 2);
    EXPECT_EQ(events[1].summary().value(0).tag(), "train/loss");
    EXPECT_EQ(events[1].summary().value(0).simple_value(), 1.5f);
    EXPECT_GT(events[1].wall_time(), 1.5e9);
}

TEST(RunLog, ReplacesWithTheHistoryAndAppends) {
    TestFolder folder;
    ASSERT_TRUE(WriteFileAtomic(folder / "metrics.jsonl", "{\"step\":1}\n{\"step\":9}\n").ok());
    auto log =
        RunLog::Open(folder / "metrics.jsonl", folder / "logs", {{{"step", 1}, {"loss", 2.0}}})
            .value();
    EventStream events;
    const ScopedSink listening(events, *log);
    StepReport step{.step = 2,
                    .epoch = 0.5,
                    .loss = 1.5,
                    .learning_rate = 0.25,
                    .grad_norm = 3,
                    .tokens = 10,
                    .tokens_per_second = 7,
                    .token_accuracy = 0,
                    .memory_bytes = 9};
    events.Emit(step);  // not logged
    step.logged = LoggedMeans{8, 0.75};
    events.Emit(step);
    events.Emit(EvalReport{.step = 2,
                           .epoch = 0.5,
                           .loss = 1.25,
                           .perplexity = 4,
                           .token_accuracy = 0.5,
                           .seconds = 2,
                           .memory_bytes = 9});
    ASSERT_TRUE(events.status().ok());
    EXPECT_EQ(
        ReadFile(folder / "metrics.jsonl").value(),
        "{\"step\":1,\"loss\":2.0}\n"
        "{\"step\":2,\"epoch\":0.5,\"loss\":1.5,\"learning_rate\":0.25,\"grad_norm\":3.0,"
        "\"tokens\":10,\"tokens_per_second\":8.0,\"token_accuracy\":0.75,\"memory_bytes\":9}\n"
        "{\"step\":2,\"epoch\":0.5,\"eval_loss\":1.25,\"eval_perplexity\":4.0,"
        "\"eval_token_accuracy\":0.5,\"eval_seconds\":2.0,\"memory_bytes\":9}\n");
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "logs")) {
        ++files;
        EXPECT_NE(ReadFile(entry.path()).value().find("eval/loss"), std::string::npos);
    }
    EXPECT_EQ(files, 1);
}

TEST(OutputFolder, TakesNewEmptyAndItsOwn) {
    TestFolder folder;
    EXPECT_TRUE(OutputFolder::Claim(folder / "a/b").ok());
    EXPECT_FALSE(std::filesystem::exists(folder / "a/b"));  // nothing came of it
    std::filesystem::create_directories(folder / "empty");
    EXPECT_TRUE(OutputFolder::Claim(folder / "empty/").ok());
    std::filesystem::create_directories(folder / "run");
    ASSERT_TRUE(WriteFileAtomic(folder / "run/run.json", "{\"hone_version\":\"0\"}").ok());
    EXPECT_TRUE(OutputFolder::Claim(folder / "run").ok());
    // Killed while it wrote its first file.
    const std::string killed = folder.Write("killed/run.json.tmp-123", "{");
    EXPECT_TRUE(OutputFolder::Claim(folder / "killed").ok());
    EXPECT_FALSE(std::filesystem::exists(killed));
}

TEST(OutputFolder, RefusesWhatHoldsSomethingElse) {
    TestFolder folder;
    std::filesystem::create_directories(folder / "other");
    ASSERT_TRUE(WriteFileAtomic(folder / "other/thesis.txt", "x").ok());
    EXPECT_EQ(KindOf(OutputFolder::Claim(folder / "other").status()), ErrorKind::kUsage);
    ASSERT_TRUE(WriteFileAtomic(folder / "other/config.json", "{\"model_type\":\"llama\"}").ok());
    EXPECT_EQ(KindOf(OutputFolder::Claim(folder / "other").status()), ErrorKind::kUsage);
    EXPECT_EQ(KindOf(OutputFolder::Claim(folder / "other/thesis.txt").status()), ErrorKind::kUsage);
    EXPECT_EQ(KindOf(OutputFolder::Claim(folder / "other/thesis.txt/deeper").status()),
              ErrorKind::kUsage);
}

TEST(OutputFolder, OneRunAtATime) {
    TestFolder folder;
    auto first = OutputFolder::Claim(folder / "out");
    ASSERT_TRUE(first.ok());
    auto second = OutputFolder::Claim(folder / "out");
    EXPECT_NE(std::string(second.status().message()).find("another run"), std::string::npos);
    first->reset();
    EXPECT_TRUE(OutputFolder::Claim(folder / "out").ok());
}

TEST(OutputFolder, TheResultIsReplacedWholeOrNotAtAll) {
    TestFolder folder;
    auto out = OutputFolder::Claim(folder / "out").value();
    auto write = [](const std::string& text) {
        return [text](const std::string& to) { return WriteFileAtomic(to + "/file", text); };
    };
    ASSERT_TRUE(out->Replace("model", write("old")).ok());
    for (int failing = 0;; ++failing) {
        int seen = 0;
        absl::Status status;
        {
            FaultGuard guard([&](std::string_view, const std::string&) {
                return seen++ == failing ? ENOSPC : 0;
            });
            status = out->Replace("model", write("new"));
        }
        if (status.ok()) break;
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining);
        EXPECT_EQ(ReadFile(out->artifact("model") + "/file").value(), "old")
            << "operation " << failing;
        ASSERT_LT(failing, 20);
    }
    EXPECT_EQ(ReadFile(out->artifact("model") + "/file").value(), "new");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out->path()), {}), 1);
}

TEST(Machine, SaysWhatTheProcessHolds) {
    EXPECT_GT(ResidentBytes(), 100'000u);
    EXPECT_GE(PeakResidentBytes(), ResidentBytes() / 2);
    EXPECT_FALSE(DescribeMachine()["cpu"].get<std::string>().empty());
}

TEST(RunFiles, ConfigIsReadBack) {
    FinetuneOptions options;
    options.model_name_or_path = "m\xff";  // no UTF-8: paths may be anything
    const Json json = Json::parse(ConfigText(options));
    EXPECT_TRUE(json.contains("hone_version"));
    EXPECT_TRUE(OptionsFromJson(json["options"]).ok());
}

TEST(RunFiles, CardAndRunJson) {
    RunFacts facts;
    facts.options.task_name = "limericks";
    facts.options.model_name_or_path = "a \"quoted\" base";
    facts.options.data.data_name = "rows.jsonl";
    facts.plan.method = "lora r=4";
    facts.model_fingerprint = "abc";
    RunResult result;
    result.steps = 5;
    result.best_step = 3;
    result.last_eval = EvalReport{.step = 5, .loss = 1.5, .perplexity = 4.48};
    const std::string card = ModelCard(facts, result);
    EXPECT_TRUE(
        card.starts_with("---\nbase_model: \"a \\\"quoted\\\" base\"\nlibrary_name: peft\n"))
        << card;
    EXPECT_NE(card.find("# limericks"), std::string::npos);
    EXPECT_NE(card.find("| evaluation, last | 5 | 1.5000 |"), std::string::npos);
    result.artifact_sha256 = "def";
    const RunState done{.status = RunStatus::kDone, .stage = RunStage::kDelivering};
    const Json run = RunJson(facts, done, &result);
    EXPECT_EQ(run["status"], "done");
    EXPECT_EQ(run["model"]["sha256"], "abc");
    EXPECT_EQ(run["adapter"]["sha256"], "def");
    EXPECT_EQ(run["result"]["adapter_of_step"], 3);
    EXPECT_EQ(run["result"]["last_eval"]["loss"], 1.5);
    EXPECT_TRUE(run["result"]["first_eval"].is_null());
    result.artifact = "model";
    result.artifact_path = "out/model";
    facts.words = {.name = "Fine-tuned model", .library = "transformers"};
    const std::string full = ModelCard(facts, result);
    EXPECT_NE(full.find("library_name: transformers\n"), std::string::npos) << full;
    EXPECT_NE(full.find("hone chat --model_name_or_path out/model\n"), std::string::npos) << full;
    const Json of_model = RunJson(facts, done, &result);
    EXPECT_EQ(of_model["fine_tuned_model"]["path"], "model");
    EXPECT_EQ(of_model["result"]["model_of_step"], 3);
    const Json failed =
        RunJson(facts, {RunStatus::kFailed, RunStage::kLoading, "invalid_model", "why"}, nullptr);
    EXPECT_EQ(failed["status"], "failed");
    EXPECT_EQ(failed["stage"], "loading");
    EXPECT_EQ(failed["code"], "invalid_model");
    EXPECT_EQ(failed["error"], "why");
    EXPECT_FALSE(failed.contains("plan"));
    EXPECT_FALSE(RunJson(facts, {}, &result).contains("result"));
}

TEST(RunFiles, CardOfAnEmbeddingTellsWhatItsTaskReports) {
    RunFacts facts;
    facts.options.task = "feature-extraction";
    RunResult result;
    result.embeds = true;
    result.steps = 4;
    result.train_loss = 0.25;
    result.last_eval = EvalReport{.step = 4, .loss = 0.5, .metrics = {{"spearman", 0.75}}};
    const std::string card = ModelCard(facts, result);
    EXPECT_NE(card.find("| | step | loss | spearman |\n|---|---|---|---|\n"
                        "| training, at the end | 4 | 0.2500 | |\n"
                        "| evaluation, last | 4 | 0.5000 | 0.7500 |\n"),
              std::string::npos)
        << card;
    EXPECT_EQ(card.find("perplexity"), std::string::npos);
}

TEST(RunFiles, CardShowsWhatItIsGivenAsTextAndNamesTheHubsBase) {
    RunFacts facts;
    facts.options.task_name = "a <script>\n# b \x1b[31m`c` *d*";
    facts.options.model_name_or_path = "smollm2-135m-instruct";
    facts.options.data.data_name = "my `rows`\n.jsonl";
    RunResult result;
    result.artifact_path = "it's\nout/adapter";
    const std::string card = ModelCard(facts, result);
    EXPECT_NE(card.find("base_model: \"HuggingFaceTB/SmolLM2-135M-Instruct\"\n"), std::string::npos)
        << card;
    EXPECT_NE(card.find("\n# a \\<script\\> \\# b  \\[31m\\`c\\` \\*d\\*\n"), std::string::npos)
        << card;
    EXPECT_NE(card.find(" from `` my `rows` .jsonl ``.\n"), std::string::npos) << card;
    EXPECT_NE(card.find("--adapter_path 'it'\\''s out/adapter'\n"), std::string::npos) << card;
}

TEST(TryCommand, AsksInTheFormOfTheRows) {
    RunResult result;
    result.artifact_path = "out/adapter";
    const std::string which = " --model_name_or_path base --adapter_path out/adapter";
    EXPECT_EQ(TryCommand(result, "base"), "hone chat" + which);
    result.system_prompt = "Be brief.\nIt's \\o/.";
    EXPECT_EQ(TryCommand(result, "base"),
              "hone chat" + which + " --system_prompt 'Be brief.\\nIt'\\''s \\\\o/.'");
    // What a template escapes and a prompt does not: braces and brackets.
    result.prompt_template = R"({{x}} \[[{text}]] \\[\n)";
    EXPECT_EQ(TryCommand(result, "base"),
              "hone generate" + which + R"( --raw --prompt '{x} [[...]] \\[\n')");
}

TEST(RunFiles, LossCurveHasBothLinesInsideThePicture) {
    std::vector<Json> history;
    for (int step = 1; step <= 3000; ++step)
        history.push_back({{"step", step}, {"loss", 3.0 / step}});
    history.push_back({{"step", 3000}, {"eval_loss", 0.5}});
    const std::string svg = LossCurve(history, "a < b & c");
    EXPECT_NE(svg.find("a &lt; b &amp; c"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_LT(svg.size(), 40'000u);
    size_t lines = 0;
    for (size_t at = 0; (at = svg.find("<polyline", at)) != std::string::npos; ++at) ++lines;
    EXPECT_EQ(lines, 2u);
    const size_t points = svg.find("points=\"");
    double x = 0, y = 0;
    ASSERT_EQ(std::sscanf(svg.c_str() + points, "points=\"%lf,%lf", &x, &y), 2);
    EXPECT_GE(x, 60);
    EXPECT_GE(y, 44);
    EXPECT_NE(LossCurve({}, "").find("</svg>"), std::string::npos);
    EXPECT_EQ(LossCurve({{{"step", 1}, {"loss", 2.0}}}, "").find("nan"), std::string::npos);
}

}  // namespace
}  // namespace hone
