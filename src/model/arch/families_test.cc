// What all families have in common: their golden models open, a GGUF file of the same model is the
// same model, published configs are understood, and what is not known is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "model/config/decoder_graph.h"
#include "model/files/golden_testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testkit::Floats;
using testkit::GgufBuilder;
using testkit::GoldenModel;
using testkit::Put;
using Json = nlohmann::ordered_json;

std::string Text(const std::optional<NormSpec>& norm) {
    if (!norm) return "-";
    return fmt::format("{}{}:{}:{}", static_cast<int>(norm->kind), norm->plus_one, norm->epsilon,
                       norm->weight);
}

// All that a graph says of mathematics.
std::string Text(const ModelGraph& graph) {
    std::string text = fmt::format("embedding {} {} {}\n", graph.embedding.tokens,
                                   graph.embedding.positions, graph.embedding.scale);
    for (const RotaryConfig& rotary : graph.rotary) {
        const RopeScaling& s = rotary.scaling;
        text += fmt::format("rotary {} {} {}", rotary.dims, rotary.theta, static_cast<int>(s.kind));
        if (s.kind != RopeScaling::Kind::kNone)
            text += fmt::format(" {} {:.5f}", s.factor, s.attention_factor);
        for (double divisor : s.long_divisors) text += fmt::format(" {:.5f}", divisor);
        text += "\n";
    }
    for (const LayerSpec& layer : graph.layers) {
        const AttentionSpec& a = layer.attention;
        text +=
            fmt::format("{} {} {} {} {} {} {}\n", Text(layer.attention_norm), Text(layer.mlp_norm),
                        Text(a.q_norm), Text(a.k_norm), Text(layer.attention_residual.norm),
                        Text(layer.mlp_residual.norm), layer.parallel);
        text += fmt::format("{} {} {} {} {} {} {} {} {}\n", a.in.size(), a.in[0].bias, a.out.bias,
                            a.H, a.KV, a.D, a.scale, a.window, a.rotary);
        text += fmt::format("{} {} {} {} {} {}\n", a.soft_cap, layer.mlp.in.size(),
                            layer.mlp.in[0].bias, static_cast<int>(layer.mlp.activation.kind),
                            layer.mlp.activation.gated, layer.mlp.F);
        text += fmt::format("{} {}\n", layer.attention_residual.scale, layer.mlp_residual.scale);
    }
    return text + fmt::format("head {} {} {} {} {} {}", Text(graph.head.norm),
                              graph.head.linear.weight, graph.head.linear.bias, graph.head.module,
                              graph.head.scale, graph.head.soft_cap);
}

std::string GraphText(const ModelFiles& files) {
    return Text(MakeGraph(*files.arch, files.config));
}

// A golden model, and what its GGUF file says beside the sizes.
struct Family {
    std::string name;
    // What GGUF cannot say is as usual.
    std::function<void(Json&)> edit = [](Json&) {};
    std::function<void(GgufBuilder&, const ModelConfig&)> keys = [](GgufBuilder&,
                                                                    const ModelConfig&) {};
    bool fused = false;  // the file has queries, keys and values as one
};

std::vector<Family> Families() {
    const auto no_windows = [](Json& json) {
        json.erase("layer_types");
        json["use_sliding_window"] = false;
    };
    return {
        {"qwen2", no_windows},
        {"qwen3", no_windows},
        {"olmo2"},
        {"phi"},
        {.name = "phi", .fused = true},
        {"mistral", [](Json&) {},
         [](GgufBuilder& gguf, const ModelConfig&) {
             gguf.U32("llama.attention.sliding_window", 6);
         }},
        {"gpt2"},
        {"gemma"},
        {"smollm3",
         [](Json& json) {
             for (const char* key : {"no_rope_layers", "layer_types"}) json.erase(key);
             json["no_rope_layer_interval"] = 4;
         }},
        {"granite", [](Json&) {},
         [](GgufBuilder& gguf, const ModelConfig& config) {
             gguf.F32("granite.embedding_scale", config.embedding_scale);
             gguf.F32("granite.attention.scale", config.attention_scale);
             gguf.F32("granite.residual_scale", config.residual_scale);
             gguf.F32("granite.logit_scale", 1 / config.logit_scale);
         }},
        {"gemma2", [](Json& json) { json["query_pre_attn_scalar"] = 12; },
         [](GgufBuilder& gguf, const ModelConfig& config) {
             gguf.U32("gemma2.attention.sliding_window", 5);
             gguf.F32("gemma2.attn_logit_softcapping", config.attention_soft_cap);
             gguf.F32("gemma2.final_logit_softcapping", config.final_soft_cap);
         }},
        {"gemma3",
         [](Json& json) {
             json.erase("layer_types");
             json["sliding_window_pattern"] = 6;
             json["query_pre_attn_scalar"] = 16;
         },
         [](GgufBuilder& gguf, const ModelConfig&) {
             gguf.U32("gemma3.attention.sliding_window", 5);
             gguf.String("gemma3.rope.scaling.type", "linear").F32("gemma3.rope.scaling.factor", 8);
         }},
        {"phi3", [](Json&) {},
         [](GgufBuilder& gguf, const ModelConfig& config) {
             const RopeScaling& scaling = config.rotary[0].scaling;
             gguf.U32("phi3.attention.sliding_window", 7);
             gguf.U32("phi3.rope.dimension_count", static_cast<uint32_t>(config.rotary[0].dims));
             gguf.U32("phi3.rope.scaling.original_context_length",
                      static_cast<uint32_t>(scaling.original_max_position_embeddings));
             for (const auto& [name, divisors] :
                  {std::pair("rope_factors_short.weight", scaling.short_divisors),
                   std::pair("rope_factors_long.weight", scaling.long_divisors)})
                 gguf.Tensor(name, {divisors.size()}, 0,
                             Floats({divisors.begin(), divisors.end()}));
         }},
    };
}

