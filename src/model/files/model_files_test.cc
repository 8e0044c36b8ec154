#include "model/files/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "model/files/json_file.h"
#include "model/files/safetensors.h"
#include "model/inspect.h"
#include "model/model_writer.h"
#include "model/testing.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

const char* const kGolden = HONE_SOURCE_DIR "/tests/golden/models/";

// A copy of the tiny model "tied", to be damaged.
class Folder : public ::testing::Test {
  protected:
    void SetUp() override {
        fs::copy(std::string(kGolden) + "tied", folder_.path(), fs::copy_options::recursive);
        options_.cache = folder_ / "cache";
        options_.offline = true;
    }

    absl::StatusOr<std::unique_ptr<ModelFiles>> Open() {
        return OpenModel(folder_.path(), options_, nullptr);
    }
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
    void Edit(const std::string& file, const std::function<void(Json&)>& edit) {
        Json json = fs::exists(folder_ / file) ? *ReadJsonObject(folder_ / file) : Json::object();
        edit(json);
        testing::Put(folder_ / file, json.dump());
    }
    // Writes the weights again, each tensor as `edit` leaves it; one whose name it empties is left
    // out.
    void EditWeights(const std::function<void(TensorToWrite&)>& edit,
                     std::vector<TensorToWrite> more = {}) {
        std::string bytes = testing::Get(folder_ / "model.safetensors");
        auto contents = ParseSafetensors(testing::Bytes(bytes), "");
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

    TestFolder folder_;
    HubOptions options_;
};

TEST(ModelFiles, EveryGoldenModelOpens) {
    for (const char* name : {"tied", "bias", "llama3", "odd"}) {
        auto files = OpenModel(std::string(kGolden) + name, HubOptions(), nullptr);
        ASSERT_TRUE(files.ok()) << name << ": " << files.status();
        EXPECT_EQ((*files)->config.architecture, "LlamaForCausalLM");
        EXPECT_FALSE((*files)->tensors.empty());
        for (const auto& tensor : (*files)->tensors)
            ASSERT_NE(tensor.stored, nullptr) << tensor.name;
        EXPECT_EQ(FindModelTensor(**files, "norm")->hf_name, "model.norm.weight");
        EXPECT_EQ(FindModelTensor(**files, "nothing"), nullptr);
    }
}

TEST_F(Folder, ReadsTokensTemplateAndDefaults) {
    Edit("tokenizer_config.json", [](Json& json) {
        json["eos_token"] = {{"content", "<|im_end|>"}, {"special", true}};
        json["bos_token"] = "<|endoftext|>";
    });
    Edit("generation_config.json", [](Json& json) {
        json = {{"temperature", 0.25},
                {"top_p", 0.5},
                {"top_k", 7},
                {"do_sample", true},
                {"eos_token_id", {0, 2}}};
    });
    auto files = Opened();
    ASSERT_NE(files, nullptr);
    EXPECT_EQ(files->generation.temperature, 0.25f);
    EXPECT_EQ(files->generation.top_p, 0.5f);
    EXPECT_EQ(files->generation.top_k, 7);
    EXPECT_TRUE(files->generation.do_sample);
    EXPECT_EQ(files->generation.repetition_penalty, std::nullopt);
    EXPECT_EQ(files->eos_token, "<|im_end|>");
    EXPECT_EQ(files->config.bos_token_id, files->tokenizer->TokenToId("<|endoftext|>"));
    // The tokenizer's own first, whatever order the other files have.
    EXPECT_EQ(files->config.eos_token_ids[0], *files->tokenizer->TokenToId("<|im_end|>"));
    EXPECT_THAT(files->config.eos_token_ids, ::testing::UnorderedElementsAre(0, 2));
    EXPECT_TRUE(files->has_chat_template);
    EXPECT_FALSE(files->adds_bos);
    Edit("tokenizer_config.json", [](Json& json) { json["add_bos_token"] = true; });
    EXPECT_TRUE(Opened()->adds_bos);
}

TEST_F(Folder, TheChatTemplateFromEveryPlace) {
    auto source = [&] { return Opened()->chat_template->sources().at("default"); };
    EXPECT_EQ(source(), testing::Get(folder_ / "chat_template.jinja"));
    Edit("tokenizer_config.json", [](Json& json) { json["chat_template"] = "from config"; });
    EXPECT_NE(source(), "from config");  // the file of its own wins
    fs::remove(folder_ / "chat_template.jinja");
    EXPECT_EQ(source(), "from config");
    Edit("tokenizer_config.json", [](Json& json) {
        json["chat_template"] = {{{"name", "tool_use"}, {"template", "tools"}},
                                 {{"name", "default"}, {"template", "plain"}}};
    });
    EXPECT_EQ(source(), "plain");
    Edit("tokenizer_config.json", [](Json& json) { json["chat_template"] = {1}; });
    EXPECT_THAT(Error(), HasSubstr("chat_template"));
    Edit("tokenizer_config.json", [](Json& json) { json.erase("chat_template"); });
    auto files = Opened();
    EXPECT_FALSE(files->has_chat_template);
    EXPECT_EQ(files->chat_template->sources().at("default"), ChatMlTemplate());
}

TEST_F(Folder, NamedChatTemplates) {
    const Json tools = Json::array({{{"type", "function"}}});
    auto shown = [&](const Json& with) {
        auto text = Opened()->chat_template->Render(Json::array(), with, false);
        return text.ok() ? *text : std::string(text.status().message());
    };
    // As transformers 5 saves them.
    testing::Put(folder_ / "chat_template.jinja", "plain {{ pad_token }}");
    fs::create_directory(folder_ / "additional_chat_templates");
    testing::Put(folder_ / "additional_chat_templates/tool_use.jinja", "tools {{ unk_token }}");
    Edit("tokenizer_config.json", [](Json& json) {
        json["pad_token"] = "<pad>";
        json["unk_token"] = {{"content", "<unk>"}};
    });
    EXPECT_EQ(shown(nullptr), "plain <pad>");
    EXPECT_EQ(shown(tools), "tools <unk>");
    // As transformers 4 saves them.
    fs::remove(folder_ / "chat_template.jinja");
    fs::remove_all(folder_ / "additional_chat_templates");
    Edit("tokenizer_config.json", [](Json& json) {
        json["chat_template"] = {{{"name", "tool_use"}, {"template", "tools"}},
                                 {{"name", "rag"}, {"template", "r"}}};
    });
    EXPECT_EQ(shown(tools), "tools");
    EXPECT_THAT(shown(nullptr), HasSubstr("none called default"));
}

TEST_F(Folder, BrokenTextFiles) {
    testing::Put(folder_ / "chat_template.jinja", "{% for x in %}");
    EXPECT_THAT(Error(), HasSubstr("does not parse"));
    fs::remove(folder_ / "chat_template.jinja");
    std::string tokenizer = testing::Get(folder_ / "tokenizer.json");
    testing::Put(folder_ / "tokenizer.json", tokenizer.substr(0, tokenizer.size() / 2));
    EXPECT_THAT(Error(), HasSubstr("tokenizer.json"));
    fs::remove(folder_ / "tokenizer.json");
    EXPECT_THAT(Error(), HasSubstr("has no tokenizer.json"));
    testing::Put(folder_ / "tokenizer.json", tokenizer);
    Edit("tokenizer_config.json", [](Json& json) { json["eos_token"] = "<nowhere>"; });
    EXPECT_THAT(Error(), HasSubstr("\"<nowhere>\" is not in the tokenizer"));
    Edit("tokenizer_config.json", [](Json& json) { json["eos_token"] = 5; });
    EXPECT_THAT(Error(), HasSubstr("eos_token"));
    testing::Put(folder_ / "tokenizer_config.json", "{");
    EXPECT_THAT(Error(), HasSubstr("tokenizer_config.json"));
}

TEST_F(Folder, BrokenConfigs) {
    Edit("config.json", [](Json& json) { json["architectures"] = {"GPT2LMHeadModel"}; });
    EXPECT_THAT(Error(), AllOf(HasSubstr("GPT2LMHeadModel"), HasSubstr("LlamaForCausalLM")));
    Edit("config.json", [](Json& json) {
        json.erase("architectures");
        json.erase("model_type");
    });
    EXPECT_THAT(Error(), HasSubstr("names no architecture"));
    testing::Put(folder_ / "config.json", "{\"a\": ");
    EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("not valid JSON")));
    fs::remove(folder_ / "config.json");
    EXPECT_THAT(Error(), HasSubstr("no model"));
}

