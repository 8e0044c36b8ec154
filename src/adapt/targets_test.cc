#include "adapt/targets.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/limits.h"

namespace hone {
namespace {

// A Llama of two layers with PEFT's names.
std::vector<LinearInfo> TwoLayers() {
    std::vector<LinearInfo> linears;
    for (int layer = 0; layer < 2; ++layer)
        for (const char* name :
             {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
              "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})
            linears.push_back({fmt::format("model.layers.{}.{}", layer, name), 16, 16, false,
                               std::string_view(name).ends_with("q_proj") ||
                                   std::string_view(name).ends_with("v_proj")});
    linears.push_back({"lm_head", 16, 32, true});
    return linears;
}

std::vector<std::string> Select(const LoraConfig& config,
                                UnmatchedTargets unmatched = UnmatchedTargets::kError) {
    auto targets = SelectTargets(TwoLayers(), config, unmatched);
    std::vector<std::string> names;
    if (!targets.ok()) return {std::string(targets.status().message())};
    for (const auto& target : *targets) names.push_back(target.name);
    return names;
}

LoraConfig Targets(std::vector<std::string> names) {
    LoraConfig config;
    config.target_modules = std::move(names);
    return config;
}

LoraConfig Regex(const std::string& expression) {
    LoraConfig config = Targets({expression});
    config.target_is_regex = true;
    return config;
}

TEST(SelectTargets, NamesSuffixesAndDefaults) {
    EXPECT_EQ(Select({}),
              (std::vector<std::string>{
                  "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
                  "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"}));
    EXPECT_EQ(Select(Targets({"layers.1.mlp.up_proj"})),
              std::vector<std::string>{"model.layers.1.mlp.up_proj"});
    EXPECT_EQ(Select(Targets({"model.layers.0.mlp.up_proj"})),
              std::vector<std::string>{"model.layers.0.mlp.up_proj"});
    EXPECT_EQ(Select(Targets({"lm_head"})), std::vector<std::string>{"lm_head"});
    // A suffix ends at a dot: "proj" is no module, nor is "p_proj" part of up_proj.
    EXPECT_NE(Select(Targets({"p_proj"}))[0].find("q_proj, k_proj"), std::string::npos);
}

TEST(SelectTargets, AllLinearLeavesTheHeadOut) {
    EXPECT_EQ(Select(Targets({"all-linear"})).size(), 14u);
    EXPECT_EQ(Select(Targets({"ALL-linear"})).size(), 14u);
    LoraConfig config = Targets({"all-linear"});
    config.exclude_modules = {"mlp.down_proj", "q_proj"};
    EXPECT_EQ(Select(config).size(), 10u);
}

TEST(SelectTargets, RegularExpressionsMatchTheWholeName) {
    EXPECT_EQ(Select(Regex(R"(.*\.[qv]_proj)")).size(), 4u);
    EXPECT_EQ(Select(Regex(R"(model\.layers\.1\..*(up|down)_proj)")).size(), 2u);
    EXPECT_EQ(Select(Regex(R"(model\.layers\.\d+\.(?:self_attn|mlp)\.(?:q_proj|up_proj))")).size(),
              4u);
    EXPECT_EQ(Select(Regex(R"((?!.*mlp).*_proj)")).size(), 8u);
    EXPECT_EQ(Select(Regex("q_proj")).size(), 1u);  // an error: it is not the whole name
    EXPECT_NE(Select(Regex("(unclosed"))[0].find("not understood"), std::string::npos);
}

TEST(SelectTargets, LayersToTransform) {
    LoraConfig config = Targets({"q_proj", "v_proj"});
    config.layers_to_transform = {1};
    EXPECT_EQ(Select(config), (std::vector<std::string>{"model.layers.1.self_attn.q_proj",
                                                        "model.layers.1.self_attn.v_proj"}));
    config.layers_pattern = {"layers"};
    EXPECT_EQ(Select(config).size(), 2u);
    config.layers_pattern = {"blocks"};
    EXPECT_EQ(Select(config).size(), 1u);  // an error
}

TEST(SelectTargets, ANameThatNothingAnswersToIsATypo) {
    EXPECT_NE(Select(Targets({"q_proj", "v_porj"}))[0].find("v_porj"), std::string::npos);
    EXPECT_EQ(Select(Targets({"q_proj", "c_attn"}), UnmatchedTargets::kAllow).size(), 2u);
    EXPECT_NE(Select(Targets({"q_proj", "embed_token"}))[0].find("names no layer"),
              std::string::npos);
}

TEST(SelectTargets, ASavedModuleCarriesNoDelta) {
    LoraConfig config = Targets({"all-linear"});
    config.modules_to_save = {"layers.0", "lm_head"};
    EXPECT_EQ(Select(config).size(), 7u);
}

TEST(SelectModulesToSave, ByTheEndOfTheName) {
    const std::vector<std::string> modules = {
        "model.embed_tokens", "model.layers.0.input_layernorm", "model.norm", "lm_head"};
    LoraConfig config;
    config.modules_to_save = {"lm_head", "norm"};
    // PEFT asks for the end of the name, dot or not: "norm" is every norm.
    EXPECT_EQ(
        SelectModulesToSave(modules, config).value(),
        (std::vector<std::string>{"model.layers.0.input_layernorm", "model.norm", "lm_head"}));
    config.modules_to_save = {"score"};
    EXPECT_NE(std::string(SelectModulesToSave(modules, config).status().message()).find("score"),
              std::string::npos);
    config.modules_to_save = {""};
    EXPECT_FALSE(SelectModulesToSave(modules, config).ok());
}

TEST(LowRankFor, PatternsAndScales) {
    LoraConfig config;
    config.r = 8;
    config.lora_alpha = 16;
    config.rank_pattern = {{"layers.0.self_attn.q_proj", 2}, {".*q_proj", 4}, {"down_proj", 16}};
    config.alpha_pattern = {{"down_proj", 64}};
    auto rank = [&](const char* name) { return LowRankFor(config, name)->rank; };
    auto scale = [&](const char* name) { return LowRankFor(config, name)->scale; };
    EXPECT_EQ(rank("model.layers.0.self_attn.q_proj"), 2);  // the first that matches
    EXPECT_EQ(rank("model.layers.1.self_attn.q_proj"), 4);
    EXPECT_EQ(rank("model.layers.1.self_attn.v_proj"), 8);
    EXPECT_EQ(rank("model.layers.1.mlp.down_proj"), 16);
    EXPECT_EQ(scale("model.layers.1.self_attn.v_proj"), 2.0f);
    EXPECT_EQ(scale("model.layers.0.self_attn.q_proj"), 8.0f);
    EXPECT_EQ(scale("model.layers.1.mlp.down_proj"), 4.0f);
    config.use_rslora = true;
    EXPECT_FLOAT_EQ(scale("model.layers.1.self_attn.v_proj"),
                    static_cast<float>(16 / std::sqrt(8.0)));
    // A pattern must begin where a name begins.
    config.rank_pattern = {{"proj", 3}};
    EXPECT_EQ(rank("model.layers.1.self_attn.v_proj"), 8);
}

TEST(LowRankFor, RankLimits) {
    LoraConfig config;
    config.r = kMaxLoraRank;
    EXPECT_TRUE(LowRankFor(config, "q_proj").ok());
    config.r = kMaxLoraRank + 1;
    EXPECT_FALSE(LowRankFor(config, "q_proj").ok());
    config.r = 0;
    EXPECT_FALSE(LowRankFor(config, "q_proj").ok());
}

TEST(SavedTargetNames, ShortWhereTheySelectTheSame) {
    auto saved = [](const LoraConfig& config) {
        auto linears = TwoLayers();
        return SavedTargetNames(
            linears, SelectTargets(linears, config, UnmatchedTargets::kError).value(), config);
    };
    EXPECT_EQ(saved(Targets({"all-linear"})),
              (std::vector<std::string>{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                                        "up_proj", "down_proj"}));
    EXPECT_EQ(saved({}), (std::vector<std::string>{"q_proj", "v_proj"}));
    EXPECT_EQ(saved(Targets({"layers.1.mlp.up_proj"})),
              std::vector<std::string>{"model.layers.1.mlp.up_proj"});
}

TEST(NamePattern, Limits) {
    const std::string longest(kMaxPatternBytes, 'a');
    EXPECT_TRUE(NamePattern::Compile(longest, "x").ok());
    EXPECT_FALSE(NamePattern::Compile(longest + "a", "x").ok());
    const std::string deep =
        std::string(kMaxPatternDepth, '(') + "a" + std::string(kMaxPatternDepth, ')');
    EXPECT_TRUE(NamePattern::Compile(deep, "x").ok());
    EXPECT_FALSE(NamePattern::Compile("(" + deep + ")", "x").ok());
    auto any = NamePattern::Compile(".*", "x").value();
    EXPECT_TRUE(any.FullMatch(std::string(kMaxNameBytes, 'a')));
    EXPECT_FALSE(any.FullMatch(std::string(kMaxNameBytes + 1, 'a')));
}

TEST(NamePattern, NoPatternTakesExponentialTime) {
    auto pattern = NamePattern::Compile("(a+)+b", "x").value();
    EXPECT_FALSE(
        pattern.FullMatch(std::string(200, 'a')));  // a backtracking matcher would never come back
}

}  // namespace
}  // namespace hone
