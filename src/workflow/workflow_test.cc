#include "workflow/workflow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files/file.h"
#include "base/files/testing.h"
#include "train/control/testing.h"
#include "train/resolve/resolve.h"
#include "workflow/flat_config.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

// The options that a workflow comes to, as a dry run writes them.
struct Outcome {
    absl::Status status;
    Json options;
    std::vector<std::string> notes;
};

Outcome Read(const std::string& text, const std::string& path = "run.yaml") {
    TestFolder folder;
    Outcome outcome;
    auto document = ParseDocument(text, path);
    GivenOptions stronger;
    stronger.Set("dry_run", true);
    stronger.Set("output_path", folder / "out");
    const auto run = [&]() -> absl::Status {
        HONE_RETURN_IF_ERROR(document.status());
        HONE_ASSIGN_OR_RETURN(const Workflow workflow, ReadWorkflow(*document, stronger));
        outcome.notes = workflow.notes;
        Watched watched;
        const PassHost host{.events = watched.events, .control = watched.control};
        HONE_RETURN_IF_ERROR(workflow.passes.front()->Run(host));
        HONE_ASSIGN_OR_RETURN(const std::string written, ReadFile(folder / "out/config.json"));
        outcome.options = Json::parse(written)["options"];
        return absl::OkStatus();
    };
    outcome.status = run();
    return outcome;
}

Json OptionsOf(const std::string& text) {
    const Outcome outcome = Read(text);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.options;
}

std::string ErrorOf(const std::string& text) {
    const Outcome outcome = Read(text);
    EXPECT_EQ(KindOf(outcome.status), ErrorKind::kUsage) << outcome.status;
    return std::string(outcome.status.message());
}

// A pass over some model and data, with more in its config.
std::string Lora(const std::string& config) {
    return "model: some-model\ndata_configs:\n- name: d\n  load_dataset_config: {data_files: "
           "a.json}\n"
           "passes:\n  lora:\n    type: LoRA\n    config:\n" +
           config;
}

// Written as people find it in documents about Olive.
constexpr char kCustom[] = R"(# olive-config.yaml
model:
  type: PyTorchModel
  config:
    model_path: "microsoft/DialoGPT-medium"
    task: "text-generation"

data_configs:
  - name: "custom_dataset"
    type: "HuggingfaceContainer"
    load_dataset_config:
      data_files: "path/to/your/dataset.json"
      split: "train"
    pre_process_data_config:
      text_template: "User: {input}\nAssistant: {output}"

passes:
  lora:
    type: LoRA
    config:
      r: 16
      lora_alpha: 32
      target_modules: ["c_attn", "c_proj"]
      modules_to_save: ["ln_f", "lm_head"]
)";

TEST(Workflow, ReadsOlivesConfigurationAsItIsWritten) {
    const Json options = OptionsOf(kCustom);
    EXPECT_EQ(options["model_name_or_path"], "microsoft/DialoGPT-medium");
    EXPECT_EQ(options["data_name"], "json");
    EXPECT_EQ(options["data_files"], Json{"path/to/your/dataset.json"});
    EXPECT_EQ(options["train_split"], "train");
    EXPECT_EQ(options["text_template"], "User: {input}\nAssistant: {output}");
    EXPECT_EQ(options["method"], "lora");
    EXPECT_EQ(options["lora_r"], 16);
    EXPECT_EQ(options["lora_alpha"], 32);
    EXPECT_EQ(options["lora_dropout"], 0.05);
    EXPECT_EQ(options["target_modules"], (Json{"c_attn", "c_proj"}));
    EXPECT_EQ(options["modules_to_save"], (Json{"ln_f", "lm_head"}));
}

TEST(Workflow, ReadsTheBlocksOfRegularisationAndSpeed) {
    const Json options = OptionsOf(R"(
model: some-model
data_configs:
- name: d
  load_dataset_config: {data_files: a.json}
# Regularization techniques
passes:
  lora:
    type: LoRA
    config:
      r: 16  # Reduce rank to prevent overfitting
      lora_alpha: 16  # Lower alpha value
      lora_dropout: 0.1  # Add dropout
      weight_decay: 0.01  # L2 regularization
# Performance optimization
training_config:
  fp16: true  # Mixed precision
  dataloader_num_workers: 4
  optim: "adamw_torch"
  lr_scheduler_type: "cosine"
)");
    EXPECT_EQ(options["lora_r"], 16);
    EXPECT_EQ(options["lora_dropout"], 0.1);
    EXPECT_EQ(options["weight_decay"], 0.01);
    EXPECT_EQ(options["torch_dtype"], "float16");
    EXPECT_EQ(options["dataloader_num_workers"], 4);
    EXPECT_EQ(options["optim"], "adamw_torch");
    EXPECT_EQ(options["lr_scheduler_type"], "cosine");
}

