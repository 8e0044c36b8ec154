// What people bring from other tools is answered with what to do instead, by the program itself.
#include "cli/flags/refused.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/commands/commands.h"
#include "cli/flags/cli11.h"
#include "workflow/foreign_names.h"

namespace hone {
namespace {

using testing::HasSubstr;

std::string Refusal(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = RunHone(arguments);
    const std::string out = testing::internal::GetCapturedStdout();
    const std::string err = testing::internal::GetCapturedStderr();
    EXPECT_EQ(code, 2) << testing::PrintToString(arguments) << err;
    EXPECT_EQ(out, "");
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    return err;
}

std::vector<std::string> Words(std::string_view names) {
    std::vector<std::string> words;
    while (!names.empty()) {
        const size_t space = names.find(' ');
        words.emplace_back(names.substr(0, space));
        names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
    }
    return words;
}

// Each reason is the answer to each of its names, on a command at least; so no name is a flag that
// hone has, and no reason names a flag that it has not.
TEST(RefusedFlags, EachNameIsAnsweredWithItsReason) {
    CLI::App root("", "hone");
    std::vector<Command> commands;
    AddCommands(root, commands);
    for (const ForeignName& flag : ForeignNames()) {
        for (const std::string& name : Words(flag.names)) {
            const std::string wanted = fmt::format("--{} {}", name, flag.reason);
            bool answered = false;
            for (const char* command : {"finetune", "evaluate", "generate", "compare", "estimate"})
                answered |=
                    NormalizeArguments(root, {command, "--" + name}).status().message() == wanted;
            EXPECT_TRUE(answered) << wanted;
        }
    }
}

TEST(RefusedFlags, NoNameStandsTwiceInAnEntry) {
    for (const ForeignName& flag : ForeignNames()) {
        const std::vector<std::string> words = Words(flag.names);
        EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), words.size())
            << flag.names;
        EXPECT_EQ(flag.names.find('-'), std::string_view::npos) << flag.names;
    }
}

// The flags that users of TRL, PEFT, transformers, Axolotl, LLaMA-Factory and Unsloth try first.
TEST(RefusedFlags, OfOtherTrainersSayWhatToDo) {
    const std::pair<const char*, const char*> cases[] = {
        {"--load_in_4bit", "--method qlora"},
        {"--load-in-4bit", "--method qlora"},
        {"--use_peft", "--method lora"},
        {"--completion_only_loss", "answers alone"},
        {"--assistant_only_loss", "answers alone"},
        {"--max_length", "--max_seq_len"},
        {"--max_seq_length", "--max_seq_len"},
        {"--dataset_text_field", "--text_field"},
        {"--attn_implementation", "tile by tile"},
        {"--use_adalora", "--use_rslora"},
        {"--lora_bias", "no biases"},
        {"--lr", "--learning_rate"},
        {"--use_pissa", "--init_lora_weights pissa"},
        {"--device", "CPU"},
        {"--recipe", "--config FILE"},
        {"--bf16", "--torch_dtype bfloat16"},
        {"--dtype", "--torch_dtype"},
        {"--cutoff_len", "--max_seq_len"},
        {"--finetuning_type", "--method lora, qlora, ia3, prompt, prefix, adapter, full or freeze"},
        {"--adapter", "--method lora, qlora, ia3, prompt, prefix, adapter, full or freeze"},
        {"--micro_batch_size", "--per_device_train_batch_size"},
        {"--num_epochs", "--num_train_epochs"},
        {"--random_state", "--seed"},
        {"--eval_dataset", "--eval_data_files"},
        {"--val_set_size", "--eval_fraction"},
        {"--output_dir", "--output_path"},
        {"--wandb_project", "TensorBoard"},
    };
    for (const auto& [flag, words] : cases)
        EXPECT_THAT(Refusal({"finetune", flag, "x"}), HasSubstr(words)) << flag;
}

