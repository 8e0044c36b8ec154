// The parts of GGUF's metadata that families share, turned into the config.json that transformers
// would have: a family's config_from_gguf calls the ones that it has.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/config/config_reader.h"

namespace hone {

class GgufConfig {
  public:
    // `prefix` is what the family's keys begin with: "llama".
    GgufConfig(const nlohmann::ordered_json& metadata, std::string_view prefix,
               std::string_view architecture, std::string_view model_type);

    // vocab_size, the sizes, head_dim, max_position_embeddings, tie_word_embeddings.
    void AddSizes();
    // rms_norm_eps, from layer_norm_rms_epsilon.
    void AddRmsEpsilon() { Add("rms_norm_eps", "attention.layer_norm_rms_epsilon", 0, 1); }
    // rope_theta, rope_scaling, and partial_rotary_factor where not whole heads turn.
    void AddRotary(bool takes_partial = false);
    // sliding_window, where there is one; 0 says, as of Phi 4, that there is none.
    void AddWindow();
    // query_pre_attn_scalar, which GGUF does not have: the head's size, but in the family's model of
    // so many layers hidden_size / num_attention_heads.
    void AddQueryScalar(int64_t layers_of_exception);
    // json[field] = the number under the family's key.
    void Add(const char* field, std::string_view key, double low, double high,
             std::optional<double> fallback = std::nullopt);

    int64_t Number(std::string_view key, std::optional<int64_t> fallback = std::nullopt);
    std::string Key(std::string_view key) const { return prefix_ + "." + std::string(key); }
    // Whether the file has the tensor.
    bool Holds(std::string_view tensor) const;

    // The token ids, and all that was added; or the first error.
    absl::StatusOr<nlohmann::ordered_json> Finish();

    nlohmann::ordered_json json;
    ConfigReader reader;

  private:
    std::string prefix_;
    int64_t head_dim_ = 0;
    absl::Status failed_;
};

}  // namespace hone
