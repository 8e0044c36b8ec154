#include "model/files/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "model/files/golden_testing.h"
#include "model/weights/pytorch_testing.h"
#include "model/weights/safetensors.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

class Folder : public testing::Test {
  protected:
    absl::StatusOr<std::unique_ptr<ModelFiles>> Open() { return OpenModel(folder_.path()); }
    std::unique_ptr<ModelFiles> Opened() {
        auto files = Open();
        EXPECT_TRUE(files.ok()) << files.status();
        return files.ok() ? *std::move(files) : nullptr;
    }
    std::string Error() {
        auto files = Open();
        EXPECT_FALSE(files.ok());
        if (files.ok()) return "";
        EXPECT_EQ(KindOf(files.status()), ErrorKind::kModel) << files.status();
        return std::string(files.status().message());
    }
    // Writes the weights again, each tensor as `edit` leaves it; one whose name it empties is left
    // out.
    void EditWeights(const std::function<void(TensorToWrite&)>& edit,
                     std::vector<TensorToWrite> more = {}) {
        std::string bytes = testkit::Get(folder_ / "model.safetensors");
        auto contents = ParseSafetensors(testkit::Bytes(bytes), "");
        ASSERT_TRUE(contents.ok());
        std::vector<TensorToWrite> tensors;
        for (const auto& stored : contents->tensors) {
            DType dtype = stored.type == StorageType::kF32 ? DType::kF32 : DType::kBF16;
            TensorToWrite tensor{stored.name, stored.shape, dtype, stored.bytes};
            edit(tensor);
            if (!tensor.name.empty()) tensors.push_back(std::move(tensor));
        }
        tensors.insert(tensors.end(), more.begin(), more.end());
        ASSERT_TRUE(WriteSafetensors(folder_ / "model.safetensors", tensors, {}).ok());
    }

    testkit::GoldenFolder folder_;
};

TEST(ModelFiles, EveryGoldenModelOpens) {
    for (const char* name : {"tied", "bias", "llama3", "odd"}) {
        auto files = OpenModel(testkit::GoldenModel(name));
        ASSERT_TRUE(files.ok()) << name << ": " << files.status();
        EXPECT_EQ((*files)->config.architecture, "LlamaForCausalLM");
        EXPECT_FALSE((*files)->tensors.empty());
        for (const auto& tensor : (*files)->tensors)
            ASSERT_NE(tensor.stored, nullptr) << tensor.name;
        EXPECT_EQ(FindModelTensor(**files, "norm")->hf_name, "model.norm.weight");
        EXPECT_EQ(FindModelTensor(**files, "nothing"), nullptr);
    }
}

TEST_F(Folder, PytorchWeightsAreTheSameModel) {
    auto safetensors = Opened();
    const std::string fingerprint = ModelFingerprint(*safetensors).value();
    const std::string plain = testkit::PytorchOf(*safetensors->weights, false),
                      turned = testkit::PytorchOf(*safetensors->weights, true);
    fs::remove(folder_ / "model.safetensors");
    testkit::Put(folder_ / "pytorch_model.bin", plain);
    EXPECT_EQ(ModelFingerprint(*Opened()).value(), fingerprint);
    testkit::Put(folder_ / "pytorch_model.bin", turned);
    auto pytorch = Opened();
    EXPECT_NE(ModelFingerprint(*pytorch).value(), fingerprint) << "other bytes in the file";
    for (const ModelTensor& tensor : pytorch->tensors) {
        const StoredTensor& expected = *FindModelTensor(*safetensors, tensor.name)->stored;
        EXPECT_EQ(*ReadTensor(*tensor.stored), *ReadTensor(expected)) << tensor.name;
        EXPECT_TRUE(*SameNumbers(*tensor.stored, expected)) << tensor.name;
        const BroughtTensor brought(*tensor.stored);
        EXPECT_EQ(*ReadTensor(brought.tensor), *ReadTensor(expected)) << tensor.name;
    }
}

