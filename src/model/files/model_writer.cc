#include "model/files/model_writer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/limits.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string Join(const std::string& folder, std::string_view name) {
    return (fs::path(folder) / name).string();
}

absl::Status WriteJson(const std::string& path, const Json& json) {
    return WriteFileAtomic(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string TorchName(DType dtype) {
    return dtype == DType::kF32 ? "float32" : dtype == DType::kF16 ? "float16" : "bfloat16";
}

// The base's config with the type that the weights now have: under the key that it uses, or under
// the one that every transformers reads.
Json Config(const ModelFiles& files, DType dtype) {
    Json config = files.config.json;
    bool said = false;
    for (const char* key : {"dtype", "torch_dtype"})
        if (config.contains(key)) config[key] = TorchName(dtype), said = true;
    if (!said) config["torch_dtype"] = TorchName(dtype);
    return config;
}

absl::Status WriteWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                          const std::string& path) {
    constexpr float kLargestF16 = 65504;
    std::vector<TensorToWrite> tensors;
    for (const ModelTensor& tensor : files.tensors) {
        const std::span<const float> numbers = values(tensor);
        HONE_CHECK(static_cast<int64_t>(numbers.size()) == tensor.elements(), "{} values for {}",
                   numbers.size(), tensor.hf_name);
        const bool fits = dtype != DType::kF16 ||
                          std::all_of(numbers.begin(), numbers.end(),
                                      [](float value) { return std::abs(value) <= kLargestF16; });
        if (!fits)
            return ModelError(
                "{} holds a number that float16 has no room for: use --torch_dtype bfloat16",
                tensor.hf_name);
        tensors.push_back({tensor.hf_name, tensor.shape, dtype, {}, numbers});
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

// The tokens that begin and end a text, as transformers' generate wants them.
Json GenerationConfig(const ModelFiles& files) {
    const ModelConfig& config = files.config;
    Json json = Json::object();
    if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
    if (!config.eos_token_ids.empty()) json["eos_token_id"] = config.eos_token_ids;
    if (config.pad_token_id) json["pad_token_id"] = *config.pad_token_id;
    return json;
}

// One template as a string, several as a list, as transformers reads them.
Json Templates(const ChatTemplate& chat_template) {
    const auto& sources = chat_template.sources();
    if (sources.size() == 1 && sources.begin()->first == "default") return sources.begin()->second;
    Json list = Json::array();
    for (const auto& [name, source] : sources)
        list.push_back({{"name", name}, {"template", source}});
    return list;
}

// tokenizer.json and tokenizer_config.json of a tokenizer that came out of a GGUF file.
absl::Status WriteTokenizer(const ModelFiles& files, const std::string& folder) {
    HONE_RETURN_IF_ERROR(
        WriteFileAtomic(Join(folder, "tokenizer.json"), files.tokenizer->ToJson()));
    Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                   {"clean_up_tokenization_spaces", false},
                   {"model_max_length", files.config.max_position_embeddings},
                   {"add_bos_token", files.adds_bos}};
    if (!files.bos_token.empty()) config["bos_token"] = files.bos_token;
    if (!files.eos_token.empty()) config["eos_token"] = files.eos_token;
    if (files.config.pad_token_id)
        if (auto pad = files.tokenizer->IdToToken(*files.config.pad_token_id))
            config["pad_token"] = *pad;
    if (files.has_chat_template) config["chat_template"] = Templates(*files.chat_template);
    return WriteJson(Join(folder, "tokenizer_config.json"), config);
}

// Copies a file of the base's folder as it is; nothing where there is none.
absl::Status Copy(const std::string& from, const std::string& to) {
    std::error_code error;
    if (!fs::exists(from, error)) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(std::string text, ReadFile(from, kMaxHeaderBytes));
    return WriteFileAtomic(to, text);
}

}  // namespace

absl::Status WriteModelFolder(const ModelFiles& files, DType dtype, const TensorValues& values,
                              const std::string& folder) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    HONE_RETURN_IF_ERROR(WriteJson(Join(folder, "config.json"), Config(files, dtype)));
    HONE_RETURN_IF_ERROR(WriteWeights(files, dtype, values, Join(folder, "model.safetensors")));
    const std::string generation = Join(folder, "generation_config.json");
    if (files.gguf) {
        HONE_RETURN_IF_ERROR(WriteJson(generation, GenerationConfig(files)));
        return WriteTokenizer(files, folder);
    }
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                             "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
                             "chat_template.jinja", "chat_template.json", "generation_config.json"})
        HONE_RETURN_IF_ERROR(Copy(Join(files.path, name), Join(folder, name)));
    std::error_code error;
    const std::string more = "additional_chat_templates";
    for (const auto& entry : fs::directory_iterator(Join(files.path, more), error)) {
        HONE_RETURN_IF_ERROR(MakeDirectories(Join(folder, more)));
        HONE_RETURN_IF_ERROR(Copy(entry.path().string(),
                                  Join(Join(folder, more), entry.path().filename().string())));
    }
    if (fs::exists(generation, error)) return absl::OkStatus();
    return WriteJson(generation, GenerationConfig(files));
}

}  // namespace hone
