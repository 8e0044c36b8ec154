#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "model/config/arch.h"
#include "model/files/model_tensors.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

const ArchSpec& Llama() { return **FindArch("llama"); }

Json Small() {
    return {{"architectures", {"LlamaForCausalLM"}},
            {"vocab_size", 100},
            {"hidden_size", 64},
            {"intermediate_size", 96},
            {"num_hidden_layers", 2},
            {"num_attention_heads", 8},
            {"num_key_value_heads", 2}};
}

ModelConfig Read(const Json& json) {
    auto config = Llama().read_config(json);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? *config : ModelConfig();
}

std::string ErrorWith(const char* key, Json value) {
    Json json = Small();
    json[key] = std::move(value);
    auto config = Llama().read_config(json);
    EXPECT_FALSE(config.ok()) << key;
    if (config.ok()) return "";
    EXPECT_EQ(KindOf(config.status()), ErrorKind::kModel);
    return std::string(config.status().message());
}

TEST(Llama, AnswersToItsNames) {
    EXPECT_EQ(*FindArch("LlamaForCausalLM"), *FindArch("llama"));
    auto unknown = FindArch("MambaForCausalLM");
    EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kModel);
    EXPECT_THAT(std::string(unknown.status().message()),
                testing::AllOf(HasSubstr("MambaForCausalLM"), HasSubstr("LlamaForCausalLM")));
    EXPECT_FALSE(AllArchs().empty());
}

TEST(Llama, DefaultsAreTransformersOwn) {
    ModelConfig config = Read(Small());
    EXPECT_EQ(config.head_dim, 8);
    EXPECT_EQ(config.max_position_embeddings, 2048);
    EXPECT_FLOAT_EQ(config.norm_epsilon, 1e-6f);
    EXPECT_EQ(config.rotary[0].theta, 10000.0f);
    EXPECT_EQ(config.rotary[0].scaling.kind, RopeScaling::Kind::kNone);
    EXPECT_FALSE(config.tie_word_embeddings || config.attention_bias || config.mlp_bias);
    EXPECT_FALSE(config.bos_token_id || config.pad_token_id);
    Json json = Small();
    json.erase("num_key_value_heads");
    EXPECT_EQ(Read(json).num_key_value_heads, 8);
    json["head_dim"] = nullptr;
    EXPECT_EQ(Read(json).head_dim, 8);
    json["head_dim"] = 16;
    EXPECT_EQ(Read(json).head_dim, 16);
}

TEST(Llama, TokenIds) {
    Json json = Small();
    json["bos_token_id"] = 1;
    json["eos_token_id"] = {2, 3};
    json["pad_token_id"] = -1;
    ModelConfig config = Read(json);
    EXPECT_EQ(config.bos_token_id, 1);
    EXPECT_THAT(config.eos_token_ids, ElementsAre(2, 3));
    EXPECT_EQ(config.pad_token_id, std::nullopt);
    EXPECT_THAT(ErrorWith("eos_token_id", "x"), HasSubstr("eos_token_id"));
    EXPECT_THAT(ErrorWith("eos_token_id", {1, -1}), HasSubstr("eos_token_id"));
}

