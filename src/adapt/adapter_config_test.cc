#include "adapt/adapter_config.h"

#include <gtest/gtest.h>

#include "adapt/bottleneck.h"
#include "base/limits.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using Json = nlohmann::json;

Json Minimal() {
    return {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"q_proj"}}};
}

std::string Message(const Json& json) {
    auto parsed = ParseAdapterConfig(json.dump(), "F");
    if (parsed.ok()) return "";
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kModel);
    return std::string(parsed.status().message());
}

TEST(AdapterConfig, ReadsWhatPeftWrites) {
    // From peft 0.21.2, keys that no older version has included.
    const char* text =
        R"({"alora_invocation_tokens": null, "alpha_pattern": {"v_proj": 3.5}, "arrow_config": null,
        "auto_mapping": null, "base_model_name_or_path": "org/base", "bias": "none", "corda_config": null,
        "ensure_weight_tying": false, "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false,
        "inference_mode": true, "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
        "layers_to_transform": [0, 1], "loftq_config": {}, "lora_alpha": 32, "lora_bias": false, "lora_dropout": 0.05,
        "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": ["lm_head"], "peft_type": "LORA",
        "peft_version": "0.21.2", "qalora_group_size": 16, "r": 16, "rank_pattern": {"z": 2, "a": 3}, "revision": null,
        "target_modules": ["q_proj", "v_proj"], "target_parameters": null, "task_type": "CAUSAL_LM",
        "trainable_token_indices": null, "use_dora": false, "use_qalora": false, "use_rslora": true})";
    auto config = ParseAdapterConfig(text, "F");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->r, 16);
    EXPECT_EQ(config->lora_alpha, 32);
    EXPECT_EQ(config->lora_dropout, 0.05);
    EXPECT_EQ(config->target_modules, (std::vector<std::string>{"q_proj", "v_proj"}));
    EXPECT_FALSE(config->target_is_regex);
    EXPECT_EQ(config->modules_to_save, std::vector<std::string>{"lm_head"});
    EXPECT_EQ(config->layers_to_transform, (std::vector<int64_t>{0, 1}));
    EXPECT_EQ(config->rank_pattern,
              (std::vector<std::pair<std::string, int64_t>>{{"z", 2}, {"a", 3}}));  // file order
    EXPECT_EQ(config->alpha_pattern,
              (std::vector<std::pair<std::string, double>>{{"v_proj", 3.5}}));
    EXPECT_TRUE(config->use_rslora);
    EXPECT_EQ(config->base_model_name_or_path, "org/base");
}

TEST(AdapterConfig, AStringOfTargetsIsARegex) {
    Json json = Minimal();
    json["target_modules"] = ".*q_proj";
    EXPECT_TRUE(ParseAdapterConfig(json.dump(), "F")->target_is_regex);
    json["target_modules"] = "all-linear";
    EXPECT_FALSE(ParseAdapterConfig(json.dump(), "F")->target_is_regex);
}

TEST(AdapterConfig, WrittenFilesReadBack) {
    LoraConfig config;
    config.r = 7;
    config.lora_alpha = 14.5;
    config.lora_dropout = 0.1;
    config.target_modules = {"q_proj", "down_proj"};
    config.exclude_modules = {"layers.0.self_attn.q_proj"};
    config.layers_to_transform = {0, 2};
    config.modules_to_save = {"norm"};
    config.rank_pattern = {{"down_proj", 3}};
    config.alpha_pattern = {{"down_proj", 6}};
    config.use_rslora = true;
    config.use_dora = true;
    config.base_model_name_or_path = "some/base \xe2\x82\xac";
    const std::string text = AdapterConfigText(config);
    auto read = ParseAdapterConfig(text, "F");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(AdapterConfigText(*read), text);
    EXPECT_EQ(read->exclude_modules, config.exclude_modules);
    EXPECT_EQ(read->lora_alpha, 14.5);
    EXPECT_TRUE(read->use_dora);
    const Json json = Json::parse(text);
    EXPECT_EQ(json["peft_type"], "LORA");
    EXPECT_EQ(json["task_type"], "CAUSAL_LM");
    EXPECT_EQ(json["bias"], "none");
    EXPECT_TRUE(json["inference_mode"].get<bool>());
    EXPECT_TRUE(json["fan_in_fan_out"].is_boolean());
}