// What Olive's own examples look like today, as JSON.
TEST(Workflow, ReadsTodaysOliveInJson) {
    const Outcome outcome = Read(R"({
    "input_model": {"type": "HfModel", "model_path": "org/model",
                    "load_kwargs": {"trust_remote_code": true, "attn_implementation": "eager"}},
    "systems": {"local": {"type": "LocalSystem"}},
    "data_configs": [
        {"name": "train_data", "type": "HuggingfaceContainer",
         "load_dataset_config": {"data_name": "org/rows", "split": "train[:80%]"},
         "pre_process_data_config": {"max_seq_len": 512, "strategy": "join",
                                     "text_template": "{a}", "add_special_tokens": false},
         "dataloader_config": {"batch_size": 1}},
        {"name": "eval_data", "type": "HuggingfaceContainer",
         "load_dataset_config": {"data_name": "org/rows", "split": "train[80%:]"},
         "pre_process_data_config": {"max_seq_len": 512, "strategy": "join",
                                     "text_template": "{a}", "add_special_tokens": false}}],
    "passes": {"f": {"type": "QLoRA", "r": 8, "alpha": 4, "compute_dtype": "float32",
                     "train_data_config": "train_data", "eval_data_config": "eval_data",
                     "training_args": {"per_device_train_batch_size": 2, "bf16": false,
                                       "output_dir": "tmp", "gradient_checkpointing": true,
                                       "remove_unused_columns": false,
                                       "extra_args": {"max_steps": 7}}}},
    "host": "local", "target": "local", "cache_dir": "cache", "output_dir": "models"
})",
                                 "run.json");
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    const Json& options = outcome.options;
    EXPECT_EQ(options["method"], "qlora");
    EXPECT_EQ(options["lora_r"], 8);
    EXPECT_EQ(options["lora_alpha"], 4);
    EXPECT_EQ(options["target_modules"], Json{"all-linear"});
    EXPECT_EQ(options["torch_dtype"], "float32");
    EXPECT_EQ(options["data_name"], "org/rows");
    EXPECT_EQ(options["train_split"], "train[:80%]");
    EXPECT_EQ(options["eval_split"], "train[80%:]");
    EXPECT_EQ(options["max_seq_len"], 512);
    EXPECT_EQ(options["add_special_tokens"], false);
    EXPECT_EQ(options["per_device_train_batch_size"], 2);
    EXPECT_EQ(options["gradient_checkpointing"], "true");
    EXPECT_EQ(options["max_steps"], 7);
    // What changes nothing is said with its place and the reason.
    for (const char* key :
         {"load_kwargs.attn_implementation at run.json:3:", "systems at run.json:4:",
          "strategy at run.json:", "dataloader_config.batch_size at run.json:",
          "training_args.output_dir at run.json:", "host at", "cache_dir at",
          "training_args.remove_unused_columns at", "training_args.bf16 at"})
        EXPECT_THAT(outcome.notes, Contains(HasSubstr(key)));
}

TEST(Workflow, AMisspeltKeyIsNamedWithItsPlaceAndTheNearestKey) {
    EXPECT_EQ(ErrorOf(Lora("      lora_alhpa: 32\n")),
              "run.yaml:9:7: passes.lora.config has no key lora_alhpa; did you mean lora_alpha?");
    EXPECT_EQ(ErrorOf("pases: {}\n"),
              "run.yaml:1:1: a configuration has no key pases; did you mean "
              "passes?");
    EXPECT_THAT(ErrorOf(Lora("      training_args: {learnin_rate: 1}\n")),
                AllOf(StartsWith("run.yaml:9:23: passes.lora.config.training_args has"),
                      HasSubstr("did you mean learning_rate?")));
    EXPECT_THAT(ErrorOf("model: {type: HfModel, model_pth: x}\npasses: {a: {type: LoRA}}"),
                HasSubstr("model has no key model_pth; did you mean model_path?"));
    EXPECT_THAT(ErrorOf("data_configs: [{name: d, load_dataset_config: {spilt: train}}]\n"
                        "model: m\npasses: {a: {type: LoRA}}"),
                HasSubstr("did you mean split?"));
}