TEST_F(Folder, AConfigThatContradictsItsWeightsNamesBoth) {
    Edit("config.json",
         [](Json& json) { json["intermediate_size"] = json["intermediate_size"].get<int>() + 8; });
    EXPECT_THAT(Error(), AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight"),
                               HasSubstr("but the config calls for")));
    Edit("config.json", [](Json& json) {
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
    Edit("config.json", [](Json& json) { json["tie_word_embeddings"] = false; });
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
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("model.norm.weight"), HasSubstr("infinity"), HasSubstr("column 7")));
}

TEST_F(Folder, ATokenizerWithMoreTokensThanTheEmbedding) {
    Edit("tokenizer.json", [](Json& json) {
        for (int i = 0; i < 100; ++i)
            json["added_tokens"].push_back({{"id", 380 + i},
                                            {"content", fmt::format("<extra{}>", i)},
                                            {"single_word", false},
                                            {"lstrip", false},
                                            {"rstrip", false},
                                            {"normalized", false},
                                            {"special", true}});
    });
    EXPECT_THAT(Error(), HasSubstr("the tokenizer has 480 tokens"));
}

TEST_F(Folder, ATokenPastTheEmbeddingBehindAHole) {
    auto move_the_last_token = [&](int id) {
        Edit("tokenizer.json", [&](Json& json) {
            for (auto& [token, number] : json["model"]["vocab"].items())
                if (number >= 379) number = id;
        });
    };
    move_the_last_token(384);
    EXPECT_THAT(Error(), HasSubstr("1 of the tokenizer's tokens have ids past the 384 rows"));
    move_the_last_token(383);  // among the rows that pad the embedding
    EXPECT_NE(Opened(), nullptr);
}