TEST(AdapterConfig, LoftqIsReadAsHoneWroteIt) {
    LoraConfig config;
    config.init_lora_weights = "loftq";
    const std::string text = AdapterConfigText(config);
    EXPECT_EQ(ParseAdapterConfig(text, "F")->init_lora_weights, "loftq");
    EXPECT_EQ(Json::parse(text)["init_lora_weights"], true);
    // What PEFT leaves there has no effect.
    Json json = Json::parse(text);
    json["loftq_config"].erase("base_weights");
    EXPECT_EQ(ParseAdapterConfig(json.dump(), "F")->init_lora_weights, "true");
}

TEST(AdapterConfig, OfIa3) {
    const auto parse = [](Json json) {
        json["peft_type"] = "IA3";
        return ParseAdapterConfig(json.dump(), "F");
    };
    auto open = parse({{"target_modules", nullptr}, {"feedforward_modules", nullptr}});
    ASSERT_TRUE(open.ok()) << open.status();
    EXPECT_EQ(open->peft_type, "IA3");
    EXPECT_TRUE(open->feedforward_by_family);
    // None is not the same as nothing said.
    auto none = parse({{"target_modules", {"k_proj"}}, {"feedforward_modules", Json::array()}});
    ASSERT_TRUE(none.ok()) << none.status();
    EXPECT_FALSE(none->feedforward_by_family);
    auto pattern = parse({{"target_modules", {"fc2"}}, {"feedforward_modules", ".*fc2"}});
    ASSERT_TRUE(pattern.ok()) << pattern.status();
    EXPECT_TRUE(pattern->feedforward_is_regex);
    for (const LoraConfig& config : {*none, *pattern})
        EXPECT_EQ(AdapterConfigText(*ParseAdapterConfig(AdapterConfigText(config), "F")),
                  AdapterConfigText(config));
    // What belongs to LoRA has no place in it.
    const auto mixed = parse({{"use_dora", true}});
    EXPECT_NE(mixed.status().message().find("use_dora"), std::string::npos) << mixed.status();
}

TEST(AdapterConfig, OfVirtualTokens) {
    // From peft 0.21.2, of a prefix that a projection made.
    const char* text =
        R"({"auto_mapping": null, "base_model_name_or_path": "org/base", "encoder_hidden_size": 16,
        "inference_mode": true, "init_weights": null, "modules_to_save": null, "num_attention_heads": 1,
        "num_layers": 3, "num_transformer_submodules": 1, "num_virtual_tokens": 5, "peft_type": "PREFIX_TUNING",
        "peft_version": "0.21.2", "prefix_projection": true, "revision": null, "task_type": "CAUSAL_LM",
        "token_dim": 16})";
    const auto prefix = ParseAdapterConfig(text, "F");
    ASSERT_TRUE(prefix.ok()) << prefix.status();
    EXPECT_EQ(prefix->peft_type, "PREFIX_TUNING");
    EXPECT_EQ(prefix->num_virtual_tokens, 5);
    EXPECT_EQ(prefix->num_layers, 3);
    EXPECT_EQ(prefix->num_attention_heads, 1);
    EXPECT_EQ(prefix->token_dim, 16);
    LoraConfig prompt;
    prompt.peft_type = "PROMPT_TUNING";
    prompt.num_virtual_tokens = kMaxVirtualTokens;
    prompt.prompt_tuning_init = "text";
    prompt.prompt_tuning_init_text = "Name the element:";
    prompt.base_model_name_or_path = "org/base";
    for (const LoraConfig& config : {*prefix, prompt}) {
        const auto read = ParseAdapterConfig(AdapterConfigText(config), "F");
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(AdapterConfigText(*read), AdapterConfigText(config));
        EXPECT_EQ(read->num_virtual_tokens, config.num_virtual_tokens);
        EXPECT_EQ(read->prompt_tuning_init_text, config.prompt_tuning_init_text);
    }
    // Python's PromptTuningConfig has no other place to take the tokens of a text from.
    EXPECT_EQ(Json::parse(AdapterConfigText(prompt))["tokenizer_name_or_path"], "org/base");
    const std::pair<const char*, Json> refused[] = {
        {"num_virtual_tokens", nullptr},
        {"num_virtual_tokens", 0},
        {"num_virtual_tokens", kMaxVirtualTokens + 1},
        {"num_transformer_submodules", 2},
        {"num_layers", -1},
        {"target_modules", {"q_proj"}},
    };
    for (const auto& [key, value] : refused) {
        Json json = Json::parse(text);
        json[key] = value;
        EXPECT_NE(Message(json).find(key), std::string::npos) << key << ": " << Message(json);
    }
}