TEST(Workflow, AWrongValueIsNamedAsTheFileCallsIt) {
    EXPECT_EQ(ErrorOf(Lora("      r: 0\n")),
              "passes.lora.config.r at run.yaml:9:7 is 0; it must be at least 1 and at most 4096");
    EXPECT_EQ(ErrorOf(Lora("      r: x\n")),
              "passes.lora.config.r at run.yaml:9:7: \"x\" is not a whole number");
    EXPECT_THAT(
        ErrorOf(Lora("      quant_type: nf4\n")),
        StartsWith("passes.lora.config.quant_type at run.yaml:9:7 belongs to method qlora"));
    EXPECT_THAT(
        ErrorOf(Lora("      r: 8\n      lora_r: 4\n")),
        AllOf(HasSubstr("config.r at run.yaml:9:7 and"), HasSubstr("say the same otherwise")));
    EXPECT_THAT(ErrorOf(Lora("      text_field: a\n      text_template: b\n")),
                HasSubstr("exclude each other"));
    EXPECT_THAT(ErrorOf(Lora("      training_args: {optim: galore_adamw}\n")),
                HasSubstr("is none of"));
}

// Keys of other tools: said otherwise, impossible, needless.
TEST(Workflow, ForeignKeysAreAnsweredWithWhatToDo) {
    EXPECT_EQ(ErrorOf(Lora("      training_args: {lr: 1}\n")),
              "passes.lora.config.training_args.lr at run.yaml:9:23 is said with learning_rate");
    EXPECT_THAT(ErrorOf(Lora("      use_qalora: true\n")), HasSubstr("is not available"));
    EXPECT_THAT(ErrorOf(Lora("      training_args: {deepspeed: x.json}\n")),
                HasSubstr("one process"));
    EXPECT_THAT(ErrorOf(Lora("      task_type: SEQ_CLS\n")), HasSubstr("CAUSAL_LM"));
    EXPECT_THAT(ErrorOf(Lora("      init_lora_weights: olora\n")),
                HasSubstr("none of true, pissa"));
    const Outcome outcome =
        Read(Lora("      use_qalora: false\n      bias: none\n      task_type: CAUSAL_LM\n"
                  "      peft_type: LORA\n      init_lora_weights: true\n      device_map: auto\n"
                  "      training_args: {deepspeed: null, push_to_hub: false}\n"));
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    for (const char* key : {"use_qalora", "bias", "device_map", "training_args.push_to_hub"})
        EXPECT_THAT(outcome.notes, Contains(HasSubstr(key)));
}

TEST(Workflow, WhatHoneHasNotIsRefused) {
    EXPECT_THAT(ErrorOf("model: m\npasses: {a: {type: LoftQ}}"),
                AllOf(StartsWith("passes.a.type at run.yaml:2:14"), HasSubstr("LoRA, QLoRA")));
    EXPECT_THAT(ErrorOf("model: {type: ONNXModel, model_path: x}\npasses: {a: {type: LoRA}}"),
                HasSubstr("HfModel"));
    EXPECT_THAT(ErrorOf("model: m\npasses: {a: {type: LoRA}, b: {type: LoRA}}"),
                HasSubstr("one pass"));
    EXPECT_THAT(ErrorOf("model: m\n"), HasSubstr("needs passes"));
    EXPECT_THAT(ErrorOf("model: m\nsearch_strategy: {sampler: tpe}\npasses: {a: {type: LoRA}}"),
                HasSubstr("searching"));
    EXPECT_THAT(ErrorOf("model: m\ninput_model: n\npasses: {a: {type: LoRA}}"),
                HasSubstr("are the same"));
    EXPECT_THAT(ErrorOf("model: m\npasses: {a: {type: LoRA, train_data_config: dd}}\n"
                        "data_configs: [{name: d, load_dataset_config: {data_files: a.json}}]"),
                HasSubstr("data_configs has no \"dd\""));
    EXPECT_THAT(ErrorOf("model: m\npasses: {a: {type: LoRA}}\n"
                        "data_configs: [{name: d}, {name: e}]"),
                HasSubstr("train_data_config"));
    EXPECT_THAT(ErrorOf("model: m\npasses: {a: {type: LoRA}}\n"
                        "data_configs: [{name: d, user_script: x.py}]"),
                HasSubstr("runs no code"));
}

