#include "train/options/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "train/method/method.h"
#include "train/options/table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

FinetuneOptions Valid() {
    FinetuneOptions options;
    options.model_name_or_path = "m";
    options.data.data_name = "d.jsonl";
    return options;
}

TEST(Options, RoundTripThroughJson) {
    FinetuneOptions options = Valid();
    options.data.data_files = {"a.jsonl", "b.jsonl"};
    options.data.eval_split = "train[90%:]";
    options.data.max_samples = 12;
    options.data.on_overflow = OnOverflow::kDrop;
    options.data.use_chat_template = true;
    options.lora.rank_pattern = {{"z.q_proj", 3}, {"a.*", 4}};
    options.lora.alpha_pattern = {{"v_proj", 2.5}};
    options.lora.layers_to_transform = {1, 2};
    options.warmup_steps = 0.5;
    options.num_decay_steps = 7;
    options.greater_is_better = false;
    options.seed = 0xffffffffffffffffull;
    options.learning_rate = 1.0 / 3;
    const Json json = OptionsToJson(options);
    auto copy = OptionsFromJson(Json::parse(json.dump()));
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(OptionsToJson(*copy), json);
    EXPECT_EQ(copy->lora.rank_pattern, options.lora.rank_pattern);
    EXPECT_EQ(copy->seed, options.seed);
    EXPECT_EQ(copy->data.eval_split, options.data.eval_split);
    EXPECT_EQ(copy->learning_rate, options.learning_rate);
}

// Another value of the option than `value`.
Json Another(const OptionRow& row, const Json& value) {
    if (!row.choices.empty())
        return row.choices.back() == value ? row.choices.front() : row.choices.back();
    if (value.is_boolean()) return !value.get<bool>();
    if (value.is_number_integer()) return value.get<int64_t>() + 1;
    if (value.is_number()) return value.get<double>() + 0.5;
    if (value.is_string()) return "other";
    if (value.is_array()) return row.name == "layers_to_transform" ? Json{5} : Json{"x"};
    if (value.is_object()) {
        const bool of_texts = row.name == "columns" || row.name == "task_data";
        return of_texts ? Json::object({{"prompt", "x"}}) : Json{{"p", 5}};
    }
    // An optional without a value.
    if (IsSwitch(row)) return true;
    return ValueName(row) == "TEXT" ? Json("other") : Json(7);
}

TEST(Options, EveryFieldSurvivesOnItsOwn) {
    // Changes one option at a time and expects it back: none is written and not read, or read into
    // another.
    struct Kind {
        const char *task, *method, *objective;
    };
    for (const Kind& kind :
         {Kind{"text-generation", "lora", "sft"}, Kind{"text-generation", "qlora", "dpo"},
          Kind{"text-generation", "full", "simpo"}, Kind{"text-generation", "freeze", "kto"},
          Kind{"text-classification", "lora", "sft"}}) {
        FinetuneOptions options = Valid();
        options.task = kind.task;
        options.method = kind.method;
        options.objective = kind.objective;
        const Json defaults = OptionsToJson(options);
        for (const auto& [key, value] : defaults.items()) {
            if (key == "method" || key == "objective" || key == "adapter_path" || key == "task")
                continue;  // they decide what else is there
            Json changed = defaults;
            changed[key] = Another(*FindOption(key), value);
            ASSERT_NE(changed, defaults) << key;
            auto read = OptionsFromJson(changed);
            ASSERT_TRUE(read.ok()) << key << ": " << read.status();
            EXPECT_EQ(OptionsToJson(*read), changed) << key;
        }
    }
}

TEST(Options, TextAndJsonMeanTheSame) {
    for (const OptionRow& row : OptionTable()) {
        if (!HasMember(row)) continue;
        FinetuneOptions options, copy;
        const std::string problem =
            ReadOption(row, Another(row, OptionJson(row, options)), options);
        ASSERT_EQ(problem, "") << row.name;
        ASSERT_EQ(ReadOption(row, OptionText(row, options), copy), "") << row.name;
        EXPECT_EQ(OptionJson(row, copy), OptionJson(row, options)) << row.name;
        // null: as if nobody had said it.
        ASSERT_EQ(ReadOption(row, nullptr, copy), "");
        EXPECT_EQ(OptionJson(row, copy), OptionJson(row, FinetuneOptions())) << row.name;
    }
}

