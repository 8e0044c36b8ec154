#include "chat/inspect.h"

#include <algorithm>
#include <map>

namespace hone {

ModelSummary Summarize(const ModelFiles& files, const ChatFiles& chat) {
    const ModelConfig& config = files.config;
    ModelSummary summary;
    summary.path = files.path;
    summary.architecture = config.architecture;
    std::map<std::string, int64_t> by_type;
    for (const auto& tensor : files.tensors) {
        summary.parameters += tensor.elements();
        summary.weight_bytes += static_cast<int64_t>(tensor.stored->bytes.size());
        by_type[std::string(tensor.stored->type_name)] += tensor.elements();
    }
    summary.parameters_by_type.assign(by_type.begin(), by_type.end());
    std::stable_sort(summary.parameters_by_type.begin(), summary.parameters_by_type.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    summary.layers = config.num_hidden_layers;
    summary.hidden_size = config.hidden_size;
    summary.intermediate_size = config.intermediate_size;
    summary.heads = config.num_attention_heads;
    summary.kv_heads = config.num_key_value_heads;
    summary.head_dim = config.head_dim;
    summary.context_length = config.max_position_embeddings;
    summary.tied_embeddings = config.tie_word_embeddings;
    summary.vocab_size = config.vocab_size;
    summary.tokenizer_size = chat.tokenizer->vocabulary_size();
    summary.bos_token = chat.bos_token;
    summary.eos_token = chat.eos_token;
    summary.chat_template = chat.has_chat_template;
    return summary;
}

nlohmann::ordered_json ToJson(const ModelSummary& summary) {
    nlohmann::ordered_json types = nlohmann::ordered_json::object();
    for (const auto& [type, count] : summary.parameters_by_type) types[type] = count;
    return {{"path", summary.path},
            {"architecture", summary.architecture},
            {"parameters", summary.parameters},
            {"parameters_by_type", types},
            {"weight_bytes", summary.weight_bytes},
            {"num_hidden_layers", summary.layers},
            {"hidden_size", summary.hidden_size},
            {"intermediate_size", summary.intermediate_size},
            {"num_attention_heads", summary.heads},
            {"num_key_value_heads", summary.kv_heads},
            {"head_dim", summary.head_dim},
            {"max_position_embeddings", summary.context_length},
            {"tie_word_embeddings", summary.tied_embeddings},
            {"vocab_size", summary.vocab_size},
            {"tokenizer_size", summary.tokenizer_size},
            {"bos_token", summary.bos_token},
            {"eos_token", summary.eos_token},
            {"chat_template", summary.chat_template}};
}

}  // namespace hone
