// The parts of config.json that families share, read into a ModelConfig: a family's read_config
// calls the ones that it has.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/config/config.h"
#include "model/config/config_reader.h"

namespace hone {

// No context is longer.
inline constexpr int64_t kMostPositions = 1 << 24;

// What config.json calls the sizes.
struct SizeNames {
    std::string_view hidden = "hidden_size", intermediate = "intermediate_size",
                     layers = "num_hidden_layers", heads = "num_attention_heads",
                     positions = "max_position_embeddings";
};

class DecoderConfig {
  public:
    DecoderConfig(const nlohmann::ordered_json& json, std::string_view architecture,
                  std::string_view model_type)
        : reader(json, "config.json"), json_(json) {
        config.architecture = architecture;
        config.model_type = model_type;
    }

    // All sizes, the layers, tie_word_embeddings, and what no family takes (quantized weights).
    // positions: max_position_embeddings where the file does not say it. head_dim: of a head,
    // likewise; 0: hidden_size / num_attention_heads. tied: as transformers has it.
    struct Sizes {
        SizeNames names = {};
        int64_t positions = 2048;
        int64_t most_positions = int64_t{1} << 24;
        int64_t head_dim = 0;
        int64_t inner = 0;  // the intermediate size over the hidden one, likewise; 0: it must say
        bool tied = false;
    };
    void ReadSizes(const Sizes& defaults);
    void ReadSizes() { ReadSizes(Sizes()); }
    void ReadNormEpsilon(std::string_view key, double fallback);
    // "silu", "gelu_pytorch_tanh", ...
    void ReadActivation(std::string_view key, std::string_view fallback);
    // One more table in config.rotary: rope_theta and rope_scaling, or rope_parameters as
    // transformers 5 writes them, and partial_rotary_factor. layer_type: the member of
    // rope_parameters that has them, where each type of layer has its own; empty: none.
    struct Rotary {
        double theta = 10000;
        double partial = 1;          // of the head; where the file does not say it
        bool takes_partial = false;  // else only 1 is taken
        std::string_view layer_type = "";
        std::string_view theta_key = "rope_theta";
        bool scaled = true;  // whether rope_scaling is this table's
    };
    void ReadRotary(const Rotary& defaults);
    void ReadRotary() { ReadRotary(Rotary()); }
    // Of every layer that slides: by layer_types ("sliding_attention"), else those that `slides`
    // says.
    void ReadWindows(int64_t window, const std::function<bool(int64_t layer)>& slides);
    // use_sliding_window, sliding_window, max_window_layers (Qwen).
    void ReadUpperWindows();
    // A float in config under another name; 0 or absent where the fallback says.
    float Number(std::string_view key, double low, double high, double fallback) {
        return static_cast<float>(reader.Number(key, low, high, fallback));
    }
    // An error if the flag is true: what would change the mathematics in a way that is not known.
    void RefuseFlag(std::string_view key);

    // The token ids, and what was read; or the first error.
    absl::StatusOr<ModelConfig> Finish();

    ConfigReader reader;
    ModelConfig config;

  private:
    void CheckHeads();
    void ReadScaling(const nlohmann::ordered_json& json, RotaryConfig& rotary);

    const nlohmann::ordered_json& json_;
};

}  // namespace hone
