// Mistral: Llama with a sliding window. Jiang et al. 2023, arXiv:2310.06825; transformers,
// models/mistral. GGUF files call it "llama" (llama.cc).
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "MistralForCausalLM", "mistral");
    read.ReadSizes({.positions = 131072});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    // Later versions say null: no window. A file that says nothing has transformers' own.
    const bool none = json.contains("sliding_window") && json["sliding_window"].is_null();
    const int64_t window = none ? 0 : read.reader.Int("sliding_window", 1, 1 << 24, 4096);
    read.ReadWindows(window, [&](int64_t) { return window > 0; });
    return read.Finish();
}

}  // namespace

extern const ArchSpec kArchMistral;
const ArchSpec kArchMistral = {
    .model_type = "mistral",
    .architectures = {"MistralForCausalLM"},
    .tensors = DecoderTable({.gguf_rotary = TensorLayout::kRotaryPairs}),
    .read_config = ReadConfig,
};

}  // namespace hone
