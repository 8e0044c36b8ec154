#include "model/files/roofline_shape.h"

#include "model/config/decoder_graph.h"

namespace hone {

RooflineShape RooflineShapeOf(const ModelFiles& files) {
    const ModelConfig& config = files.config;
    const ModelGraph graph = MakeGraph(*files.arch, config);
    return {.hidden = config.hidden_size,
            .attention = config.num_attention_heads * config.head_dim,
            .key_value = config.num_key_value_heads * config.head_dim,
            .intermediate = config.intermediate_size,
            .layers = config.num_hidden_layers,
            .mlp_inputs = graph.layers.front().mlp.activation.gated ? 2 : 1};
}

}  // namespace hone