TEST(Llama, RopeInBothSpellings) {
    Json json = Small();
    json["rope_theta"] = 500000.0;
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 32.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
    Json modern = Small();
    modern["rope_parameters"] = json["rope_scaling"];
    modern["rope_parameters"]["rope_theta"] = 500000.0;
    for (const Json& spelling : {json, modern}) {
        ModelConfig config = Read(spelling);
        EXPECT_EQ(config.rotary[0].theta, 500000.0f);
        EXPECT_EQ(config.rotary[0].scaling.kind, RopeScaling::Kind::kLlama3);
        EXPECT_EQ(config.rotary[0].scaling.factor, 32.0f);
        EXPECT_EQ(config.rotary[0].scaling.original_max_position_embeddings, 8192);
    }
    json = Small();
    json["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
    EXPECT_EQ(Read(json).rotary[0].scaling.kind, RopeScaling::Kind::kLinear);
    json["rope_scaling"] = {{"rope_type", "default"}};
    EXPECT_EQ(Read(json).rotary[0].scaling.kind, RopeScaling::Kind::kNone);
    modern["rope_theta"] = 1.5;
    EXPECT_THAT(std::string(Llama().read_config(modern).status().message()), HasSubstr("outside"));
}

TEST(Llama, RefusesWhatItDoesNotKnow) {
    EXPECT_THAT(ErrorWith("hidden_act", "tanhshrink"), HasSubstr("tanhshrink"));
    EXPECT_THAT(ErrorWith("rope_scaling", {{"rope_type", "mrope"}, {"factor", 4}}),
                HasSubstr("mrope"));
    EXPECT_THAT(ErrorWith("rope_scaling", "yes"), HasSubstr("not an object"));
    EXPECT_THAT(ErrorWith("rope_scaling", {{"rope_type", "linear"}}),
                HasSubstr("\"factor\" is missing"));
    EXPECT_THAT(ErrorWith("rope_scaling", {{"rope_type", "llama3"},
                                           {"factor", 8},
                                           {"low_freq_factor", 4},
                                           {"high_freq_factor", 4},
                                           {"original_max_position_embeddings", 8192}}),
                HasSubstr("not below"));
    EXPECT_THAT(ErrorWith("rope_interleaved", true), HasSubstr("rope_interleaved"));
    EXPECT_THAT(ErrorWith("partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor"));
    EXPECT_THAT(ErrorWith("quantization_config", {{"quant_method", "gptq"}}), HasSubstr("gptq"));
}

TEST(Llama, RefusesNumbersThatContradictEachOther) {
    EXPECT_THAT(ErrorWith("num_attention_heads", 7), HasSubstr("hidden_size 64 is not a multiple"));
    EXPECT_THAT(ErrorWith("num_key_value_heads", 3),
                HasSubstr("not a multiple of num_key_value_heads 3"));
    EXPECT_THAT(ErrorWith("head_dim", 7), HasSubstr("even"));
    EXPECT_THAT(ErrorWith("hidden_size", 0), HasSubstr("\"hidden_size\" is 0"));
    EXPECT_THAT(ErrorWith("hidden_size", -64), HasSubstr("whole number"));
    EXPECT_THAT(ErrorWith("hidden_size", 64.5), HasSubstr("whole number"));
    EXPECT_THAT(ErrorWith("hidden_size", "64"), HasSubstr("whole number"));
    EXPECT_THAT(ErrorWith("hidden_size", nullptr), HasSubstr("missing"));
    EXPECT_THAT(ErrorWith("vocab_size", uint64_t{1} << 63), HasSubstr("vocab_size"));
    EXPECT_THAT(ErrorWith("rms_norm_eps", -1), HasSubstr("rms_norm_eps"));
    EXPECT_THAT(ErrorWith("tie_word_embeddings", 1), HasSubstr("true or false"));
    EXPECT_EQ(Read([] {
                  Json json = Small();
                  json["num_hidden_layers"] = 1024;
                  return json;
              }())
                  .num_hidden_layers,
              1024);
    EXPECT_THAT(ErrorWith("num_hidden_layers", 1025), HasSubstr("from 1 to 1024"));
}

TEST(Llama, TheTable) {
    Json json = Small();
    auto tensors = ExpandTable(Llama(), Read(json));
    ASSERT_EQ(tensors.size(), 1 + 2 * 9 + 2u);
    EXPECT_EQ(tensors[0].hf_name, "model.embed_tokens.weight");
    EXPECT_EQ(tensors[2].name, "layers.0.attention.q");
    EXPECT_EQ(tensors[2].gguf_name, "blk.0.attn_q.weight");
    EXPECT_THAT(tensors[3].shape, ElementsAre(16, 64));
    EXPECT_EQ(tensors[10].layer, 1);
    EXPECT_EQ(tensors.back().hf_name, "lm_head.weight");
    json["tie_word_embeddings"] = true;
    EXPECT_EQ(ExpandTable(Llama(), Read(json)).size(), 20u);
    json["attention_bias"] = true;
    json["mlp_bias"] = true;
    EXPECT_EQ(ExpandTable(Llama(), Read(json)).size(), 20 + 2 * 7u);
}

Json Metadata() {
    return {
        {"general.architecture", "llama"},    {"llama.block_count", 2},
        {"llama.context_length", 128},        {"llama.embedding_length", 64},
        {"llama.feed_forward_length", 96},    {"llama.attention.head_count", 8},
        {"llama.attention.head_count_kv", 2}, {"llama.attention.layer_norm_rms_epsilon", 1e-5},
        {"llama.rope.freq_base", 500000.0},   {"vocabulary_size", 100},
        {"tokenizer.ggml.eos_token_id", 5},   {"tensors", {"token_embd.weight", "output.weight"}}};
}

TEST(LlamaGguf, BecomesTheConfigOfTransformers) {
    auto json = Llama().config_from_gguf(Metadata());
    ASSERT_TRUE(json.ok()) << json.status();
    ModelConfig config = Read(*json);
    EXPECT_EQ(config.vocab_size, 100);
    EXPECT_EQ(config.num_key_value_heads, 2);
    EXPECT_EQ(config.rotary[0].theta, 500000.0f);
    EXPECT_EQ(config.max_position_embeddings, 128);
    EXPECT_THAT(config.eos_token_ids, ElementsAre(5));
    EXPECT_FALSE(config.tie_word_embeddings || config.attention_bias);
    Json tied = Metadata();
    tied["tensors"] = {"token_embd.weight", "blk.0.attn_q.bias"};
    config = Read(*Llama().config_from_gguf(tied));
    EXPECT_TRUE(config.tie_word_embeddings && config.attention_bias);
}

TEST(LlamaGguf, WithAWindowIsMistral) {
    Json metadata = Metadata();
    metadata["llama.attention.sliding_window"] = 40;
    const Json json = *Llama().config_from_gguf(metadata);
    EXPECT_EQ(json["architectures"][0], "MistralForCausalLM");
    const auto config = FindArch("mistral").value()->read_config(json);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->layers[1].window, 40);
    metadata["llama.attention.sliding_window"] = 0;
    EXPECT_EQ((*Llama().config_from_gguf(metadata))["model_type"], "llama");
}

