// LoRA on embeddings, with adapters that PEFT wrote: tests/golden/adapters/MODEL-embed.
#include <gmock/gmock.h>

#include "adapt/base_adapter.h"
#include "adapt/lora.h"
#include "base/files/testing.h"
#include "model/model.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

std::string GoldenPath(const std::string& name) { return HONE_SOURCE_DIR "/tests/golden/" + name; }

std::unique_ptr<Model> LoadGoldenBase(const std::string& name, const Context& context) {
    const auto files = OpenModel(GoldenPath("models/" + name)).value();
    return Model::Load(*files, {.compute = ComputeType::kF32}, context).value();
}

LoraConfig OnLayers(std::vector<std::string> targets) {
    LoraConfig config;
    config.r = 4;
    config.target_modules = std::move(targets);
    return config;
}

TEST(EmbeddingLora, IsReadAndWrittenAsPeftDoes) {
    const Context context(1);
    TestFolder folder;
    for (const std::string name : {"tied", "llama3", "gpt2", "gemma3"}) {
        SCOPED_TRACE(name);
        const std::string adapter = GoldenPath("adapters/" + name + "-embed");
        const auto model = LoadGoldenBase(name, context);
        const auto config = LoadAdapter(*model, adapter, context);
        ASSERT_TRUE(config.ok()) << config.status();
        ASSERT_TRUE(SaveAdapter(*model, *config, folder / name).ok());
        const auto again = LoadGoldenBase(name, context);
        const auto read = LoadAdapter(*again, folder / name, context);
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_THAT(read->target_modules, UnorderedElementsAreArray(config->target_modules));
        EXPECT_TRUE(HoldsAdapter(*again, *config, adapter).value());
        const auto file = OpenWeights(folder / (name + "/adapter_model.safetensors")).value();
        const StoredTensor* a =
            file->Find(name == "gpt2" ? "base_model.model.transformer.wte.lora_embedding_A"
                                      : "base_model.model.model.embed_tokens.lora_embedding_A");
        ASSERT_NE(a, nullptr);
        EXPECT_EQ(a->shape.back(), model->config().vocab_size);
        if (name != "gpt2") continue;
        EXPECT_THAT(read->target_modules, ElementsAre("c_attn", "wte", "wpe"));
        EXPECT_NE(file->Find("base_model.model.transformer.wpe.lora_embedding_B"), nullptr);
    }
}

TEST(EmbeddingLora, NeedsToBeNamed) {
    const Context context(1);
    const auto model = LoadGoldenBase("tied", context);
    ASSERT_TRUE(ApplyLora(*model, OnLayers({"all-linear"}), 1, context).ok());
    EXPECT_EQ(model->parameters().Find("model.embed_tokens.lora_embedding_A"), nullptr);
    const auto other = LoadGoldenBase("tied", context);
    LoraConfig config = OnLayers({"embed_tokens", "q_proj"});
    config.modules_to_save = {"embed_tokens"};
    ASSERT_TRUE(ApplyLora(*other, config, 1, context).ok());
    EXPECT_EQ(other->parameters().Find("model.embed_tokens.lora_embedding_A"), nullptr);
    EXPECT_NE(other->parameters().Find("model.embed_tokens.weight"), nullptr);
}

TEST(EmbeddingLora, WhatItCannotGoWithIsNamed) {
    const Context context(1);
    const auto refused = [&](LoraConfig config) {
        const auto model = LoadGoldenBase("tied", context);
        return std::string(ApplyLora(*model, config, 1, context).message());
    };
    LoraConfig dora = OnLayers({"embed_tokens"}), pissa = dora, ia3 = dora;
    dora.use_dora = true;
    pissa.init_lora_weights = "pissa";
    ia3.peft_type = "IA3";
    EXPECT_THAT(refused(dora), HasSubstr("model.embed_tokens is an embedding"));
    EXPECT_THAT(refused(dora), HasSubstr("use_dora"));
    EXPECT_THAT(refused(pissa), HasSubstr("PiSSA"));
    EXPECT_THAT(refused(ia3), HasSubstr("'embed_tokens' names no layer"));
    // Beside the base, for some sequences of a batch.
    const auto model = LoadGoldenBase("tied", context);
    const auto beside = OpenAdapter(*model, GoldenPath("adapters/tied-embed"));
    EXPECT_EQ(KindOf(beside.status()), ErrorKind::kUsage);
    EXPECT_THAT(std::string(beside.status().message()),
                HasSubstr("changes the embedding model.embed_tokens"));
}

}  // namespace
}  // namespace hone