TEST(AdapterConfig, OfBottlenecks) {
    // From adapters 1.3.0.
    const char* text =
        R"({"config": {"adapter_residual_before_ln": false, "cross_adapter": false, "dropout": 0.0,
        "factorized_phm_W": true, "factorized_phm_rule": false, "hypercomplex_nonlinearity": "glorot-uniform",
        "init_weights": "bert", "init_weights_seed": null, "inv_adapter": null, "inv_adapter_reduction_factor": null,
        "is_parallel": false, "learn_phm": true, "leave_out": [], "ln_after": false, "ln_before": false,
        "mh_adapter": true, "non_linearity": "swish", "original_ln_after": true, "original_ln_before": false,
        "output_adapter": true, "phm_bias": true, "phm_c_init": "normal", "phm_dim": 4, "phm_init_range": 0.0001,
        "phm_layer": false, "phm_rank": 1, "reduction_factor": 5, "residual_before_ln": true, "scaling": 1.0,
        "shared_W_phm": false, "shared_phm_rule": true, "stochastic_depth": 0.0, "use_gating": false},
        "hidden_size": 64, "model_class": "LlamaForCausalLM", "model_name": "org/base", "model_type": "llama",
        "name": "mine", "version": "adapters.1.3.0"})";
    const auto houlsby = ParseAdapterConfig(text, "F");
    ASSERT_TRUE(houlsby.ok()) << houlsby.status();
    EXPECT_EQ(houlsby->base_model_name_or_path, "org/base");
    EXPECT_TRUE(houlsby->bottleneck.mh_adapter && houlsby->bottleneck.output_adapter);
    EXPECT_EQ(houlsby->bottleneck.reduction_factor, 5);
    EXPECT_EQ(houlsby->bottleneck.non_linearity, "swish");
    LoraConfig parallel = *houlsby;
    parallel.bottleneck = NamedBottleneck("parallel");
    for (const LoraConfig& config : {*houlsby, parallel}) {
        const auto read = ParseAdapterConfig(AdapterConfigText(config), "F");
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(AdapterConfigText(*read), AdapterConfigText(config));
    }
    const std::pair<const char*, Json> refused[] = {
        {"ln_before", true},
        {"use_gating", true},
        {"inv_adapter", "nice"},
        {"phm_layer", true},
        {"leave_out", {0}},
        {"dropout", 0.1},
        {"stochastic_depth", 0.1},
        {"original_ln_after", false},
        {"residual_before_ln", "post_add"},
        {"scaling", "learned"},
        {"non_linearity", "tanh"},
        {"reduction_factor", {{"default", 16}}},
        {"reduction_factor", 0},
        {"architecture", "prefix_tuning"},
        {"something_of_tomorrow", 3},
    };
    for (const auto& [key, value] : refused) {
        Json json = Json::parse(text);
        json["config"][key] = value;
        EXPECT_NE(Message(json).find(key), std::string::npos) << key << ": " << Message(json);
    }
    Json none = Json::parse(text);
    none["config"]["mh_adapter"] = none["config"]["output_adapter"] = false;
    EXPECT_NE(Message(none).find("mh_adapter"), std::string::npos) << Message(none);
}