// The model as llama.cpp's converter writes it, in F32.
std::string AsGguf(const ModelFiles& files, const Family& family) {
    const ModelConfig& config = files.config;
    const std::string prefix(family.name == "mistral" ? "llama" : files.arch->gguf_type);
    GgufBuilder gguf;
    const auto number = [&](const char* key, int64_t value) {
        gguf.U32(fmt::format("{}.{}", prefix, key), static_cast<uint32_t>(value));
    };
    gguf.String("general.architecture", prefix);
    number("block_count", config.num_hidden_layers);
    number("context_length", config.max_position_embeddings);
    number("embedding_length", config.hidden_size);
    number("feed_forward_length", config.intermediate_size);
    number("attention.head_count", config.num_attention_heads);
    number("attention.head_count_kv", config.num_key_value_heads);
    number("attention.key_length", config.head_dim);
    number("vocab_size", config.vocab_size);
    const bool layer_norms = family.name == "gpt2" || family.name == "phi";
    gguf.F32(fmt::format("{}.attention.layer_norm_{}epsilon", prefix, layer_norms ? "" : "rms_"),
             config.norm_epsilon);
    if (!config.rotary.empty()) {
        gguf.F32(prefix + ".rope.freq_base", static_cast<float>(config.rotary[0].theta));
        if (family.name == "phi") number("rope.dimension_count", config.rotary[0].dims);
    }
    family.keys(gguf, config);
    struct Whole {
        std::vector<uint64_t> sizes;
        std::string bytes;
    };
    std::map<std::string, Whole> fused;
    for (const ModelTensor& tensor : files.tensors) {
        std::vector<float> plain(static_cast<size_t>(tensor.elements()));
        EXPECT_TRUE(ReadModelRows(files, tensor, 0, tensor.rows(), plain.data()).ok());
        const std::vector<uint64_t> sizes(tensor.shape.rbegin(), tensor.shape.rend());
        const std::string bytes =
            Floats(ToStored(tensor.row->gguf, tensor.shape, config.head_dim, plain));
        const size_t at = tensor.gguf_name.find("attn_");
        const bool part =
            at != std::string::npos && tensor.gguf_name.find_first_of("qkv", at + 5) == at + 5;
        if (!family.fused || !part) {
            gguf.Tensor(tensor.gguf_name, sizes, 0, bytes);
            continue;
        }
        // The table has the queries first, then the keys, then the values.
        Whole& whole =
            fused[tensor.gguf_name.substr(0, at) + "attn_qkv" + tensor.gguf_name.substr(at + 6)];
        whole.bytes += bytes;
        if (whole.sizes.empty()) {
            whole.sizes = sizes;
        } else {
            whole.sizes.back() += sizes.back();
        }
    }
    for (const auto& [name, whole] : fused) gguf.Tensor(name, whole.sizes, 0, whole.bytes);
    return gguf.Build();
}