TEST_F(Folder, BrokenConfigs) {
    folder_.Edit("config.json", [](Json& json) { json["architectures"] = {"MambaForCausalLM"}; });
    EXPECT_THAT(Error(), AllOf(HasSubstr("MambaForCausalLM"), HasSubstr("LlamaForCausalLM")));
    folder_.Edit("config.json", [](Json& json) {
        json.erase("architectures");
        json.erase("model_type");
    });
    EXPECT_THAT(Error(), HasSubstr("names no architecture"));
    testkit::Put(folder_ / "config.json", "{\"a\": ");
    EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("not valid JSON")));
    fs::remove(folder_ / "config.json");
    EXPECT_THAT(Error(), HasSubstr("config.json"));
}

TEST_F(Folder, AConfigThatContradictsItsWeightsNamesBoth) {
    folder_.Edit("config.json", [](Json& json) {
        json["intermediate_size"] = json["intermediate_size"].get<int>() + 8;
    });
    EXPECT_THAT(Error(), AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight"),
                               HasSubstr("but the config calls for")));
    folder_.Edit("config.json", [](Json& json) {
        json["intermediate_size"] = json["intermediate_size"].get<int>() - 8;
        json["num_hidden_layers"] = json["num_hidden_layers"].get<int>() + 2;
    });
    EXPECT_THAT(Error(), AllOf(HasSubstr("\"model.layers.2.self_attn.q_proj.weight\" is missing"),
                               HasSubstr("and 10 more")));
}

TEST_F(Folder, MissingAndExtraTensors) {
    EditWeights([](TensorToWrite& tensor) {
        if (tensor.name == "model.norm.weight") tensor.name = "model.norm.bias";
    });
    EXPECT_THAT(Error(), AllOf(HasSubstr("\"model.norm.weight\" is missing"),
                               HasSubstr("\"model.norm.bias\" has no place")));
}

TEST_F(Folder, KnownHarmlessTensorsAreIgnored) {
    static const float kZeros[2] = {0, 0};
    std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(kZeros), 8);
    EditWeights([](TensorToWrite&) {},
                {{"model.layers.0.self_attn.rotary_emb.inv_freq", {2}, DType::kF32, bytes}});
    ASSERT_NE(Opened(), nullptr);
}

TEST_F(Folder, ATiedModelsHeadCountsWhereItIsAnother) {
    EXPECT_TRUE(Opened()->config.tie_word_embeddings);
    const auto embedding = *ReadTensor(*FindModelTensor(*Opened(), "embedding")->stored);
    auto with_head = [&](std::vector<int64_t> shape, std::span<const float> values) {
        EditWeights(
            [](TensorToWrite& tensor) {
                if (tensor.name == "lm_head.weight") tensor.name = "";
            },
            {{"lm_head.weight", std::move(shape), DType::kF32, {}, values}});
    };
    // A copy, in another type than the embedding's: nothing new.
    with_head({384, 64}, embedding);
    EXPECT_TRUE(Opened()->config.tie_word_embeddings);
    EXPECT_EQ(FindModelTensor(*Opened(), "head"), nullptr);
    auto other = embedding;
    other.back() += 1;
    with_head({384, 64}, other);
    auto files = Opened();
    ASSERT_NE(files, nullptr);
    EXPECT_FALSE(files->config.tie_word_embeddings);
    EXPECT_EQ(files->config.json["tie_word_embeddings"], false);
    EXPECT_EQ(*ReadTensor(*FindModelTensor(*files, "head")->stored), other);
    with_head({2}, std::span(embedding).first(2));
    EXPECT_THAT(Error(), HasSubstr("\"lm_head.weight\" has the shape [2]"));
}

TEST_F(Folder, AHeadWithoutAnEmbeddingIsBothWhereTheyAreTied) {
    EditWeights([](TensorToWrite& tensor) {
        if (tensor.name == "model.embed_tokens.weight") tensor.name = "lm_head.weight";
    });
    auto files = Opened();
    ASSERT_NE(files, nullptr);
    EXPECT_EQ(FindModelTensor(*files, "embedding")->stored->name, "lm_head.weight");
    folder_.Edit("config.json", [](Json& json) { json["tie_word_embeddings"] = false; });
    EXPECT_THAT(Error(), HasSubstr("\"model.embed_tokens.weight\" is missing"));
}