TEST(Options, WhatBelongsToAnotherMethodIsNotInTheConfiguration) {
    FinetuneOptions options = Valid();
    EXPECT_TRUE(OptionsToJson(options).contains("lora_r"));
    EXPECT_FALSE(OptionsToJson(options).contains("quant_type"));
    options.adapter_path = "a";
    EXPECT_FALSE(OptionsToJson(options).contains("lora_r"));
    options = Valid();
    options.method = "full";
    EXPECT_FALSE(OptionsToJson(options).contains("lora_r"));
    EXPECT_FALSE(OptionsToJson(options).contains("dry_run"));
}

// Adding an option to the table can hardly be done by halves; what is left is checked here.
TEST(OptionTable, RowsAreWhole) {
    std::set<std::string_view> names;
    for (const OptionRow& row : OptionTable()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice";
        EXPECT_FALSE(row.help.empty()) << row.name;
        EXPECT_FALSE(row.group.empty()) << row.name;
        for (std::string_view other : row.excludes) EXPECT_NE(FindOption(other), nullptr) << other;
        for (std::string_view method : row.methods)
            EXPECT_NE(FindMethod(method), nullptr) << method;
        for (const Spelling& spelling : row.spellings)
            EXPECT_NE(std::find(row.choices.begin(), row.choices.end(), spelling.meaning),
                      row.choices.end())
                << spelling.word;
        EXPECT_EQ(CheckValue(row, FinetuneOptions()), "") << row.name;
    }
    for (const Method* method : Methods())
        for (const OptionDefault& entry : method->defaults()) {
            FinetuneOptions options;
            ASSERT_NE(FindOption(entry.option), nullptr) << entry.option;
            EXPECT_EQ(ReadOption(*FindOption(entry.option), entry.value, options), "");
        }
}

// What a checkpoint of an earlier version was compared by: an option that left this list would let
// a run go on as if nothing had changed.
TEST(OptionTable, CheckpointsAreComparedByWhatChangesTheResult) {
    const auto names = [](bool evaluations_decide) {
        const Json compared = ComparedOptions(Valid(), evaluations_decide);
        std::set<std::string> names;
        for (const auto& [name, value] : compared.items()) names.insert(name);
        return names;
    };
    std::set<std::string> without = names(false);
    EXPECT_EQ(without, (std::set<std::string>{"per_device_train_batch_size",
                                              "gradient_accumulation_steps",
                                              "train_sampling_strategy",
                                              "packing",
                                              "max_seq_len",
                                              "micro_batch_tokens",
                                              "learning_rate",
                                              "lr_scheduler_type",
                                              "warmup_ratio",
                                              "warmup_steps",
                                              "num_cycles",
                                              "lr_power",
                                              "lr_end",
                                              "num_decay_steps",
                                              "min_lr_ratio",
                                              "adam_beta1",
                                              "adam_beta2",
                                              "adam_epsilon",
                                              "weight_decay",
                                              "max_grad_norm",
                                              "seed"}));
    for (const char* name :
         {"eval_on_start", "eval_steps", "metric_for_best_model", "greater_is_better",
          "early_stopping_patience", "early_stopping_threshold", "load_best_model_at_end"})
        without.insert(name);
    EXPECT_EQ(names(true), without);
}

TEST(Options, UnknownKeysAndWrongTypesAreNamed) {
    auto message = [](const Json& json) {
        return std::string(OptionsFromJson(json).status().message());
    };
    EXPECT_NE(message({{"learning_rat", 1}}).find("learning_rat"), std::string::npos);
    EXPECT_NE(message({{"learning_rate", "fast"}}).find("learning_rate"), std::string::npos);
    EXPECT_NE(message({{"threads", int64_t{1} << 40}}).find("threads"), std::string::npos);
    EXPECT_NE(message({{"data_files", 1}}).find("data_files"), std::string::npos);
    EXPECT_NE(message({{"dry_run", true}}).find("dry_run"), std::string::npos);
    EXPECT_FALSE(OptionsFromJson(Json::array()).ok());
}