TEST(LlamaGguf, Llama3ScalingComesBackFromItsDivisors) {
    // The divisors as transformers computes them (modeling_rope_utils, _compute_llama3_parameters),
    // factor 32.
    Json divisors = Json::array();
    constexpr double kTheta = 500000, kFactor = 32, kLow = 1, kHigh = 4, kOriginal = 8192;
    constexpr int kHeadDim = 64;
    int ramp = 0;
    for (int i = 0; i < kHeadDim / 2; ++i) {
        double wavelength = 2 * std::numbers::pi * std::pow(kTheta, 2.0 * i / kHeadDim);
        double smooth = (kOriginal / wavelength - kLow) / (kHigh - kLow);
        double divisor = wavelength < kOriginal / kHigh  ? 1
                         : wavelength > kOriginal / kLow ? kFactor
                                                         : 1 / ((1 - smooth) / kFactor + smooth);
        ramp += divisor != 1 && divisor != kFactor;
        divisors.push_back(static_cast<float>(divisor));
    }
    ASSERT_GT(ramp, 0);
    Json metadata = Metadata();
    metadata["llama.attention.key_length"] = kHeadDim;
    metadata["rope_freqs"] = divisors;
    auto json = Llama().config_from_gguf(metadata);
    ASSERT_TRUE(json.ok()) << json.status();
    ModelConfig config = Read(*json);
    EXPECT_EQ(config.rotary[0].scaling.kind, RopeScaling::Kind::kLlama3);
    EXPECT_EQ(config.rotary[0].scaling.factor, 32.0f);

    metadata["rope_freqs"][kHeadDim / 4] = 7.0;
    EXPECT_THAT(std::string(Llama().config_from_gguf(metadata).status().message()),
                HasSubstr("rope_freqs.weight"));
    metadata["rope_freqs"] = {1.0, 1.0};
    EXPECT_THAT(std::string(Llama().config_from_gguf(metadata).status().message()),
                HasSubstr("has 2 values"));
    metadata["rope_freqs"] = std::vector<float>(kHeadDim / 2, 1.0f);
    EXPECT_EQ(Read(*Llama().config_from_gguf(metadata)).rotary[0].scaling.kind,
              RopeScaling::Kind::kNone);
}

TEST(LlamaGguf, RefusesWhatItDoesNotKnow) {
    auto error = [](const char* key, Json value) {
        Json metadata = Metadata();
        metadata[key] = std::move(value);
        auto json = Llama().config_from_gguf(metadata);
        EXPECT_FALSE(json.ok()) << key;
        return std::string(json.status().message());
    };
    EXPECT_THAT(error("llama.expert_count", 8), HasSubstr("mixture of experts"));
    EXPECT_THAT(error("llama.rope.scaling.type", "mrope"), HasSubstr("mrope"));
    EXPECT_THAT(error("llama.block_count", nullptr), HasSubstr("llama.block_count"));
    EXPECT_THAT(error("llama.attention.head_count_kv", {1, 2}), HasSubstr("head_count_kv"));
    Json linear = Metadata();
    linear["llama.rope.scaling.type"] = "linear";
    linear["llama.rope.scaling.factor"] = 4.0;
    EXPECT_EQ(Read(*Llama().config_from_gguf(linear)).rotary[0].scaling.factor, 4.0f);
}

}  // namespace
}  // namespace hone