TEST_F(Folder, ANumberThatIsNoneIsFound) {
    const Context context(1);
    EXPECT_TRUE(CheckFinite(*Opened(), context).ok());
    std::vector<float> norm(64, 1.0f);
    norm[7] = -std::numeric_limits<float>::infinity();
    EditWeights([&](TensorToWrite& tensor) {
        if (tensor.name != "model.norm.weight") return;
        tensor.dtype = DType::kF32;
        tensor.bytes = {};
        tensor.values = norm;
    });
    const absl::Status status = CheckFinite(*Opened(), context);
    EXPECT_EQ(KindOf(status), ErrorKind::kModel);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("model.norm.weight"),
                                                     HasSubstr("infinity"), HasSubstr("column 7")));
}

TEST_F(Folder, TheFingerprintIsOfTheBytes) {
    std::string before = *ModelFingerprint(*Opened());
    EXPECT_EQ(before.size(), 64u);
    EXPECT_EQ(*ModelFingerprint(*Opened()), before);
    // The same tensors in another order are the same model.
    testkit::Put(folder_ / "generation_config.json", "{}");
    EXPECT_EQ(*ModelFingerprint(*Opened()), before);
    std::string bytes = testkit::Get(folder_ / "model.safetensors");
    bytes.back() ^= 1;
    testkit::Put(folder_ / "model.safetensors", bytes);
    EXPECT_NE(*ModelFingerprint(*Opened()), before);
    bytes.back() ^= 1;
    testkit::Put(folder_ / "model.safetensors", bytes);
    folder_.Edit("config.json", [](Json& json) { json["rms_norm_eps"] = 0.125; });
    EXPECT_NE(*ModelFingerprint(*Opened()), before);
}

TEST(GoldenGguf, ReadsTheSameRowsAsTheOriginal) {
    testkit::GoldenGguf gguf;
    gguf.AddTokenizer();
    auto files = gguf.Open();
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_TRUE((*files)->gguf);
    EXPECT_EQ((*files)->config.rotary[0].scaling.kind,
              gguf.original().config.rotary[0].scaling.kind);
    EXPECT_EQ((*files)->config.rotary[0].scaling.factor,
              gguf.original().config.rotary[0].scaling.factor);
    EXPECT_TRUE((*files)->config.attention_bias && (*files)->config.mlp_bias);
    EXPECT_THAT((*files)->config.eos_token_ids, ElementsAre(1));
    ASSERT_EQ((*files)->tensors.size(), gguf.original().tensors.size());
    for (size_t i = 0; i < gguf.original().tensors.size(); ++i) {
        const ModelTensor& tensor = (*files)->tensors[i];
        ASSERT_EQ(tensor.name, gguf.original().tensors[i].name);
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        ASSERT_TRUE(ReadModelRows(**files, tensor, 0, tensor.rows(), values.data()).ok());
        EXPECT_EQ(values, *ReadTensor(*gguf.original().tensors[i].stored)) << tensor.name;
        if (tensor.rows() < 3) continue;
        std::vector<float> row(static_cast<size_t>(tensor.columns()));
        ASSERT_TRUE(ReadModelRows(**files, tensor, 2, 3, row.data()).ok());
        EXPECT_TRUE(std::equal(row.begin(), row.end(), values.begin() + 2 * tensor.columns()))
            << tensor.name;
    }
}

TEST(GoldenGguf, ATensorTooMany) {
    testkit::GoldenGguf gguf;
    gguf.AddTokenizer();
    gguf.builder.Tensor("blk.7.attn_q.weight", {1}, 0, testkit::Floats({1}));
    EXPECT_THAT(gguf.Error(), HasSubstr("\"blk.7.attn_q.weight\" has no place"));
}

TEST(GoldenGguf, OnePartOfSeveral) {
    testkit::GoldenGguf gguf;
    gguf.AddTokenizer();
    gguf.builder.U32("split.count", 3);
    EXPECT_THAT(gguf.Error(), HasSubstr("one of 3 parts"));
}

TEST(Gguf, UnknownArchitecture) {
    TestFolder folder;
    testkit::Put(folder / "m.gguf",
                 testkit::GgufBuilder().String("general.architecture", "mamba").Build());
    auto files = OpenModel(folder / "m.gguf");
    EXPECT_THAT(std::string(files.status().message()), HasSubstr("\"mamba\""));
    testkit::Put(folder / "m.gguf", testkit::GgufBuilder().Build());
    files = OpenModel(folder / "m.gguf");
    EXPECT_THAT(std::string(files.status().message()),
                HasSubstr("\"general.architecture\" is missing"));
}

}  // namespace
}  // namespace hone
