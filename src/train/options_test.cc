#include "train/options.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(Options, EveryFieldSurvivesOnItsOwn) {
    // Changes one field at a time in the JSON and expects it back: no field is written and not
    // read, or read into another.
    const Json defaults = OptionsToJson(Valid());
    for (const auto& [key, value] : defaults.items()) {
        Json changed = defaults;
        if (value.is_boolean())
            changed[key] = !value.get<bool>();
        else if (value.is_number_integer())
            changed[key] = value.get<int64_t>() + 1;
        else if (value.is_number())
            changed[key] = value.get<double>() + 0.5;
        else if (value.is_string())
            changed[key] = key == "on_overflow" ? "error" : "other";
        else if (value.is_array())
            changed[key] = key == "layers_to_transform" ? Json{5} : Json{"x"};
        else if (value.is_object())
            changed[key] = key == "columns" ? Json::object({{"prompt", "x"}}) : Json{{"p", 5}};
        else
            continue;  // null: an optional, covered above
        auto read = OptionsFromJson(changed);
        ASSERT_TRUE(read.ok()) << key << ": " << read.status();
        EXPECT_EQ(OptionsToJson(*read), changed) << key;
    }
}

TEST(Options, UnknownKeysAndWrongTypesAreNamed) {
    auto message = [](const Json& json) {
        return std::string(OptionsFromJson(json).status().message());
    };
    EXPECT_NE(message({{"learning_rat", 1}}).find("learning_rat"), std::string::npos);
    EXPECT_NE(message({{"learning_rate", "fast"}}).find("learning_rate"), std::string::npos);
    EXPECT_NE(message({{"threads", int64_t{1} << 40}}).find("threads"), std::string::npos);
    EXPECT_NE(message({{"data_files", "a"}}).find("data_files"), std::string::npos);
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
    expect([](auto& o) { o.method = "qlora", o.quant_type = "fp4"; }, "--quant_type");
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
    expect([](auto& o) { o.optim = "sgd"; }, "--optim");
    expect([](auto& o) { o.lr_scheduler_type = "step"; }, "--lr_scheduler_type");
    expect([](auto& o) { o.learning_rate = std::nan(""); }, "--learning_rate");
    expect([](auto& o) { o.learning_rate = -1; }, "--learning_rate");
    expect([](auto& o) { o.per_device_train_batch_size = 0; }, "--per_device_train_batch_size");
    expect([](auto& o) { o.lora.r = 0; }, "--lora_r");
    expect([](auto& o) { o.lora.r = 4097; }, "--lora_r");
    expect([](auto& o) { o.lora.lora_dropout = 1; }, "--lora_dropout");
    expect([](auto& o) { o.num_train_epochs = 0; }, "--num_train_epochs is 0; it must be above 0");
    expect([](auto& o) { o.num_train_epochs = 1e38; }, "is 1e+38; it must be above 0 and at most 1");
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
