// What goes in and out of files: chats become the reference's tokens, and an adapter that hone
// saves is the one that PEFT or AdapterHub's library saved.
#include "absl/strings/str_replace.h"
#include "base/files/file.h"
#include "base/files/testing.h"
#include "chat/chat_files.h"
#include "data/format/tokenize.h"
#include "golden.h"

namespace hone::golden {
namespace {

class ModelFilesTest : public testing::TestWithParam<std::string> {};

TEST_P(ModelFilesTest, ChatsBecomeTheSameTokensAndLoss) {
    Context context(2);
    Loaded base = LoadBase(Folder() + "/models/" + GetParam(), ComputeType::kF32, context);
    auto text = ReadFile(Folder() + "/values/" + GetParam() + "-chat.json");
    GOLDEN_ASSERT_OK(text.status());
    auto chat = OpenChat(*base.files);
    GOLDEN_ASSERT_OK(chat.status());
    auto encoder = (*chat)->MakeEncoder();
    GOLDEN_ASSERT_OK(encoder.status());
    const auto chats = nlohmann::ordered_json::parse(*text);
    for (const auto& row : chats["rows"]) {
        auto conversation = ParseMessages(row["messages"]);
        GOLDEN_ASSERT_OK(conversation.status());
        auto encoded = (*encoder)->EncodeConversation(*conversation, {});
        GOLDEN_ASSERT_OK(encoded.status());
        EXPECT_EQ(encoded->example.tokens, row["tokens"].get<std::vector<int32_t>>());
        EXPECT_EQ(encoded->example.weights, row["weights"].get<std::vector<float>>());
        auto sums = base.model->Evaluate(context, Pack({encoded->example}));
        GOLDEN_ASSERT_OK(sums.status());
        const double loss = row["loss_sum"];
        EXPECT_NEAR(sums->loss, loss, 1e-4 * loss);
        EXPECT_EQ(sums->correct, row["correct"].get<int64_t>());
    }
}

TEST_P(ModelFilesTest, FingerprintTellsModelsApart) {
    auto mine = OpenModel(Folder() + "/models/" + GetParam());
    GOLDEN_ASSERT_OK(mine.status());
    auto fingerprint = ModelFingerprint(**mine);
    GOLDEN_ASSERT_OK(fingerprint.status());
    for (const std::string& name : ModelNames()) {
        auto other = OpenModel(Folder() + "/models/" + name);
        GOLDEN_ASSERT_OK(other.status());
        EXPECT_EQ(*fingerprint == *ModelFingerprint(**other), name == GetParam()) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, ModelFilesTest, testing::ValuesIn(ModelNames()));

class AdapterFilesTest : public testing::TestWithParam<std::string> {};

// Same tensors, same numbers, and a config that says the same.
TEST_P(AdapterFilesTest, SavedAsPeftSaves) {
    Context context(2);
    const Case golden(GetParam());
    Loaded base = LoadBase(golden.model_folder(), ComputeType::kF32, context);
    auto config = LoadAdapter(*base.model, golden.adapter_folder(), context);
    GOLDEN_ASSERT_OK(config.status());
    const TestFolder folder;
    GOLDEN_ASSERT_OK(SaveAdapter(*base.model, *config, folder.path()));

    const std::string weights = AdapterWeightsName(*config);
    auto ours = OpenSafetensors(folder / weights);
    auto theirs = OpenSafetensors(golden.adapter_folder() + "/" + weights);
    GOLDEN_ASSERT_OK(ours.status());
    GOLDEN_ASSERT_OK(theirs.status());
    size_t expected = 0;
    for (const StoredTensor& tensor : (*theirs)->tensors()) {
        // Beside a delta of the head PEFT keeps a copy of the base's own, which nobody needs.
        if (tensor.name.find(".base_layer.") != std::string::npos) continue;
        ++expected;
        // AdapterHub's names have that of the adapter in them.
        const StoredTensor* saved =
            (*ours)->Find(absl::StrReplaceAll(tensor.name, {{".golden.", ".hone."}}));
        ASSERT_NE(saved, nullptr) << tensor.name;
        EXPECT_EQ(saved->shape, tensor.shape) << tensor.name;
        ExpectSameBits(*ReadTensor(*saved), *ReadTensor(tensor), tensor.name);
    }
    EXPECT_EQ((*ours)->tensors().size(), expected);

    // It means the same when it is read back, on a base of its own.
    Loaded again = LoadBase(golden.model_folder(), ComputeType::kF32, context);
    GOLDEN_ASSERT_OK(LoadAdapter(*again.model, folder.path(), context).status());
    ExpectSameBits(again.model->parameters().values(), base.model->parameters().values(), "again");

    auto Read = [](const std::string& path) {
        return nlohmann::json::parse(*ReadFile(path + "/adapter_config.json"));
    };
    const nlohmann::json our_config = Read(folder.path()),
                         their_config = Read(golden.adapter_folder());
    for (const char* key : {"peft_type", "task_type", "r", "lora_alpha", "bias", "use_rslora",
                            "rank_pattern", "alpha_pattern", "modules_to_save", "lora_dropout",
                            "num_virtual_tokens", "num_transformer_submodules", "num_layers",
                            "num_attention_heads", "token_dim", "prompt_tuning_init"}) {
        EXPECT_EQ(our_config.value(key, nlohmann::json()),
                  their_config.value(key, nlohmann::json()))
            << key;
    }
    // AdapterHub's: of what is not there it takes the same defaults.
    const nlohmann::json bottleneck = our_config.value("config", nlohmann::json::object());
    for (const auto& [key, value] : bottleneck.items())
        EXPECT_EQ(value, their_config["config"][key]) << key;
}

// An adapter of another base is refused, whichever pair.
TEST_P(AdapterFilesTest, AnotherBaseRefusesIt) {
    Context context(2);
    const Case golden(GetParam());
    for (const std::string& name : ModelNames()) {
        if ("models/" + name == golden.values()["model"].get<std::string>()) continue;
        Loaded base = LoadBase(Folder() + "/models/" + name, ComputeType::kF32, context);
        auto config = LoadAdapter(*base.model, golden.adapter_folder(), context);
        EXPECT_FALSE(config.ok()) << name;
        EXPECT_EQ(KindOf(config.status()), ErrorKind::kModel) << config.status();
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, AdapterFilesTest, testing::ValuesIn(CaseNames()), TestName);

}  // namespace
}  // namespace hone::golden