TEST(AdapterConfig, BottlenecksHaveTheNamesOfAdapterHub) {
    const std::string plain = "model.layers.0.attention_adapters.adapter_down.0.weight";
    EXPECT_EQ(StoredBottleneckName(plain),
              "model.layers.0.attention_adapters.adapters.hone.adapter_down.0.weight");
    EXPECT_EQ(PlainBottleneckName(
                  "model.layers.0.attention_adapters.adapters.a.b adapters.adapter_down.0.weight"),
              plain);
    EXPECT_EQ(PlainBottleneckName("h.1.output_adapters.adapters.x.adapter_up.bias"),
              "h.1.output_adapters.adapter_up.bias");
    for (const char* other : {"model.layers.0.mlp.up_proj.lora_A.weight", "_adapters.adapters.",
                              "adapter_up._adapters.adapters.x"}) {
        EXPECT_EQ(PlainBottleneckName(other), "") << other;
        EXPECT_EQ(StoredBottleneckName(other), "") << other;
    }
}

TEST(AdapterConfig, FeaturesThatChangeTheResultAreRefusedByName) {
    const std::pair<const char*, Json> refused[] = {
        {"peft_type", "VERA"},
        {"task_type", "SEQ_2_SEQ_LM"},
        {"bias", "lora_only"},
        {"use_dora", "yes"},
        {"layer_replication", {{0, 1}}},
        {"lora_bias", true},
        {"alora_invocation_tokens", {1, 2}},
        {"target_parameters", {"experts"}},
        {"trainable_token_indices", {5}},
        {"init_lora_weights", "pissa"},
        {"init_lora_weights", "olora"},
        {"init_lora_weights", "loftq"},
        {"use_qalora", true},
        {"ensure_weight_tying", true},
        {"something_of_tomorrow", 3},
    };
    for (const auto& [key, value] : refused) {
        Json json = Minimal();
        json[key] = value;
        EXPECT_NE(Message(json).find(key), std::string::npos) << key << ": " << Message(json);
    }
    for (const Json& value :
         {Json(true), Json(false), Json("gaussian"), Json("eva"), Json("orthogonal")}) {
        Json json = Minimal();
        json["init_lora_weights"] = value;
        EXPECT_EQ(Message(json), "");
    }
    Json missing = Minimal();
    missing.erase("peft_type");
    EXPECT_NE(Message(missing), "");
}

TEST(AdapterConfig, WrongTypesAndRangesAreNamed) {
    const std::pair<const char*, Json> wrong[] = {
        {"r", "16"},
        {"r", 0},
        {"r", 1.5},
        {"r", kMaxLoraRank + 1},
        {"lora_alpha", "x"},
        {"lora_dropout", 1},
        {"lora_dropout", -0.1},
        {"target_modules", 5},
        {"target_modules", {1}},
        {"modules_to_save", {nullptr}},
        {"rank_pattern", {1, 2}},
        {"rank_pattern", {{"a", 0}}},
        {"rank_pattern", {{"a", "b"}}},
        {"layers_to_transform", "0"},
        {"use_rslora", 1},
        {"base_model_name_or_path", 3},
    };
    for (const auto& [key, value] : wrong) {
        Json json = Minimal();
        json[key] = value;
        EXPECT_NE(Message(json).find(key), std::string::npos) << key << " " << value;
    }
    Json limit = Minimal();
    limit["r"] = kMaxLoraRank;
    EXPECT_EQ(Message(limit), "");
    EXPECT_FALSE(ParseAdapterConfig("[]", "F").ok());
    EXPECT_FALSE(ParseAdapterConfig("{", "F").ok());
    EXPECT_FALSE(ParseAdapterConfig("", "F").ok());
}

}  // namespace
}  // namespace hone
