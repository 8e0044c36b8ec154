#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/files/file.h"
#include "base/machine/version.h"
#include "cli/commands/commands.h"
#include "kernels/dispatch/cpu.h"
#include "kernels/dispatch/simd_level.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

struct Outcome {
    int code = 0;
    std::string out, err;
};

Outcome Invoke(const std::vector<std::string>& arguments) {
    Outcome outcome;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    outcome.code = RunHone(arguments);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
}

TEST(RunHone, EveryCommandHasHelp) {
    const std::vector<std::vector<std::string>> commands = {
        {},
        {"finetune"},
        {"run"},
        {"estimate"},
        {"evaluate"},
        {"generate"},
        {"chat"},
        {"compare"},
        {"models"},
        {"models", "pull"},
        {"models", "list"},
        {"models", "inspect"},
        {"models", "rm"},
        {"data"},
        {"data", "check"},
        {"bench"},
        {"bench", "train"},
        {"bench", "infer"},
        {"bench", "kernels"},
        {"worker"},
    };
    for (std::vector<std::string> command : commands) {
        const std::string usage = command.empty() ? "hone" : command.back();
        command.push_back("--help");
        const Outcome outcome = Invoke(command);
        EXPECT_EQ(outcome.code, 0) << usage;
        EXPECT_THAT(outcome.out, HasSubstr("Usage: hone"));
        EXPECT_THAT(outcome.out, HasSubstr(usage));
        EXPECT_EQ(outcome.err, "");
    }
}

// `hone help COMMAND` is `hone COMMAND --help`.
TEST(RunHone, HelpIsACommandToo) {
    EXPECT_EQ(Invoke({"help"}).out, Invoke({"--help"}).out);
    EXPECT_EQ(Invoke({}).out, Invoke({"--help"}).out);
    EXPECT_EQ(Invoke({"help", "finetune"}).out, Invoke({"finetune", "--help"}).out);
    EXPECT_EQ(Invoke({"help", "models", "pull"}).out, Invoke({"models", "pull", "--help"}).out);
    EXPECT_EQ(Invoke({"help", "finetun"}).code, 2);
    EXPECT_EQ(Invoke({"-V"}).out, Invoke({"--version"}).out);
}

TEST(RunHone, VersionIsThatOfTheBuild) {
    EXPECT_THAT(Invoke({"--version"}).out,
                AllOf(StartsWith(fmt::format("hone {}\ncompiled by ", kVersion)),
                      HasSubstr("\nthis CPU: " + CpuName()),
                      EndsWith(fmt::format("\nkernels in {}\n", SimdName()))));
    const auto cmake = ReadFile(HONE_SOURCE_DIR "/CMakeLists.txt");
    ASSERT_TRUE(cmake.ok());
    EXPECT_THAT(*cmake, HasSubstr(fmt::format("project(hone VERSION {} ", kVersion)));
}

TEST(RunHone, KernelsAreExplained) {
    const Outcome outcome = Invoke({"--explain-kernels"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("reference"));
}

// Each failure is one line on standard error, and nothing on standard output.
TEST(RunHone, FailuresAreOneLineWithTheirExitCode) {
    const auto fails = [](const std::vector<std::string>& arguments, int code, const char* words) {
        const Outcome outcome = Invoke(arguments);
        EXPECT_EQ(outcome.code, code) << outcome.err;
        EXPECT_EQ(outcome.err.rfind("error: ", 0), 0u) << outcome.err;
        EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr(words));
        EXPECT_EQ(outcome.out, "");
    };
    const std::string model = HONE_SOURCE_DIR "/tests/golden/models/tied";
    fails({"finetun"}, 2, "did you mean finetune?");
    fails({"models"}, 2, "hone models needs a command: pull, list, inspect");
    fails({"models", "pull"}, 2, "NAME");
    fails({"generate", "--temperatur", "1"}, 2, "--temperature");
    fails({"generate", "-m", model, "--prompt", "x", "--top_p", "2"}, 2, "top_p");
    fails({"generate", "-m", model, "--prompt_file", "no-such-file.txt"}, 3, "no-such-file.txt");
    fails({"generate", "-m", model, "--prompt", ""}, 3, "empty");
    fails({"generate", "-m", model, "--raw", "--system_prompt", "x", "--prompt", "y"}, 2, "--raw");
    fails({"chat", "-m", "no-such-model"}, 4, "no-such-model");
    fails({"evaluate", "-m", model}, 2, "--data_name");
    fails({"evaluate", "-m", model, "-d", "no-such-file.jsonl"}, 3, "no-such-file.jsonl");
    fails({"evaluate", "-m", model, "-d", "x.jsonl", "--per_row"}, 2, "--output_file");
    fails({"compare", "-m", model, "--prompt", "x"}, 2, "--base_model_name_or_path");
    fails({"chat", "-m", model, "-a", "no-such-adapter"}, 4, "no-such-adapter");
    fails({"generate", "-m", model, "--prompt", "x", "--threads", "-1"}, 2, "--threads");
    fails({"bench", "infer", "-m", model, "--prompt_tokens", "100000"}, 2, "context");
    fails({"bench", "infer", "-m", model, "--streams", "0"}, 2, "--streams");
}

// The ratios are those of the other numbers.
TEST(RunHone, InferenceIsHeldAgainstTheMachine) {
    const Outcome outcome =
        Invoke({"bench", "infer", "-m", HONE_SOURCE_DIR "/tests/golden/models/tied", "--weights",
                "int4", "--prompt_tokens", "9", "--new_tokens", "5", "--streams", "2", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["streams"], 2);
    EXPECT_NEAR(json["prefill_limit_ratio"],
                json["prefill_tokens_per_second"].get<double>() /
                    json["forward_limit_tokens_per_second"].get<double>(),
                1e-9);
    EXPECT_GT(json["head_limit_tokens_per_second"], 0);
    const double decode = json["decode_tokens_per_second"], bytes = json["weight_bytes_per_token"],
                 bandwidth = json["read_bytes_per_second"];
    EXPECT_GT(bandwidth, 1e8);
    EXPECT_NEAR(json["decode_limit_ratio"], decode * bytes / bandwidth, 1e-9);
    const Outcome alone =
        Invoke({"bench", "infer", "-m", HONE_SOURCE_DIR "/tests/golden/models/tied", "--weights",
                "int4", "--prompt_tokens", "9", "--new_tokens", "5", "--json"});
    ASSERT_EQ(alone.code, 0) << alone.err;
    EXPECT_EQ(nlohmann::json::parse(alone.out)["weight_bytes_per_token"], 2 * bytes);
}

TEST(RunHone, KernelsAreHeldAgainstTheMachine) {
    const Outcome outcome = Invoke({"bench", "kernels", "--smoke", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    std::map<std::string, int> chosen;  // by op and shape
    for (const auto& row : json["kernels"]) {
        const std::string shape = row["shape"];
        const double limit = row["unit"] == "GB/s"
                                 ? json["read_bytes_per_second"].get<double>() / 1e9
                             : shape.starts_with("f32") ? json["f32_gflops"].get<double>()
                                                        : json["bf16_gflops"].get<double>();
        EXPECT_NEAR(row["limit_share"], row["rate"].get<double>() / limit, 1e-9);
        chosen[row["op"].get<std::string>() + " " + shape] += row["chosen"].get<bool>();
    }
    EXPECT_TRUE(chosen.contains("gemm f32 7 x 40 x 70"));
    for (const auto& [op, count] : chosen) EXPECT_EQ(count, 1) << op;
}

}  // namespace
}  // namespace hone