TEST(Workflow, PassesComeInEachOfOlivesForms) {
    const std::string head =
        "model: m\ndata_configs: [{name: d, load_dataset_config: "
        "{data_files: {train: a.json, validation: b.json}}}]\n";
    for (const char* passes :
         {"passes: {a: {type: lora, r: 3}}", "passes: {a: [{type: LoRA, r: 3}]}",
          "passes: [{type: LoRA, r: 3}]", "passes: [{type: LoRA, config: {lora_r: 3}}]"}) {
        const Json options = OptionsOf(head + passes);
        EXPECT_EQ(options["lora_r"], 3) << passes;
        EXPECT_EQ(options["data_files"], Json{"a.json"});
        EXPECT_EQ(options["eval_data_files"], Json{"b.json"});
    }
}

TEST(Workflow, DataThatNoPassNamesAreSaid) {
    const Outcome outcome = Read(
        "model: m\npasses: {a: {type: LoRA, train_data_config: d}}\ndata_configs:\n"
        "- {name: d, load_dataset_config: {data_files: a.json}}\n- {name: other}\n");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_THAT(outcome.notes, Contains(HasSubstr("data_configs.other at run.yaml:5:3")));
}

TEST(PassKinds, AreDescribedWithTheOptionsThatTheyTake) {
    const std::string text = DescribePassKinds();
    for (const char* words : {"LoRA: ", "QLoRA: ", "IA3: ", "feedforward_modules",
                              "PromptTuning: ", "PrefixTuning: ", "Adapter: ", "lora_r INT [64]",
                              "quant_type nf4|fp4|gguf [nf4]"})
        EXPECT_THAT(text, HasSubstr(words));
    // Of QLoRA alone.
    EXPECT_LT(text.find("QLoRA: "), text.find("quant_type"));
}

TEST(FlatConfig, HoldsOptionsByTheirNames) {
    auto document = ParseDocument(
        "model_name_or_path: m\ndata_name: d.jsonl\nlora_r: 8\ntarget_modules: [q_proj]\n"
        "columns: {prompt: Question}\neval_strategy: no\n",
        "run.yaml");
    ASSERT_TRUE(document.ok());
    auto given = ReadFlatConfig(*document);
    ASSERT_TRUE(given.ok()) << given.status();
    GivenOptions flags;
    flags.Set("lora_r", "4");
    given->Override(flags);
    auto resolved = ResolveOptions(*given);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->options.lora.r, 4);
    EXPECT_EQ(resolved->options.data.eval_split, "none");
    EXPECT_EQ(resolved->options.data.columns.front().second, "Question");
}

TEST(FlatConfig, ReadsWhatARunWrote) {
    for (const char* method : {"lora", "qlora", "full"}) {
        GivenOptions asked;
        for (const auto& [option, value] : {std::pair{"model_name_or_path", "m"},
                                            {"data_name", "d.jsonl"},
                                            {"method", method},
                                            {"columns", "prompt=a,completion=b"},
                                            {"learning_rate", "3e-4"},
                                            {"eval_split", ""}})
            asked.Set(option, value);
        const FinetuneOptions options = ResolveOptions(asked).value().options;
        const Json json = {
            {"hone_version", "0"}, {"command", "finetune"}, {"options", OptionsToJson(options)}};
        auto document = ParseDocument(json.dump(2), "config.json");
        ASSERT_TRUE(document.ok()) << document.status();
        auto given = ReadFlatConfig(*document);
        ASSERT_TRUE(given.ok()) << given.status();
        auto again = ResolveOptions(*given);
        ASSERT_TRUE(again.ok()) << again.status();
        EXPECT_EQ(OptionsToJson(again->options), OptionsToJson(options)) << method;
    }
}

TEST(FlatConfig, RefusesWhatItDoesNotKnow) {
    const auto error = [](const std::string& text) {
        auto document = ParseDocument(text, "run.yaml");
        return std::string(ReadFlatConfig(*document).status().message());
    };
    EXPECT_EQ(error("lora_rr: 8"),
              "run.yaml:1:1: a configuration has no key lora_rr; did you mean lora_r?");
    EXPECT_THAT(error("passes: {}"), HasSubstr("`hone run --config run.yaml`"));
    EXPECT_THAT(error("lr: 1"), HasSubstr("is said with learning_rate"));
    EXPECT_THAT(error("dry_run: true"),
                HasSubstr("dry_run at run.yaml:1:1 says what a command does"));
}

}  // namespace
}  // namespace hone
