#include "adapt/virtual_tokens.h"

#include "adapt/random_start.h"
#include "base/files/hash.h"
#include "model/config/decoder_graph.h"
#include "model/files/give_label_head.h"
#include "model/files/model_tensors.h"

namespace hone {

bool IsPromptTuning(const LoraConfig& config) { return config.peft_type == "PROMPT_TUNING"; }
bool IsPrefixTuning(const LoraConfig& config) { return config.peft_type == "PREFIX_TUNING"; }
bool HasVirtualTokens(const LoraConfig& config) {
    return IsPromptTuning(config) || IsPrefixTuning(config);
}

std::string_view VirtualTokensName(const LoraConfig& config) {
    return IsPromptTuning(config) ? "prompt tuning" : "prefix tuning";
}

LoraConfig WithModelSizes(const ModelConfig& model, LoraConfig config) {
    const bool prefix = IsPrefixTuning(config);
    config.num_layers = model.num_hidden_layers;
    config.num_attention_heads = prefix ? model.num_key_value_heads : model.num_attention_heads;
    config.token_dim = prefix ? model.num_key_value_heads * model.head_dim : model.hidden_size;
    return config;
}

absl::Status AddVirtualTokens(Model& model, const LoraConfig& config) {
    const LoraConfig fitting = WithModelSizes(model.config(), config);
    const struct {
        std::string_view key;
        int64_t wanted, here;
    } sizes[] = {
        {"num_layers", config.num_layers, fitting.num_layers},
        {"num_attention_heads", config.num_attention_heads, fitting.num_attention_heads},
        {"token_dim", config.token_dim, fitting.token_dim},
    };
    for (const auto& size : sizes)
        if (size.wanted != 0 && size.wanted != size.here)
            return ModelError(
                "{} is {}, and this model needs {}: the adapter was made for another base model",
                size.key, size.wanted, size.here);
    const std::string head =
        model.config().head == HeadKind::kLanguageModel ? "" : LabelHeadModule(model.files());
    for (const std::string& module : config.modules_to_save)
        if (module != head)
            return ModelError(
                "modules_to_save names {}: beside virtual tokens no module is trained but a head "
                "of labels",
                module);
    if (IsPrefixTuning(config) && model.config().head != HeadKind::kLanguageModel)
        return ModelError(
            "prefix tuning is for models that write, and this one has a head of labels: prompt "
            "tuning goes with either");
    return model.AddVirtualTokens(
        IsPrefixTuning(config) ? VirtualTokens::kKeysAndValues : VirtualTokens::kEmbeddings,
        config.num_virtual_tokens);
}

void InitializeVirtualTokens(ParameterSet& parameters, uint64_t seed) {
    const ParameterSlice* slice = parameters.Find(kPromptEmbeddings);
    if (slice == nullptr) return;
    const uint64_t key = StableHash(slice->name, seed);
    for (int64_t i = 0; i < slice->count; ++i)
        parameters.values()[static_cast<size_t>(slice->offset + i)] =
            static_cast<float>(NormalAt(key, i));
}

absl::Status StartFromTokens(Model& model, std::span<const int32_t> tokens,
                             const Context& context) {
    HONE_CHECK(!tokens.empty(), "a prompt of no tokens");
    const ParameterSlice* slice = model.parameters().Find(kPromptEmbeddings);
    const int64_t C = model.config().hidden_size;
    HONE_CHECK(slice != nullptr && slice->shape[1] == C, "no prompt to start");
    const EmbeddingSpec embedding = MakeGraph(*model.files().arch, model.config()).embedding;
    const ModelTensor* table = FindModelTensor(model.files(), embedding.tokens);
    HONE_CHECK(table != nullptr, "a model without an embedding");
    for (int64_t i = 0; i < slice->shape[0]; ++i) {
        const int32_t token = tokens[static_cast<size_t>(i) % tokens.size()];
        float* row = model.parameters().values().data() + slice->offset + i * C;
        HONE_RETURN_IF_ERROR(ReadModelRows(model.files(), *table, token, token + 1, row));
        for (int64_t c = 0; !embedding.scales_virtual_tokens && c < C; ++c)
            row[c] *= embedding.scale;
    }
    model.ParametersChanged(context);
    return absl::OkStatus();
}

}  // namespace hone
