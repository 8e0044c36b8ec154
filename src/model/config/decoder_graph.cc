#include "model/config/decoder_graph.h"

#include <cmath>
#include <set>

#include "model/config/tensor_table.h"

namespace hone {
namespace {

class Wiring {
  public:
    Wiring(const ArchSpec& arch, const ModelConfig& config) : config_(config) {
        for (const TensorRow* row : RowsOf(arch, config)) rows_.insert(row->name);
    }

    ModelGraph Graph(const ArchSpec& arch) const {
        ModelGraph graph;
        graph.embedding = {"embedding", Has("positions") ? "positions" : "",
                           config_.embedding_scale};
        graph.rotary = config_.rotary;
        for (size_t i = 0; i < config_.layers.size(); ++i) graph.layers.push_back(Layer(i));
        graph.head = Head(arch);
        return graph;
    }

  private:
    HeadSpec Head(const ArchSpec& arch) const {
        HeadSpec head;
        head.kind = config_.head;
        head.multi_label = config_.multi_label;
        head.norm = NormOf("norm", -1);
        head.linear = LinearOf("head", -1);
        if (head.kind != HeadKind::kLanguageModel) return head;
        head.scale = config_.logit_scale;
        head.soft_cap = config_.final_soft_cap;
        if (config_.tie_word_embeddings) head.linear.weight = "embedding";
        // A tied one is in no tensor of its own.
        for (const TensorRow& row : arch.tensors)
            if (row.role == TensorRole::kHead)
                head.module = row.hf_name.substr(0, row.hf_name.rfind('.'));
        return head;
    }
    bool Has(const std::string& pattern) const { return rows_.count(pattern) > 0; }
    static std::string Name(const std::string& pattern, int64_t layer) {
        const size_t at = pattern.find("{}");
        return at == pattern.npos
                   ? pattern
                   : pattern.substr(0, at) + std::to_string(layer) + pattern.substr(at + 2);
    }
    LinearSpec LinearOf(const std::string& pattern, int64_t layer) const {
        const std::string bias = pattern + ".bias";
        return {Name(pattern, layer), Has(bias) ? Name(bias, layer) : ""};
    }
    NormSpec NormOf(const std::string& pattern, int64_t layer) const {
        NormSpec norm;
        norm.epsilon = config_.norm_epsilon;
        if (!Has(pattern)) {
            norm.kind = NormSpec::Kind::kNone;
            return norm;
        }
        const LinearSpec names = LinearOf(pattern, layer);
        norm.kind = names.bias.empty() ? NormSpec::Kind::kRms : NormSpec::Kind::kLayer;
        norm.weight = names.weight;
        norm.bias = names.bias;
        return norm;
    }
    std::optional<NormSpec> OptionalNorm(const std::string& pattern, int64_t layer) const {
        if (!Has(pattern)) return std::nullopt;
        return NormOf(pattern, layer);
    }
    // Those of the names that the table has.
    std::vector<LinearSpec> Inputs(std::initializer_list<const char*> names, int64_t layer) const {
        std::vector<LinearSpec> linears;
        for (const char* name : names)
            if (Has(name)) linears.push_back(LinearOf(name, layer));
        return linears;
    }

    LayerSpec Layer(size_t index) const {
        const auto l = static_cast<int64_t>(index);
        const LayerConfig& own = config_.layers[index];
        LayerSpec layer;
        layer.attention_norm = NormOf("layers.{}.attention_norm", l);
        AttentionSpec& attention = layer.attention;
        attention.in = Inputs({"layers.{}.attention.q", "layers.{}.attention.k",
                               "layers.{}.attention.v", "layers.{}.attention.qkv"},
                              l);
        attention.out = LinearOf("layers.{}.attention.o", l);
        attention.q_norm = OptionalNorm("layers.{}.attention.q_norm", l);
        attention.k_norm = OptionalNorm("layers.{}.attention.k_norm", l);
        attention.H = config_.num_attention_heads;
        attention.KV = config_.num_key_value_heads;
        attention.D = config_.head_dim;
        attention.scale = config_.attention_scale > 0
                              ? config_.attention_scale
                              : 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
        attention.soft_cap = config_.attention_soft_cap;
        attention.window = own.window;
        attention.rotary = config_.rotary.empty() ? -1 : own.rotary;
        layer.attention_residual = {OptionalNorm("layers.{}.attention_post_norm", l),
                                    config_.residual_scale};
        layer.mlp_norm = NormOf("layers.{}.mlp_norm", l);
        layer.mlp.in =
            Inputs({"layers.{}.mlp.gate", "layers.{}.mlp.up", "layers.{}.mlp.gate_up"}, l);
        layer.mlp.out = LinearOf("layers.{}.mlp.down", l);
        layer.mlp.activation = {config_.activation,
                                Has("layers.{}.mlp.gate") || Has("layers.{}.mlp.gate_up")};
        layer.mlp.F = config_.intermediate_size;
        layer.mlp_residual = {OptionalNorm("layers.{}.mlp_post_norm", l), config_.residual_scale};
        return layer;
    }

    const ModelConfig& config_;
    std::set<std::string> rows_;
};

}  // namespace

ModelGraph MakeGraph(const ArchSpec& arch, const ModelConfig& config) {
    ModelGraph graph = Wiring(arch, config).Graph(arch);
    if (arch.wire != nullptr) arch.wire(config, graph);
    return graph;
}

void ForEachNorm(ModelGraph& graph, const std::function<void(NormSpec&)>& change) {
    for (LayerSpec& layer : graph.layers) {
        for (NormSpec* norm : {&layer.attention_norm, &layer.mlp_norm}) change(*norm);
        for (std::optional<NormSpec>* norm :
             {&layer.attention.q_norm, &layer.attention.k_norm, &layer.attention_residual.norm,
              &layer.mlp_residual.norm})
            if (norm->has_value()) change(**norm);
    }
    change(graph.head.norm);
}

void WirePlusOneNorms(const ModelConfig&, ModelGraph& graph) {
    ForEachNorm(graph, [](NormSpec& norm) { norm.plus_one = true; });
}

}  // namespace hone
