// The command line that the server shows for a job, read as a shell and `hone finetune` read it.
#include <gtest/gtest.h>

#include "base/machine/process.h"
#include "cli/flags/cli11.h"
#include "cli/flags/finetune_flags.h"
#include "platform/conduct/recipe.h"
#include "platform/testing.h"

namespace hone {
namespace {

// The words of a command, by a shell.
std::vector<std::string> WordsOf(const std::string& command) {
    const auto printed = RunProcess({"sh", "-c", "printf '%s\\n' " + command});
    EXPECT_TRUE(printed.ok() && printed->exit_code == 0) << command;
    std::vector<std::string> words;
    std::string word;
    for (const char c : printed->output) {
        if (c != '\n') {
            word += c;
            continue;
        }
        words.push_back(std::move(word));
        word.clear();
    }
    return words;
}

FinetuneOptions ReadAsCommand(const std::string& command) {
    std::vector<std::string> words = WordsOf(command);
    EXPECT_EQ(words.at(0), "hone");
    words.erase(words.begin());
    CLI::App root("", "hone");
    FinetuneFlags flags;
    flags.Add(*root.add_subcommand("finetune", ""));
    std::string help;
    const absl::Status parsed = ParseArguments(root, words, &help);
    EXPECT_TRUE(parsed.ok()) << parsed << ": " << command;
    const auto given = flags.Given();
    EXPECT_TRUE(given.ok()) << given.status();
    const auto resolved = FinetuneFlags::Resolve(*given, "/");
    EXPECT_TRUE(resolved.ok()) << resolved.status() << ": " << command;
    return resolved.ok() ? resolved->options : FinetuneOptions();
}

std::string Pairs(int count) {
    const auto answer = [](const std::string& text) {
        return nlohmann::json{{{"role", "assistant"}, {"content", text}}};
    };
    std::string rows;
    for (int i = 0; i < count; ++i)
        rows += nlohmann::json{{"input", {{"messages", {{{"role", "user"}, {"content", "q"}}}}}},
                               {"preferred_output", answer(fmt::format("good {}", i))},
                               {"non_preferred_output", answer("bad")}}
                    .dump() +
                "\n";
    return rows;
}

TEST(ShownCommand, IsReadAsTheTrainingOfTheJob) {
    platform::TestPlatform test;
    constexpr char kOddName[] = "it's a $file; \"really\".jsonl";
    struct Case {
        std::string method, rows;
        bool validation;
        platform::Hyperparameters asked;
    };
    const Case cases[] = {
        {"supervised", platform::TestPlatform::Chats(40), false, {}},
        {"supervised", platform::TestPlatform::Chats(40), true, {4, 0.37, 7, {}}},
        {"dpo", Pairs(20), true, {2, 1.5, 3, 0.25}},
    };
    for (const Case& one : cases) {
        platform::JobRequest request;
        request.model = "gpt-3.5-turbo";
        request.method = one.method;
        request.hyperparameters = one.asked;
        request.seed = 11;
        request.training_file = test.Upload(one.rows, kOddName);
        if (one.validation) request.validation_file = test.Upload(one.rows, "other.jsonl");
        const auto estimate = test.platform->advisor().Estimate(test.caller, request);
        ASSERT_TRUE(estimate.ok()) << estimate.status();

        platform::Job job{.method = one.method};
        job.hyperparameters = estimate->hyperparameters;
        job.seed = 11;
        const auto place = test.platform->models().Resolve(test.caller, request.model).value();
        platform::RunPlaces places{.base_path = "tiny", .training_file = kOddName};
        if (one.validation) places.validation_file = "other.jsonl";
        places.output = "out";
        const int64_t epoch_steps = estimate->steps / *estimate->hyperparameters.n_epochs;
        FinetuneOptions expected = platform::MakeOptions(
            job, epoch_steps, platform::ReadBaseFacts(place.base_path).value(), places);
        // What is the server's alone.
        const FinetuneOptions plain;
        expected.task_name = plain.task_name;
        expected.report_to = plain.report_to;
        expected.data.template_date = plain.data.template_date;
        EXPECT_EQ(OptionsToJson(ReadAsCommand(estimate->command)), OptionsToJson(expected))
            << estimate->command;
    }
}

}  // namespace
}  // namespace hone