TEST(Families, AGgufFileIsTheSameModel) {
    std::set<std::string_view> seen;
    for (const Family& family : Families()) {
        SCOPED_TRACE(family.name);
        const TestFolder folder;
        std::filesystem::copy(GoldenModel(family.name), folder / "model");
        Json json = *ReadJsonObject(folder / "model/config.json");
        family.edit(json);
        Put(folder / "model/config.json", json.dump());
        const auto original = OpenModel(folder / "model");
        ASSERT_TRUE(original.ok()) << original.status();
        seen.insert((*original)->arch->gguf_type);
        Put(folder / "model.gguf", AsGguf(**original, family));
        const auto files = OpenModel(folder / "model.gguf");
        ASSERT_TRUE(files.ok()) << files.status();
        EXPECT_EQ((*files)->arch, (*original)->arch);
        EXPECT_EQ(GraphText(**files), GraphText(**original));
        for (const ModelTensor& tensor : (*original)->tensors) {
            const ModelTensor* same = FindModelTensor(**files, tensor.name);
            ASSERT_NE(same, nullptr) << tensor.name;
            std::vector<float> a(static_cast<size_t>(tensor.elements())), b(a);
            ASSERT_TRUE(ReadModelRows(**original, tensor, 0, tensor.rows(), a.data()).ok());
            ASSERT_TRUE(ReadModelRows(**files, *same, 0, same->rows(), b.data()).ok());
            for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-7f) << tensor.name;
        }
    }
    // Llama's is tested in model_files_test.cc.
    for (const ArchSpec* arch : AllArchs())
        EXPECT_TRUE(arch->gguf_type.empty() || arch->gguf_type == "llama" ||
                    seen.count(arch->gguf_type) > 0)
            << arch->gguf_type;
}

TEST(Families, AreFoundByTheirNames) {
    for (const ArchSpec* arch : AllArchs()) {
        EXPECT_EQ(FindArch(arch->model_type).value(), arch);
        for (std::string_view name : arch->architectures) EXPECT_EQ(FindArch(name).value(), arch);
        if (!arch->gguf_type.empty()) {
            EXPECT_EQ(FindGgufArch(arch->gguf_type).value(), arch);
        }
    }
    EXPECT_THAT(std::string(FindArch("Qwen3ForCasualLM").status().message()),
                testing::AllOf(HasSubstr("did you mean Qwen3ForCausalLM?"), HasSubstr("GPT2LM")));
    const absl::Status gguf = FindGgufArch("gema3").status();
    EXPECT_THAT(std::string(gguf.message()), HasSubstr("did you mean gemma3?"));
    EXPECT_EQ(KindOf(gguf), ErrorKind::kModel);
}

ModelConfig Read(const std::string& text) {
    const Json json = Json::parse(text);
    const ArchSpec* arch = FindArch(json["architectures"][0].get<std::string>()).value();
    auto config = arch->read_config(json);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? *std::move(config) : ModelConfig();
}

std::string Error(const std::string& text) {
    const Json json = Json::parse(text);
    const ArchSpec* arch = FindArch(json["architectures"][0].get<std::string>()).value();
    const auto config = arch->read_config(json);
    EXPECT_FALSE(config.ok()) << text;
    return std::string(config.status().message());
}

// As google/gemma-3-4b-it says it: most of the text part is left to transformers' defaults.
TEST(Families, Gemma3OfTextAndImages) {
    const ModelConfig config = Read(R"({
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
        "eos_token_id": [1, 106], "vision_config": {"model_type": "siglip_vision_model"},
        "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
            "model_type": "gemma3_text", "sliding_window": 1024,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}})");
    EXPECT_EQ(config.vocab_size, 262208);
    EXPECT_EQ(config.num_attention_heads, 8);
    EXPECT_EQ(config.num_key_value_heads, 4);
    EXPECT_EQ(config.head_dim, 256);
    ASSERT_EQ(config.rotary.size(), 2u);
    EXPECT_EQ(config.rotary[0].theta, 1e6);
    EXPECT_EQ(config.rotary[0].scaling.factor, 8);
    EXPECT_EQ(config.rotary[1].theta, 1e4);
    EXPECT_EQ(config.rotary[1].scaling.kind, RopeScaling::Kind::kNone);
    EXPECT_EQ(config.layers[4].window, 1024);
    EXPECT_EQ(config.layers[4].rotary, 1);
    EXPECT_EQ(config.layers[5].window, 0);
    EXPECT_EQ(config.layers[5].rotary, 0);
    EXPECT_EQ(config.eos_token_ids.size(), 2u);
    // What is trained is a model of text.
    EXPECT_EQ(config.json["architectures"][0], "Gemma3ForCausalLM");
}

// llama.cpp's converter tells Phi 4, which has no window, from Phi 3 by that.
TEST(Families, Phi4OfGgufHasAWindowOfZero) {
    Json metadata = {
        {"phi3.block_count", 2},          {"phi3.context_length", 64},
        {"phi3.embedding_length", 32},    {"phi3.feed_forward_length", 64},
        {"phi3.attention.head_count", 4}, {"phi3.attention.layer_norm_rms_epsilon", 1e-5},
        {"vocabulary_size", 100},         {"tensors", {"token_embd.weight", "output.weight"}}};
    for (const int64_t window : {0, 7}) {
        metadata["phi3.attention.sliding_window"] = window;
        const auto json = FindGgufArch("phi3").value()->config_from_gguf(metadata);
        ASSERT_TRUE(json.ok()) << json.status();
        EXPECT_EQ(Read(json->dump()).layers[1].window, window);
    }
}