TEST_F(Folder, TheFingerprintIsOfTheBytes) {
    std::string before = *ModelFingerprint(*Opened());
    EXPECT_EQ(before.size(), 64u);
    EXPECT_EQ(*ModelFingerprint(*Opened()), before);
    // The same tensors in another order are the same model.
    testing::Put(folder_ / "generation_config.json", "{}");
    EXPECT_EQ(*ModelFingerprint(*Opened()), before);
    std::string bytes = testing::Get(folder_ / "model.safetensors");
    bytes.back() ^= 1;
    testing::Put(folder_ / "model.safetensors", bytes);
    EXPECT_NE(*ModelFingerprint(*Opened()), before);
    bytes.back() ^= 1;
    testing::Put(folder_ / "model.safetensors", bytes);
    Edit("config.json", [](Json& json) { json["rms_norm_eps"] = 0.125; });
    EXPECT_NE(*ModelFingerprint(*Opened()), before);
}

TEST_F(Folder, SummaryCountsParametersOnce) {
    auto files = Opened();
    ModelSummary summary = Summarize(*files);
    int64_t parameters = 0;
    for (const auto& stored : files->weights->tensors()) parameters += stored.elements();
    EXPECT_EQ(summary.parameters, parameters);
    EXPECT_EQ(summary.layers, files->config.num_hidden_layers);
    EXPECT_TRUE(summary.tied_embeddings);
    EXPECT_TRUE(summary.chat_template);
    Json json = ToJson(summary);
    EXPECT_EQ(json["architecture"], "LlamaForCausalLM");
    EXPECT_EQ(json["parameters"], parameters);
    EXPECT_EQ(json["tokenizer_size"], files->tokenizer->vocabulary_size());
}

// The "bias" model as llama.cpp's converter writes it: q and k permuted within each head, its own
// names, F32.
class GgufModel : public ::testing::Test {
  protected:
    void SetUp() override {
        auto files = OpenModel(std::string(kGolden) + "bias", HubOptions(), nullptr);
        ASSERT_TRUE(files.ok()) << files.status();
        original_ = *std::move(files);
        const ModelConfig& config = original_->config;
        auto u32 = [&](const char* key, int64_t value) {
            builder_.U32(key, static_cast<uint32_t>(value));
        };
        builder_.String("general.architecture", "llama");
        u32("llama.block_count", config.num_hidden_layers);
        u32("llama.context_length", config.max_position_embeddings);
        u32("llama.embedding_length", config.hidden_size);
        u32("llama.feed_forward_length", config.intermediate_size);
        u32("llama.attention.head_count", config.num_attention_heads);
        u32("llama.attention.head_count_kv", config.num_key_value_heads);
        builder_.F32("llama.attention.layer_norm_rms_epsilon", config.rms_norm_eps);
        builder_.F32("llama.rope.freq_base", config.rope_theta);
        builder_.String("llama.rope.scaling.type", "linear").F32("llama.rope.scaling.factor", 2);
        for (const auto& tensor : original_->tensors) AddTensor(tensor);
    }

