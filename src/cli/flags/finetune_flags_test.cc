#include "cli/flags/finetune_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files/testing.h"
#include "cli/flags/cli11.h"
#include "train/resolve/model_choice.h"

namespace hone {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A folder with empty files of these names.
class Folder : public TestFolder {
  public:
    explicit Folder(const std::vector<std::string>& files) {
        for (const std::string& file : files) Write(file, "");
    }
};

absl::StatusOr<ResolvedOptions> Parse(std::vector<std::string> arguments,
                                      const std::string& folder = "/") {
    CLI::App root("", "hone");
    CLI::App* app = root.add_subcommand("finetune", "");
    FinetuneFlags flags;
    flags.Add(*app);
    arguments.insert(arguments.begin(), "finetune");
    std::string help;
    HONE_RETURN_IF_ERROR(ParseArguments(root, arguments, &help));
    HONE_ASSIGN_OR_RETURN(const GivenOptions given, flags.Given());
    return FinetuneFlags::Resolve(given, folder);
}

FinetuneOptions Options(const std::vector<std::string>& arguments,
                        const std::string& folder = "/") {
    auto resolved = Parse(arguments, folder);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    return resolved.ok() ? resolved->options : FinetuneOptions();
}

// The message of a command line that must fail with exit code 2.
std::string ErrorOf(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--data_name", "rows.jsonl"});
    const absl::Status status = Parse(arguments).status();
    EXPECT_EQ(ExitCode(status), 2) << status;
    return std::string(status.message());
}

TEST(FinetuneFlags, DefaultsAreOlives) {
    const FinetuneOptions options = Options({"-d", "rows.jsonl"});
    EXPECT_EQ(options.output_path, "finetuned-adapter");
    EXPECT_EQ(options.method, "lora");
    EXPECT_EQ(options.lora.r, 64);
    EXPECT_EQ(options.lora.lora_alpha, 16);
    EXPECT_EQ(options.lora.lora_dropout, 0.05);
    EXPECT_EQ(options.torch_dtype, "bfloat16");
    EXPECT_EQ(options.learning_rate, 2e-4);
    EXPECT_EQ(options.lr_scheduler_type, "constant");
    EXPECT_EQ(options.data.max_seq_len, 1024);
    EXPECT_EQ(options.data.train_split, "train");
    EXPECT_FALSE(options.data.eval_split.has_value());
    // Olive trains on 256 rows unless told otherwise, and says nothing.
    EXPECT_FALSE(options.data.max_samples.has_value());
    EXPECT_FALSE(options.data.packing);
}

// The seed's command lines, as written.
TEST(FinetuneFlags, SeedPhraseClassification) {
    const FinetuneOptions options = Options(
        {"--model_name_or_path", "meta-llama/Llama-3.2-1B-Instruct", "--trust_remote_code",
         "--output_path", "models/llama/ft", "--data_name", "xxyyzzz/phrase_classification",
         "--text_template", "<|start_header_id|>user<|end_header_id|>\\n{phrase}<|eot_id|>{tone}",
         "--method", "lora", "--max_steps", "100", "--log_level", "1"});
    EXPECT_EQ(options.model_name_or_path, "meta-llama/Llama-3.2-1B-Instruct");
    EXPECT_EQ(options.output_path, "models/llama/ft");
    EXPECT_EQ(options.data.data_name, "xxyyzzz/phrase_classification");
    EXPECT_EQ(options.data.text_template,
              "<|start_header_id|>user<|end_header_id|>\\n{phrase}<|eot_id|>{tone}");
    EXPECT_EQ(options.max_steps, 100);
}

TEST(FinetuneFlags, ColumnsAndSeparator) {
    const DataOptions data = Options({"-d", "faq.csv", "--columns",
                                      "prompt=Question, completion=Answer", "--csv_separator", ";"})
                                 .data;
    EXPECT_THAT(data.columns, testing::ElementsAre(testing::Pair("prompt", "Question"),
                                                   testing::Pair("completion", "Answer")));
    EXPECT_EQ(data.csv_separator, ";");
    EXPECT_THAT(ErrorOf({"--columns", "Question"}), HasSubstr("FIELD=COLUMN"));
    EXPECT_THAT(ErrorOf({"--columns", "Question=prompt"}), HasSubstr("no field of a row"));
    EXPECT_THAT(ErrorOf({"--columns", "text=a,text=b"}), HasSubstr("names text twice"));
    EXPECT_THAT(ErrorOf({"-d", "faq.csv", "--csv_separator", "ab"}), HasSubstr("one character"));
}

TEST(FinetuneFlags, SeedTinyCodes) {
    const FinetuneOptions options = Options(
        {"--method",
         "qlora",
         "--model_name_or_path",
         "meta-llama/Meta-Llama-3-8B",
         "--data_name",
         "nampdn-ai/tiny-codes",
         "--train_split",
         "train[:4096]",
         "--eval_split",
         "train[4096:4224]",
         "--text_template",
         "### Language: {programming_language} \n### Question: {prompt} \n### Answer: {response}",
         "--per_device_train_batch_size",
         "16",
         "--per_device_eval_batch_size",
         "16",
         "--max_steps",
         "150",
         "--logging_steps",
         "50",
         "--output_path",
         "adapters/tiny-codes"});
    EXPECT_EQ(options.method, "qlora");
    EXPECT_EQ(options.data.train_split, "train[:4096]");
    EXPECT_EQ(options.data.eval_split, "train[4096:4224]");
    EXPECT_EQ(options.per_device_train_batch_size, 16);
    EXPECT_EQ(options.per_device_eval_batch_size, 16);
    EXPECT_EQ(options.max_steps, 150);
    EXPECT_EQ(options.logging_steps, 50);
    EXPECT_EQ(options.output_path, "adapters/tiny-codes");
}

TEST(FinetuneFlags, SeedTasksInAFolderWithData) {
    const Folder folder({"train.jsonl"});
    for (const char* task : {"classification", "generation"}) {
        const auto resolved =
            Parse({"--method", "lora", "--task_name", task, "--output_path", "adapters/x"},
                  folder.path());
        ASSERT_TRUE(resolved.ok()) << resolved.status();
        EXPECT_EQ(resolved->options.task_name, task);
        EXPECT_EQ(resolved->options.model_name_or_path, "smollm2-135m-instruct");
        EXPECT_EQ(resolved->options.data.data_name, folder.path() + "/train.jsonl");
        EXPECT_THAT(resolved->options.data.eval_data_files, IsEmpty());
        EXPECT_THAT(resolved->notes, Contains(HasSubstr("smollm2-135m-instruct")));
        EXPECT_THAT(resolved->notes, Contains(HasSubstr("train.jsonl")));
    }
}

TEST(FinetuneFlags, SeedMonitoring) {
    const Folder folder({"train.jsonl", "validation.jsonl"});
    const FinetuneOptions options =
        Options({"--logging_steps", "10", "--eval_steps", "50", "--save_steps", "100",
                 "--logging_dir", "./logs", "--report_to", "tensorboard"},
                folder.path());
    EXPECT_EQ(options.logging_steps, 10);
    EXPECT_EQ(options.eval_steps, 50);
    EXPECT_EQ(options.save_steps, 100);
    EXPECT_EQ(options.logging_dir, "./logs");
    EXPECT_EQ(options.report_to, "tensorboard");
    EXPECT_THAT(options.data.eval_data_files, ElementsAre(folder.path() + "/validation.jsonl"));
}

TEST(FinetuneFlags, SeedSmallMemory) {
    const Folder folder({"train.jsonl"});
    const FinetuneOptions options =
        Options({"--method", "qlora", "--gradient_checkpointing", "true",
                 "--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "16"},
                folder.path());
    EXPECT_EQ(options.method, "qlora");
    EXPECT_EQ(options.gradient_checkpointing, "true");
    EXPECT_EQ(options.per_device_train_batch_size, 1);
    EXPECT_EQ(options.gradient_accumulation_steps, 16);
}

TEST(FinetuneFlags, WithoutDataAnywhereSaysWhatToDo) {
    const Folder folder({"other.jsonl"});
    const absl::Status status = Parse({}, folder.path()).status();
    EXPECT_EQ(ExitCode(status), 2);
    EXPECT_THAT(std::string(status.message()), HasSubstr("--data_name"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("train.jsonl"));
}

TEST(FinetuneFlags, BooleansAndOptionalValues) {
    FinetuneOptions options =
        Options({"-d", "rows.jsonl", "--gradient_checkpointing", "--resume_from_checkpoint",
                 "--load_best_model_at_end", "False", "--eval_split", ""});
    EXPECT_EQ(options.gradient_checkpointing, "true");
    EXPECT_EQ(options.resume_from_checkpoint, "true");
    EXPECT_FALSE(options.load_best_model_at_end);
    EXPECT_EQ(options.data.eval_split, "");
    options =
        Options({"-d", "rows.jsonl", "--gradient_checkpointing=False", "--resume_from_checkpoint",
                 "out/step-5", "--load_best_model_at_end", "--packing"});
    EXPECT_EQ(options.gradient_checkpointing, "false");
    EXPECT_EQ(options.resume_from_checkpoint, "out/step-5");
    EXPECT_TRUE(options.load_best_model_at_end);
    EXPECT_TRUE(options.data.packing);
    EXPECT_EQ(Options({"-d", "x", "--resume_from_checkpoint", "False"}).resume_from_checkpoint,
              "none");
}

TEST(FinetuneFlags, TargetsAreNamesOrAPattern) {
    const auto lora = [](const std::string& value) {
        return Options({"-d", "rows.jsonl", "--target_modules", value}).lora;
    };
    EXPECT_THAT(lora("q_proj, v_proj").target_modules, ElementsAre("q_proj", "v_proj"));
    EXPECT_THAT(lora("all-linear").target_modules, ElementsAre("all-linear"));
    EXPECT_THAT(lora("layers.0.mlp.up_proj").target_modules, ElementsAre("layers.0.mlp.up_proj"));
    EXPECT_FALSE(lora("layers.0.mlp.up_proj").target_is_regex);
    EXPECT_THAT(lora("none").target_modules, IsEmpty());
    const LoraConfig excluded = Options({"-d", "rows.jsonl", "--target_modules", "all-linear",
                                         "--exclude_modules", "down_proj,up_proj"})
                                    .lora;
    EXPECT_THAT(excluded.exclude_modules, ElementsAre("down_proj", "up_proj"));
    EXPECT_FALSE(excluded.exclude_is_regex);
    const LoraConfig pattern = lora(R"(.*layers\.[01],?\..*_proj)");
    EXPECT_TRUE(pattern.target_is_regex);
    EXPECT_THAT(pattern.target_modules, ElementsAre(R"(.*layers\.[01],?\..*_proj)"));
    const LoraConfig ranks = Options({"-d", "rows.jsonl", "--rank_pattern", "q_proj=8,v_proj=4",
                                      "--alpha_pattern", "q_proj=2.5"})
                                 .lora;
    EXPECT_THAT(ranks.rank_pattern, ElementsAre(std::pair<std::string, int64_t>("q_proj", 8),
                                                std::pair<std::string, int64_t>("v_proj", 4)));
    EXPECT_THAT(ranks.alpha_pattern, ElementsAre(std::pair<std::string, double>("q_proj", 2.5)));
    for (const char* wrong :
         {"q_proj", "q_proj=", "=4", "q_proj=x", "q_proj=-1", "q_proj=2.5", "q_proj=4x"}) {
        EXPECT_THAT(ErrorOf({"--rank_pattern", wrong}), HasSubstr("NAME=NUMBER")) << wrong;
    }
}

TEST(FinetuneFlags, StrategiesOfTransformers) {
    EXPECT_EQ(Options({"-d", "x", "--eval_strategy", "no"}).data.eval_split, "none");
    EXPECT_EQ(Options({"-d", "x", "--eval_strategy", "steps", "--logging_steps", "7"}).eval_steps,
              7);
    EXPECT_EQ(Options({"-d", "x", "--eval_strategy", "steps", "--eval_steps", "3"}).eval_steps, 3);
    EXPECT_EQ(Options({"-d", "x", "--eval_strategy", "epoch"}).eval_steps, 0);
    EXPECT_EQ(Options({"-d", "x", "--save_strategy", "no"}).save_steps, 0);
    EXPECT_THAT(ErrorOf({"--eval_strategy", "no", "--eval_steps", "3"}), HasSubstr("contradicts"));
    EXPECT_THAT(ErrorOf({"--eval_strategy", "epoch", "--eval_steps", "3"}),
                HasSubstr("contradicts"));
    EXPECT_THAT(ErrorOf({"--save_strategy", "epoch"}), HasSubstr("none of no, steps"));
    EXPECT_THAT(ErrorOf({"--save_strategy", "epoch"}), HasSubstr("--save_steps"));
}

TEST(FinetuneFlags, FilesWithoutADataNameAreOfTheirEnding) {
    EXPECT_EQ(Options({"--data_files", "a.csv,b.csv"}).data.data_name, "csv");
    EXPECT_EQ(Options({"--data_files", "a.jsonl.gz"}).data.data_name, "json");
    EXPECT_EQ(Options({"-d", "json", "--data_files", "a.txt"}).data.data_name, "json");
}

TEST(FinetuneFlags, NothingIsIgnored) {
    EXPECT_THAT(ErrorOf({"--method", "loftq"}),
                HasSubstr("lora, qlora, full, freeze, ia3, prompt, prefix or adapter"));
    EXPECT_THAT(ErrorOf({"--compute_dtype", "float32"}), HasSubstr("--torch_dtype"));
    EXPECT_THAT(ErrorOf({"--task", "translation"}), HasSubstr("text-generation"));
    EXPECT_THAT(ErrorOf({"--batch_size", "4"}), HasSubstr("--per_device_train_batch_size"));
    EXPECT_FALSE(Options({"-d", "a.jsonl", "--no_packing"}).data.packing);
    EXPECT_THAT(ErrorOf({"--micro_batch_size", "4"}), HasSubstr("--per_device_train_batch_size"));
    EXPECT_THAT(ErrorOf({"--group_by_length"}), HasSubstr("without padding"));
    EXPECT_THAT(ErrorOf({"--train_sampling_strategy", "group_by_length"}), HasSubstr("sequential"));
    EXPECT_THAT(ErrorOf({"--fp16"}), HasSubstr("--torch_dtype"));
    EXPECT_THAT(ErrorOf({"--output_dir", "x"}), HasSubstr("--output_path"));
    EXPECT_THAT(ErrorOf({"--deepspeed=x.json"}), HasSubstr("one process"));
    EXPECT_THAT(ErrorOf({"--torch_dtype", "int8"}), HasSubstr("bfloat16"));
    EXPECT_THAT(ErrorOf({"--lora_rank", "8"}), HasSubstr("--lora_r"));
    EXPECT_THAT(ErrorOf({"--text_field", "a", "--text_template", "{a}"}), HasSubstr("exclude"));
    EXPECT_THAT(ErrorOf({"--on_overflow", "explode"}), HasSubstr("truncate"));
    EXPECT_THAT(ErrorOf({"--max_samples", "0"}), HasSubstr("--max_samples"));
    EXPECT_THAT(ErrorOf({"--lora_r", "0"}), HasSubstr("lora_r"));
}

TEST(FinetuneFlags, FullTakesNoFlagOfAnAdapterEvenAtItsDefault) {
    const FinetuneOptions full = Options({"-d", "rows.jsonl", "--method", "full"});
    EXPECT_EQ(full.method, "full");
    EXPECT_EQ(full.learning_rate, 5e-5);
    EXPECT_EQ(full.output_path, "finetuned-model");
    const FinetuneOptions given = Options({"-d", "rows.jsonl", "--method", "full",
                                           "--learning_rate", "2e-4", "-o", "finetuned-adapter"});
    EXPECT_EQ(given.learning_rate, 2e-4);
    EXPECT_EQ(given.output_path, "finetuned-adapter");
    const std::vector<std::vector<std::string>> refused = {{"--lora_r", "64"},
                                                           {"--lora_alpha", "16"},
                                                           {"--lora_dropout", "0.05"},
                                                           {"--target_modules", "none"},
                                                           {"--exclude_modules", "q_proj"},
                                                           {"--modules_to_save", "norm"},
                                                           {"--rank_pattern", "q_proj=4"},
                                                           {"--alpha_pattern", "q_proj=4"},
                                                           {"--use_rslora"}};
    for (std::vector<std::string> arguments : refused) {
        const std::string flag = arguments[0];
        arguments.insert(arguments.begin(), {"--method", "full"});
        EXPECT_THAT(ErrorOf(arguments), HasSubstr(flag + " belongs to --method lora"));
    }
}

// What decides of an adapter is in its adapter_config.json.
TEST(FinetuneFlags, AnAdapterToStartFromIsToldNothingOfItsShape) {
    const Folder adapter({"adapter_config.json"});
    for (const auto& [flag, value] : {std::pair{"--lora_r", "16"},
                                      {"--lora_alpha", "16"},
                                      {"--lora_dropout", "0"},
                                      {"--target_modules", "q_proj"},
                                      {"--rank_pattern", "q_proj=4"}})
        EXPECT_THAT(ErrorOf({"-m", "x", "-a", adapter.path(), flag, value}),
                    HasSubstr("adapter_config.json"))
            << flag;
    EXPECT_EQ(Options({"-d", "rows.jsonl", "-m", "x", "-a", adapter.path()}).adapter_path,
              adapter.path());
}

TEST(FinetuneFlags, ShortNamesOfATypeAreTaken) {
    const std::pair<const char*, const char*> names[] = {
        {"bf16", "bfloat16"},     {"torch.bfloat16", "bfloat16"},
        {"BFloat16", "bfloat16"}, {"fp16", "float16"},
        {"fp32", "float32"},      {"torch.float32", "float32"}};
    for (const auto& [spelling, name] : names)
        EXPECT_EQ(Options({"-d", "rows.jsonl", "--torch_dtype", spelling}).torch_dtype, name);
    EXPECT_THAT(ErrorOf({"--torch_dtype", "auto"}), HasSubstr("bfloat16, which is the default"));
}

TEST(FinetuneFlags, BaseComputeBelongsToLora) {
    EXPECT_EQ(Options({"-d", "rows.jsonl"}).base_compute, "native");
    EXPECT_EQ(Options({"-d", "rows.jsonl", "--base_compute", "int8"}).base_compute, "int8");
    for (const char* method : {"full", "qlora"})
        EXPECT_THAT(ErrorOf({"--method", method, "--base_compute", "int8"}),
                    HasSubstr("--base_compute belongs to --method lora"));
    EXPECT_THAT(ErrorOf({"--base_compute", "int4"}), HasSubstr("native, int8"));
}

TEST(FinetuneFlags, QloraAdaptsEveryLayerAndAloneTakesItsFlags) {
    const FinetuneOptions qlora = Options({"-d", "rows.jsonl", "--method", "qlora"});
    EXPECT_THAT(qlora.lora.target_modules, ElementsAre("all-linear"));
    EXPECT_TRUE(qlora.double_quant);
    const FinetuneOptions given =
        Options({"-d", "rows.jsonl", "--method", "qlora", "--target_modules", "q_proj",
                 "--double_quant=false", "--quant_type", "nf4"});
    EXPECT_THAT(given.lora.target_modules, ElementsAre("q_proj"));
    EXPECT_FALSE(given.double_quant);
    EXPECT_THAT(Options({"-d", "rows.jsonl"}).lora.target_modules, IsEmpty());
    EXPECT_THAT(ErrorOf({"--method", "qlora", "--quant_type", "fp8"}), HasSubstr("nf4, fp4"));
    EXPECT_THAT(
        ErrorOf({"--method", "qlora", "--quant_type", "fp4", "--init_lora_weights", "loftq"}),
        HasSubstr("--quant_type is fp4"));
    for (const char* method : {"lora", "full"}) {
        EXPECT_THAT(ErrorOf({"--method", method, "--double_quant", "true"}),
                    HasSubstr("--double_quant belongs to --method qlora"));
        EXPECT_THAT(ErrorOf({"--method", method, "--quant_type", "nf4"}),
                    HasSubstr("--quant_type belongs to --method qlora"));
    }
}

TEST(FindAdapterFolder, TakesTheFolderOfTheAdapterOrOfItsRun) {
    const Folder adapter({"adapter_config.json"});
    EXPECT_EQ(FindAdapterFolder(adapter.path()).value(), adapter.path());
    const Folder run({});
    std::filesystem::create_directory(run.path() + "/adapter");
    EXPECT_EQ(KindOf(FindAdapterFolder(run.path()).status()), ErrorKind::kModel);
    std::ofstream(run.path() + "/adapter/adapter_config.json");
    EXPECT_EQ(FindAdapterFolder(run.path()).value(), run.path() + "/adapter");
    EXPECT_EQ(FindAdapterFolder("").value(), "");
}

}  // namespace
}  // namespace hone