TEST(Options, ValidationNamesTheFlag) {
    EXPECT_TRUE(ValidateOptions(Valid()).ok());
    FinetuneOptions full = Valid();
    full.method = "full";
    EXPECT_TRUE(ValidateOptions(full).ok());
    auto expect = [](auto change, const char* flag) {
        FinetuneOptions options = Valid();
        change(options);
        absl::Status status = ValidateOptions(options);
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << flag;
        EXPECT_NE(std::string(status.message()).find(flag), std::string::npos) << status;
    };
    expect([](auto& o) { o.model_name_or_path = ""; }, "--model_name_or_path");
    expect([](auto& o) { o.data.data_name = ""; }, "--data_name");
    FinetuneOptions qlora = Valid();
    qlora.method = "qlora";
    qlora.double_quant = false;
    EXPECT_TRUE(ValidateOptions(qlora).ok());
    FinetuneOptions int8 = Valid();
    int8.base_compute = "int8";
    EXPECT_TRUE(ValidateOptions(int8).ok());
    expect([](auto& o) { o.method = "loftq"; }, "--method");
    expect([](auto& o) { o.lora.init_lora_weights = "loftq"; }, "--method qlora");
    expect([](auto& o) { o.method = "qlora", o.quant_type = "fp8"; }, "--quant_type");
    expect([](auto& o) { o.double_quant = false; }, "--double_quant");
    expect([](auto& o) { o.method = "full", o.lora.r = 8; }, "--lora_r");
    expect([](auto& o) { o.method = "full", o.lora.modules_to_save = {"norm"}; },
           "--modules_to_save");
    expect([](auto& o) { o.method = "full", o.adapter_path = "a"; }, "--adapter_path");
    expect([](auto& o) { o.torch_dtype = "int8"; }, "--torch_dtype");
    expect([](auto& o) { o.base_compute = "bf16"; }, "--base_compute");
    expect([](auto& o) { o.base_compute = "int8", o.method = "qlora"; }, "--base_compute");
    expect([](auto& o) { o.base_compute = "int8", o.method = "full", o.lora = {}; },
           "--base_compute");
    expect([](auto& o) { o.optim = "galore_adamw"; }, "--optim");
    expect([](auto& o) { o.lr_scheduler_type = "step"; }, "--lr_scheduler_type");
    expect([](auto& o) { o.learning_rate = std::nan(""); }, "--learning_rate");
    expect([](auto& o) { o.learning_rate = -1; }, "--learning_rate");
    expect([](auto& o) { o.per_device_train_batch_size = 0; }, "--per_device_train_batch_size");
    expect([](auto& o) { o.lora.r = 0; }, "--lora_r");
    expect([](auto& o) { o.lora.r = 4097; }, "--lora_r");
    expect([](auto& o) { o.lora.lora_dropout = 1; }, "--lora_dropout");
    expect([](auto& o) { o.num_train_epochs = 0; }, "--num_train_epochs is 0; it must be above 0");
    expect([](auto& o) { o.num_train_epochs = 1e38; },
           "is 1e+38; it must be above 0 and at most 1");
    expect([](auto& o) { o.num_train_epochs = -1, o.max_steps = 5; }, "--num_train_epochs is -1");
    expect([](auto& o) { o.adam_epsilon = 0; }, "--adam_epsilon is 0; it must be above 0");
    expect([](auto& o) { o.adam_epsilon = std::nan(""); }, "--adam_epsilon");
    expect([](auto& o) { o.save_minutes = -1; }, "--save_minutes");
    expect([](auto& o) { o.report_to = "wandb"; }, "--report_to");
    expect([](auto& o) { o.logging_steps = 0; }, "--logging_steps");
    expect([](auto& o) { o.metric_for_best_model = "bleu"; }, "--metric_for_best_model");
    expect(
        [](auto& o) {
            o.data.eval_split = "none";
            o.early_stopping_patience = 1;
        },
        "--early_stopping_patience");
    FinetuneOptions limit = Valid();
    limit.lora.r = 4096;
    limit.max_steps = 1;
    limit.num_train_epochs = 0;
    EXPECT_TRUE(ValidateOptions(limit).ok());
}

}  // namespace
}  // namespace hone