TEST(RefusedFlags, OfOtherAnsweringToolsSayWhatToDo) {
    EXPECT_THAT(Refusal({"generate", "--max_tokens", "5"}), HasSubstr("--max_new_tokens"));
    EXPECT_THAT(Refusal({"chat", "--load_in_4bit"}), HasSubstr("--weights nf4"));
    EXPECT_THAT(Refusal({"generate", "--do_sample"}), HasSubstr("--temperature"));
    EXPECT_THAT(Refusal({"evaluate", "--dataset_name", "x"}), HasSubstr("--data_name"));
    EXPECT_THAT(Refusal({"chat", "--device", "cuda"}), HasSubstr("computes on the CPU"));
    EXPECT_THAT(Refusal({"generate", "--bf16"}), HasSubstr("--weights bf16"));
    EXPECT_THAT(Refusal({"evaluate", "--learning_rate", "1"}), HasSubstr("`hone finetune`"));
}

// What is not there never suggests its opposite, nor a flag that means something else.
TEST(RefusedFlags, AreNeverAnsweredWithAnotherFlagByGuess) {
    for (const char* flag : {"--device", "--recipe", "--load_in_4bit", "--max_length", "--lr"})
        EXPECT_EQ(Refusal({"finetune", flag}).find("did you mean"), std::string::npos) << flag;
    EXPECT_THAT(Refusal({"finetune", "--no_use_rslora"}), HasSubstr("no data"));
    EXPECT_THAT(Refusal({"finetune", "--target_modules", "q_proj", "v_proj"}),
                HasSubstr("--target_modules q_proj,v_proj"));
}

TEST(RefusedCommands, SayWhatToUseInstead) {
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"auto-opt", "--model_name_or_path", "x", "--device", "cpu"}, "no ONNX"},
        {{"run-pass"}, "`hone run --config FILE`"},
        {{"generate-adapter", "--base_model_path", "x"}, "--adapter NAME=FOLDER"},
        {{"merge-lora"}, "`hone merge`"},
        {{"dpo", "--beta", "0.1"}, "--objective"},
        {{"quantize", "-m", "x"}, "--weights int8"},
        {{"convert"}, "no ONNX"},
        {{"sft", "--model_name_or_path", "x"}, "`hone finetune`"},
        {{"train"}, "`hone finetune`"},
        {{"eval"}, "`hone evaluate`"},
        {{"server"}, "`hone serve`"},
        {{"download", "x"}, "`hone models pull NAME`"},
        {{"models", "ls"}, "`hone models list`"},
        {{"finetunee"}, "did you mean finetune?"},
        {{"evalute"}, "did you mean evaluate?"},
        {{"zebra"}, "it has finetune"},
    };
    for (const auto& [arguments, words] : cases) EXPECT_THAT(Refusal(arguments), HasSubstr(words));
}

// No command that hone has is refused, and every command that a reason names is there.
TEST(RefusedCommands, AreNoneOfHonesAndNameWhatIsThere) {
    for (const RefusedCommand& command : RefusedCommands()) {
        for (const std::string& name : Words(command.names)) {
            std::vector<std::string> words = Words(command.parent);
            words.erase(words.begin());
            words.push_back(name);
            EXPECT_THAT(Refusal(words), HasSubstr(std::string(command.reason))) << name;
        }
        std::string_view rest = command.reason;
        for (size_t at = 0; (at = rest.find("`hone ")) != std::string_view::npos;) {
            rest.remove_prefix(at + 6);
            const std::string_view named = rest.substr(0, rest.find('`'));
            std::vector<std::string> words;
            for (const std::string& word : Words(named))
                if (std::all_of(word.begin(), word.end(), [](char c) { return islower(c); }))
                    words.push_back(word);
                else
                    break;
            words.push_back("--help");
            testing::internal::CaptureStdout();
            testing::internal::CaptureStderr();
            const int code = RunHone(words);
            testing::internal::GetCapturedStdout();
            const std::string err = testing::internal::GetCapturedStderr();
            EXPECT_EQ(code, 0) << named << err;
            rest.remove_prefix(rest.find('`') + 1);
        }
    }
}

}  // namespace
}  // namespace hone