// As microsoft/Phi-3.5-mini-instruct says it, with fewer elements in a head.
TEST(Families, Phi3InItsOwnSpelling) {
    const char* text = R"({"architectures": ["Phi3ForCausalLM"], "vocab_size": 32064,
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
        "rope_theta": 10000.0, "sliding_window": 262144, "rope_scaling": {"type": "longrope",
        "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 2, 30, 60]}})";
    const ModelConfig config = Read(text);
    const RopeScaling& scaling = config.rotary[0].scaling;
    EXPECT_EQ(scaling.kind, RopeScaling::Kind::kLongRope);
    EXPECT_EQ(scaling.original_max_position_embeddings, 4096);
    EXPECT_EQ(scaling.long_divisors[3], 60);
    EXPECT_NEAR(scaling.attention_factor, std::sqrt(1 + std::log(32.0) / std::log(4096.0)), 1e-9);
    EXPECT_EQ(config.layers[1].window, 262144);
    Json json = Json::parse(text);
    json["rope_scaling"]["long_factor"] = {1, 2, 3};
    EXPECT_THAT(Error(json.dump()), HasSubstr("\"long_factor\" is not a list of 4 numbers"));
}

TEST(Families, WindowsOfQwen) {
    const std::string sizes = R"("vocab_size": 100, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2)";
    // As Qwen2.5 says it: there is a window, which is not used.
    ModelConfig config = Read(fmt::format(
        R"({{"architectures": ["Qwen2ForCausalLM"], {}, "sliding_window": 64, "max_window_layers": 1,
        "use_sliding_window": false}})",
        sizes));
    EXPECT_EQ(config.layers[2].window, 0);
    EXPECT_TRUE(config.attention_bias && !config.attention_output_bias);
    config = Read(fmt::format(
        R"({{"architectures": ["Qwen2ForCausalLM"], {}, "sliding_window": 64, "max_window_layers": 1,
        "use_sliding_window": true}})",
        sizes));
    EXPECT_EQ(config.layers[0].window, 0);
    EXPECT_EQ(config.layers[1].window, 64);
    EXPECT_THAT(Error(fmt::format(R"({{"architectures": ["Qwen2ForCausalLM"], {},
        "layer_types": ["full_attention"]}})",
                                  sizes)),
                HasSubstr("layer_types"));
    EXPECT_THAT(Error(fmt::format(R"({{"architectures": ["Qwen3ForCausalLM"], {},
        "hidden_act": "mish"}})",
                                  sizes)),
                HasSubstr("mish"));
    EXPECT_THAT(Error(fmt::format(R"({{"architectures": ["Qwen3ForCausalLM"], {},
        "partial_rotary_factor": 0.5}})",
                                  sizes)),
                HasSubstr("qwen3 models rotate whole heads"));
}

// As openai-community/gpt2 lies on the Hub: names without "transformer.", and buffers of masks.
TEST(Families, Gpt2AsItWasFirstSaved) {
    const TestFolder folder;
    const auto original = OpenModel(GoldenModel("gpt2"));
    ASSERT_TRUE(original.ok()) << original.status();
    std::vector<TensorToWrite> tensors;
    for (const ModelTensor& tensor : (*original)->tensors) {
        const StoredTensor& stored = *tensor.stored;
        tensors.push_back({stored.name.substr(std::string_view("transformer.").size()),
                           stored.shape, DType::kF32, stored.bytes});
    }
    const std::vector<float> mask(16);
    tensors.push_back({"h.0.attn.bias", {1, 1, 4, 4}, DType::kF32, {}, mask});
    std::filesystem::create_directory(folder / "model");
    std::filesystem::copy(GoldenModel("gpt2") + "/config.json", folder / "model/config.json");
    ASSERT_TRUE(WriteSafetensors(folder / "model/model.safetensors", tensors, {}).ok());
    const auto files = OpenModel(folder / "model");
    ASSERT_TRUE(files.ok()) << files.status();
    const ModelTensor* qkv = FindModelTensor(**files, "layers.1.attention.qkv");
    EXPECT_EQ(qkv->stored->name, "h.1.attn.c_attn.weight");
    EXPECT_EQ(qkv->shape, (std::vector<int64_t>{144, 48}));
    EXPECT_EQ(qkv->hf_name, "transformer.h.1.attn.c_attn.weight");
}

}  // namespace
}  // namespace hone
