// For tests: the tiny models of tests/golden/models, to be damaged, and as GGUF.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files/json_file.h"
#include "model/config/arch.h"
#include "model/files/model_files.h"
#include "model/files/tensor_layout.h"
#include "model/weights/testing.h"

namespace hone::testkit {

// "tied", "llama3", "bias" or "odd".
inline std::string GoldenModel(std::string_view name) {
    return fmt::format("{}/tests/golden/models/{}", HONE_SOURCE_DIR, name);
}

// A copy of the model "tied", whose files can be changed.
class GoldenFolder {
  public:
    GoldenFolder() {
        std::filesystem::copy(GoldenModel("tied"), path(),
                              std::filesystem::copy_options::recursive);
    }
    const std::string& path() const { return folder_.path(); }
    std::string operator/(std::string_view name) const { return folder_ / name; }
    // One of its JSON files, an empty object where there is none.
    void Edit(const std::string& file,
              const std::function<void(nlohmann::ordered_json&)>& edit) const {
        nlohmann::ordered_json json = std::filesystem::exists(folder_ / file)
                                          ? *ReadJsonObject(folder_ / file)
                                          : nlohmann::ordered_json::object();
        edit(json);
        Put(folder_ / file, json.dump());
    }

  private:
    TestFolder folder_;
};

// Numbers as GGUF's blocks of 32: Q4_0 (2), Q4_1 (3) or Q8_0 (8), by GGUF's number of the type.
inline std::string GgufBlocksOf(uint32_t type, const std::vector<float>& values) {
    std::string bytes;
    const auto half = [&](float value) {
        const f16 rounded = ToF16(value);
        bytes += Raw<uint16_t>(rounded.bits);
        return ToFloat(rounded);
    };
    for (size_t begin = 0; begin < values.size(); begin += 32) {
        const float* x = values.data() + begin;
        const auto [low, high] = std::minmax_element(x, x + 32);
        const float most = std::max(-*low, *high);
        const float step = half(type == 3   ? (*high - *low) / 15
                                : type == 2 ? most / 7
                                            : most / 127);
        const float least = type == 3 ? half(*low) : 0;
        const auto code = [&](int i) {
            return static_cast<int>(std::lround((x[i] - least) / step)) + (type == 2 ? 8 : 0);
        };
        for (int i = 0; i < (type == 8 ? 32 : 16); ++i)
            bytes += static_cast<char>(type == 8 ? code(i)
                                                 : std::clamp(code(i), 0, 15) |
                                                       std::clamp(code(i + 16), 0, 15) << 4);
    }
    return bytes;
}

// The "bias" model as llama.cpp's converter writes it: q and k permuted within each head, its own
// names, F32; or with in_blocks the layers' matrices in blocks of several types, but for v.
class GoldenGguf {
  public:
    explicit GoldenGguf(bool in_blocks = false)
        : original_(OpenModel(GoldenModel("bias")).value()), in_blocks_(in_blocks) {
        const ModelConfig& config = original_->config;
        auto u32 = [&](const char* key, int64_t value) {
            builder.U32(key, static_cast<uint32_t>(value));
        };
        builder.String("general.architecture", "llama");
        u32("llama.block_count", config.num_hidden_layers);
        u32("llama.context_length", config.max_position_embeddings);
        u32("llama.embedding_length", config.hidden_size);
        u32("llama.feed_forward_length", config.intermediate_size);
        u32("llama.attention.head_count", config.num_attention_heads);
        u32("llama.attention.head_count_kv", config.num_key_value_heads);
        builder.F32("llama.attention.layer_norm_rms_epsilon", config.norm_epsilon);
        builder.F32("llama.rope.freq_base", static_cast<float>(config.rotary[0].theta));
        builder.String("llama.rope.scaling.type", "linear").F32("llama.rope.scaling.factor", 2);
        for (const auto& tensor : original_->tensors) AddTensor(tensor);
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
            types += Raw<int32_t>(i < 2 ? 3 : i < 259 ? 1 : 5);
        builder.String("tokenizer.ggml.model", "gpt2").String("tokenizer.ggml.pre", "gpt-2");
        builder.Strings("tokenizer.ggml.tokens", tokens).Strings("tokenizer.ggml.merges", {"a b"});
        builder.List("tokenizer.ggml.token_type", 5, tokens.size(), types);
        builder.U32("tokenizer.ggml.bos_token_id", 0).U32("tokenizer.ggml.eos_token_id", 1);
        builder.U32("tokenizer.ggml.eot_token_id", 0);
        builder.String("tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
    }
    const std::string& folder() const { return folder_.path(); }
    const ModelFiles& original() const { return *original_; }
    absl::StatusOr<std::unique_ptr<ModelFiles>> Open() const {
        Put(folder_ / "model.gguf", builder.Build());
        return OpenModel(folder_ / "model.gguf");
    }
    // OpenModel's, which must fail.
    std::string Error() const {
        auto files = Open();
        EXPECT_FALSE(files.ok());
        EXPECT_EQ(KindOf(files.status()), ErrorKind::kModel);
        return std::string(files.status().message());
    }

    GgufBuilder builder;

  private:
    uint32_t TypeOf(const ModelTensor& tensor) const {
        if (!in_blocks_ || tensor.layer < 0 || tensor.row->role != TensorRole::kLinear ||
            tensor.gguf_name.find("attn_v") != std::string::npos)
            return 0;
        if (tensor.gguf_name.find("attn_q") != std::string::npos) return 2;
        return tensor.gguf_name.find("ffn_up") != std::string::npos ? 3 : 8;
    }
    void AddTensor(const ModelTensor& tensor) {
        const std::vector<float> stored =
            ToStored(tensor.row->gguf, tensor.shape, original_->config.head_dim,
                     *ReadTensor(*tensor.stored));
        std::vector<uint64_t> sizes(tensor.shape.rbegin(), tensor.shape.rend());
        const uint32_t type = TypeOf(tensor);
        builder.Tensor(tensor.gguf_name, sizes, type,
                       type == 0 ? Floats(stored) : GgufBlocksOf(type, stored));
    }

    std::unique_ptr<ModelFiles> original_;
    bool in_blocks_;
    TestFolder folder_;
};

}  // namespace hone::testkit
