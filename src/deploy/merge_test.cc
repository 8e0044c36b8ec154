#include "deploy/merge.h"

#include <gmock/gmock.h>

#include "adapt/lora.h"
#include "base/files/json_file.h"
#include "base/files/testing.h"
#include "model/files/golden_testing.h"
#include "model/files/model_tensors.h"
#include "model/model.h"

namespace hone {
namespace {

using testing::HasSubstr;

std::string Golden(const std::string& name) { return HONE_SOURCE_DIR "/tests/golden/" + name; }

absl::StatusOr<MergeReport> Merge(const std::string& model, const std::string& adapter,
                                  const std::string& output, int64_t shard_bytes = 1 << 30) {
    auto base = OpenModel(model).value();
    return MergeAdapter(*base, {Golden("adapters/" + adapter), output, shard_bytes}, Context(2));
}

// "tied" of "tied-lora".
std::string ModelOf(const std::string& adapter) {
    return Golden("models/" + adapter.substr(0, adapter.find('-')));
}

// Deltas of every kind: with rsLoRA, patterns, DoRA, vectors of IA3 at either side, a delta or a
// whole module on the head, tied or not, and on the embedding.
TEST(Merge, EveryAdapterGivesTheLogitsOfBaseAndAdapter) {
    TestFolder folder;
    for (const char* adapter : {"tied-lora", "llama3-rslora", "bias-regex", "odd-head", "tied-head",
                                "tied-dora", "bias-dora", "tied-ia3", "bias-ia3", "tied-embed"}) {
        SCOPED_TRACE(adapter);
        const std::string output = folder / adapter;
        const auto report = Merge(ModelOf(adapter), adapter, output);
        ASSERT_TRUE(report.ok()) << report.status();
        EXPECT_GT(report->layers, 0);
        EXPECT_LE(report->difference, report->tolerance);
        EXPECT_GT(report->difference, 0);
        const auto base = OpenModel(ModelOf(adapter)).value(), merged = OpenModel(output).value();
        // What the report says is true of other tokens too.
        const Context context(2);
        Batch batch;
        Example example{.tokens = {5, 9, 200, 17, 31}, .weights = {0, 1, 1, 1, 1}};
        batch.Append(example);
        const LoadOptions exact{.compute = ComputeType::kF32};
        auto adapted = Model::Load(*base, exact, context).value();
        ASSERT_TRUE(
            LoadAdapter(*adapted, Golden(std::string("adapters/") + adapter), context).ok());
        auto whole = Model::Load(*merged, exact, context).value();
        auto plain = Model::Load(*base, exact, context).value();
        const double expected = adapted->Evaluate(context, batch)->loss,
                     found = whole->Evaluate(context, batch)->loss,
                     without = plain->Evaluate(context, batch)->loss;
        EXPECT_NEAR(found, expected, 0.02 * expected);
        EXPECT_LT(std::abs(found - expected), 0.5 * std::abs(without - expected));
        EXPECT_FALSE(std::filesystem::exists(output + ".unfinished"));
        EXPECT_TRUE(std::filesystem::exists(output + "/tokenizer.json"));
        EXPECT_TRUE(std::filesystem::exists(output + "/chat_template.jinja"));
    }
}

TEST(Merge, ATiedHeadThatTheAdapterChangesBecomesAHeadOfItsOwn) {
    TestFolder folder;
    ASSERT_TRUE(Merge(ModelOf("tied-head"), "tied-head", folder / "head").ok());
    ASSERT_TRUE(Merge(ModelOf("tied-lora"), "tied-lora", folder / "lora").ok());
    EXPECT_EQ(ReadJsonObject(folder / "head/config.json")->at("tie_word_embeddings"), false);
    EXPECT_EQ(ReadJsonObject(folder / "lora/config.json")->at("tie_word_embeddings"), true);
    EXPECT_NE(OpenModel(folder / "head").value()->weights->Find("lm_head.weight"), nullptr);
    EXPECT_EQ(OpenModel(folder / "lora").value()->weights->Find("lm_head.weight"), nullptr);
    // The head reads a tied embedding without the delta.
    ASSERT_TRUE(Merge(ModelOf("tied-embed"), "tied-embed", folder / "embed").ok());
    EXPECT_EQ(ReadJsonObject(folder / "embed/config.json")->at("tie_word_embeddings"), false);
}

// An adapter over the blocks of a GGUF file is merged with their numbers.
TEST(Merge, ABaseInBlocksGivesTheLogitsOfItsNumbers) {
    TestFolder folder;
    testkit::GoldenGguf gguf(true);
    gguf.AddTokenizer();
    ASSERT_TRUE(gguf.Open().ok());
    const auto report = Merge(gguf.folder() + "/model.gguf", "bias-regex", folder / "out");
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_LE(report->difference, report->tolerance);
    const auto base = OpenModel(gguf.folder() + "/model.gguf").value(),
               merged = OpenModel(folder / "out").value();
    // What the adapter leaves alone, with its rows in Hugging Face's order.
    const ModelTensor *before = FindModelTensor(*base, "layers.0.attention.k"),
                      *after = FindModelTensor(*merged, "layers.0.attention.k");
    std::vector<float> expected(static_cast<size_t>(before->elements())), found(expected);
    ASSERT_TRUE(ReadModelRows(*base, *before, 0, before->rows(), expected.data()).ok());
    ASSERT_TRUE(ReadModelRows(*merged, *after, 0, after->rows(), found.data()).ok());
    for (size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 0.01f * std::abs(expected[i]));
}

TEST(Merge, WeightsAreCutIntoFilesOfAtMostTheSize) {
    TestFolder folder;
    const auto one = Merge(ModelOf("tied-lora"), "tied-lora", folder / "one");
    const auto many = Merge(ModelOf("tied-lora"), "tied-lora", folder / "many", 60'000);
    ASSERT_TRUE(one.ok() && many.ok()) << many.status();
    EXPECT_EQ(one->files, 1);
    EXPECT_GT(many->files, 2);
    EXPECT_EQ(one->bytes, many->bytes);
    EXPECT_EQ(one->difference, many->difference);
    const auto index = *ReadJsonObject(folder / "many/model.safetensors.index.json");
    EXPECT_EQ(index["metadata"]["total_size"], many->bytes);
    for (const auto& entry : std::filesystem::directory_iterator(folder / "many"))
        if (entry.path().extension() == ".safetensors") {
            EXPECT_LT(entry.file_size(), 62'000U) << entry.path();
        }
}

TEST(Merge, WhatIsThereIsNotWrittenOver) {
    TestFolder folder;
    folder.Write("there/file", "x");
    const auto refused = Merge(ModelOf("tied-lora"), "tied-lora", folder / "there");
    EXPECT_EQ(KindOf(refused.status()), ErrorKind::kUsage);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("is there already"));
    std::filesystem::create_directory(folder / "empty");
    EXPECT_TRUE(Merge(ModelOf("tied-lora"), "tied-lora", folder / "empty").ok());
    const auto other = Merge(ModelOf("odd-head"), "tied-lora", folder / "other");
    EXPECT_EQ(KindOf(other.status()), ErrorKind::kModel);
    EXPECT_FALSE(std::filesystem::exists(folder / "other"));
}

TEST(Merge, AFailedWriteLeavesNothing) {
    TestFolder folder;
    const FaultGuard guard([](std::string_view operation, const std::string& path) {
        const bool weights = path.find("model.safetensors") != std::string::npos;
        return operation == "sync" && weights ? ENOSPC : 0;
    });
    EXPECT_FALSE(Merge(ModelOf("tied-lora"), "tied-lora", folder / "out").ok());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Merge, SizesAreReadAsTransformersReadsThem) {
    EXPECT_EQ(ParseShardSize("5GB").value(), 5'000'000'000);
    EXPECT_EQ(ParseShardSize("500mb").value(), 500'000'000);
    EXPECT_EQ(ParseShardSize("2GiB").value(), int64_t{2} << 30);
    EXPECT_EQ(ParseShardSize(" 1.5 KB").value(), 1500);
    EXPECT_EQ(ParseShardSize("12345").value(), 12345);
    for (const char* bad : {"", "GB", "-1GB", "0", "5 TBs", "1e30GB", "nan"})
        EXPECT_EQ(KindOf(ParseShardSize(bad).status()), ErrorKind::kUsage) << bad;
}

}  // namespace
}  // namespace hone