    void AddTensor(const ModelTensor& tensor) {
        std::vector<float> values = *ReadTensor(*tensor.stored), permuted = values;
        int64_t columns = tensor.shape.size() == 1 ? 1 : tensor.columns();
        if (tensor.row->gguf_permuted)
            for (int64_t row = 0; row < tensor.shape[0]; ++row)
                std::copy_n(
                    values.begin() + row * columns, columns,
                    permuted.begin() + GgufPermutedRow(row, original_->config.head_dim) * columns);
        std::vector<uint64_t> sizes(tensor.shape.rbegin(), tensor.shape.rend());
        builder_.Tensor(tensor.gguf_name, sizes, 0, testing::Floats(permuted));
    }

    // A byte-level vocabulary with two special tokens, padded to the embedding's rows.
    void AddTokenizer() {
        std::vector<std::string> tokens = {"<|endoftext|>", "<|im_end|>"};
        for (int byte = 0; byte < 256; ++byte) {
            int code = byte >= 33 && byte <= 126
                           ? byte
                           : 256 + byte;  // any distinct printable character will do
            tokens.push_back(code < 128 ? std::string(1, static_cast<char>(code))
                                        : std::string{static_cast<char>(0xc0 | code >> 6),
                                                      static_cast<char>(0x80 | (code & 63))});
        }
        tokens.push_back("ab");
        while (static_cast<int64_t>(tokens.size()) < original_->config.vocab_size)
            tokens.push_back(fmt::format("[PAD{}]", tokens.size()));
        std::string types;
        for (size_t i = 0; i < tokens.size(); ++i)
            types += testing::Raw<int32_t>(i < 2 ? 3 : i < 259 ? 1 : 5);
        builder_.String("tokenizer.ggml.model", "gpt2").String("tokenizer.ggml.pre", "gpt-2");
        builder_.Strings("tokenizer.ggml.tokens", tokens).Strings("tokenizer.ggml.merges", {"a b"});
        builder_.List("tokenizer.ggml.token_type", 5, tokens.size(), types);
        builder_.U32("tokenizer.ggml.bos_token_id", 0).U32("tokenizer.ggml.eos_token_id", 1);
        builder_.U32("tokenizer.ggml.eot_token_id", 0);
        builder_.String("tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
    }
    absl::StatusOr<std::unique_ptr<ModelFiles>> Open() {
        testing::Put(folder_ / "model.gguf", builder_.Build());
        return OpenModel(folder_ / "model.gguf", HubOptions(), nullptr);
    }
    std::string Error() {
        auto files = Open();
        EXPECT_FALSE(files.ok());
        EXPECT_EQ(KindOf(files.status()), ErrorKind::kModel);
        return std::string(files.status().message());
    }

    std::unique_ptr<ModelFiles> original_;
    testing::GgufBuilder builder_;
    TestFolder folder_;
};

TEST_F(GgufModel, ReadsTheSameRowsAsTheOriginal) {
    AddTokenizer();
    auto files = Open();
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_TRUE((*files)->gguf);
    EXPECT_EQ((*files)->config.rope_scaling.kind, original_->config.rope_scaling.kind);
    EXPECT_EQ((*files)->config.rope_scaling.factor, original_->config.rope_scaling.factor);
    EXPECT_TRUE((*files)->config.attention_bias && (*files)->config.mlp_bias);
    EXPECT_THAT((*files)->config.eos_token_ids, ElementsAre(1, 0));
    EXPECT_EQ((*files)->eos_token, "<|im_end|>");
    EXPECT_EQ((*files)->chat_template->sources().at("default"), "{{ bos_token }}{{ messages[0].content }}");
    ASSERT_EQ((*files)->tensors.size(), original_->tensors.size());
    for (size_t i = 0; i < original_->tensors.size(); ++i) {
        const ModelTensor& tensor = (*files)->tensors[i];
        ASSERT_EQ(tensor.name, original_->tensors[i].name);
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        ASSERT_TRUE(ReadModelRows(**files, tensor, 0, tensor.rows(), values.data()).ok());
        EXPECT_EQ(values, *ReadTensor(*original_->tensors[i].stored)) << tensor.name;
        if (tensor.rows() < 3) continue;
        std::vector<float> row(static_cast<size_t>(tensor.columns()));
        ASSERT_TRUE(ReadModelRows(**files, tensor, 2, 3, row.data()).ok());
        EXPECT_TRUE(std::equal(row.begin(), row.end(), values.begin() + 2 * tensor.columns()))
            << tensor.name;
    }
    // A folder with nothing but that file is that model.
    EXPECT_TRUE(OpenModel(folder_.path(), HubOptions(), nullptr).ok());
}

// As a folder it is the same model, under Hugging Face's names and in its rows' order.
TEST_F(GgufModel, AFolderOfItIsTheSameModel) {
    AddTokenizer();
    auto gguf = Open();
    ASSERT_TRUE(gguf.ok()) << gguf.status();
    std::map<std::string, std::vector<float>> numbers;
    for (const ModelTensor& tensor : original_->tensors)
        numbers[tensor.hf_name] = *ReadTensor(*tensor.stored);
    absl::Status written = WriteModelFolder(
        **gguf, DType::kF32,
        [&](const ModelTensor& tensor) {
            return std::span<const float>(numbers.at(tensor.hf_name));
        },
        folder_ / "written");
    ASSERT_TRUE(written.ok()) << written;
    auto files = OpenModel(folder_ / "written", HubOptions(), nullptr);
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_FALSE((*files)->gguf);
    for (const ModelTensor& tensor : (*files)->tensors)
        EXPECT_EQ(*ReadTensor(*tensor.stored), numbers.at(tensor.hf_name)) << tensor.name;
    EXPECT_EQ((*files)->config.rope_scaling.factor, 2);
    EXPECT_EQ((*files)->config.eos_token_ids, (*gguf)->config.eos_token_ids);
    EXPECT_EQ((*files)->config.bos_token_id, (*gguf)->config.bos_token_id);
    EXPECT_EQ((*files)->adds_bos, (*gguf)->adds_bos);
    EXPECT_EQ((*files)->bos_token, (*gguf)->bos_token);
    EXPECT_EQ((*files)->eos_token, (*gguf)->eos_token);
    EXPECT_TRUE((*files)->has_chat_template);
    EXPECT_EQ((*files)->chat_template->sources().at("default"), (*gguf)->chat_template->sources().at("default"));
    EXPECT_EQ((*files)->tokenizer->Encode("ab a", true).value(),
              (*gguf)->tokenizer->Encode("ab a", true).value());
}

TEST_F(GgufModel, WithoutATokenizer) {
    builder_.U32("llama.vocab_size", static_cast<uint32_t>(original_->config.vocab_size));
    EXPECT_THAT(Error(), HasSubstr("no tokenizer"));
}

TEST_F(GgufModel, ATensorTooMany) {
    AddTokenizer();
    builder_.Tensor("blk.7.attn_q.weight", {1}, 0, testing::Floats({1}));
    EXPECT_THAT(Error(), HasSubstr("\"blk.7.attn_q.weight\" has no place"));
}

TEST_F(GgufModel, OnePartOfSeveral) {
    AddTokenizer();
    builder_.U32("split.count", 3);
    EXPECT_THAT(Error(), HasSubstr("one of 3 parts"));
}

TEST(Gguf, UnknownArchitecture) {
    TestFolder folder;
    testing::Put(folder / "m.gguf",
                 testing::GgufBuilder().String("general.architecture", "mamba").Build());
    auto files = OpenModel(folder / "m.gguf", HubOptions(), nullptr);
    EXPECT_THAT(std::string(files.status().message()), HasSubstr("\"mamba\""));
    testing::Put(folder / "m.gguf", testing::GgufBuilder().Build());
    files = OpenModel(folder / "m.gguf", HubOptions(), nullptr);
    EXPECT_THAT(std::string(files.status().message()),
                HasSubstr("\"general.architecture\" is missing"));
}

}  // namespace
}  // namespace hone
