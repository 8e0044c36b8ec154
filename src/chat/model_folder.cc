#include "chat/model_folder.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/limits.h"
#include "base/text/json_text.h"
#include "chat/chat_files.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string Join(const std::string& folder, std::string_view name) {
    return (fs::path(folder) / name).string();
}

// The tokens that begin and end a text, as transformers' generate wants them.
Json GenerationConfig(const ModelFiles& files, const ChatFiles& chat) {
    Json json = Json::object();
    if (chat.bos_id) json["bos_token_id"] = *chat.bos_id;
    if (!chat.eos_ids.empty()) json["eos_token_id"] = chat.eos_ids;
    if (files.config.pad_token_id) json["pad_token_id"] = *files.config.pad_token_id;
    return json;
}

// One template as a string, several as a list, as transformers reads them.
Json TemplatesJson(const ChatTemplate& chat_template) {
    const auto& sources = chat_template.sources();
    if (sources.size() == 1 && sources.begin()->first == "default") return sources.begin()->second;
    Json list = Json::array();
    for (const auto& [name, source] : sources)
        list.push_back({{"name", name}, {"template", source}});
    return list;
}

// tokenizer.json and tokenizer_config.json of a tokenizer that came out of a GGUF file.
absl::Status WriteTokenizer(const ModelFiles& files, const ChatFiles& chat,
                            const std::string& folder) {
    HONE_RETURN_IF_ERROR(WriteFileAtomic(Join(folder, "tokenizer.json"), chat.tokenizer->ToJson()));
    Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                   {"clean_up_tokenization_spaces", false},
                   {"model_max_length", files.config.max_position_embeddings},
                   {"add_bos_token", chat.adds_bos}};
    if (!chat.bos_token.empty()) config["bos_token"] = chat.bos_token;
    if (!chat.eos_token.empty()) config["eos_token"] = chat.eos_token;
    if (files.config.pad_token_id)
        if (auto pad = chat.tokenizer->IdToToken(*files.config.pad_token_id))
            config["pad_token"] = *pad;
    if (chat.has_chat_template) config["chat_template"] = TemplatesJson(*chat.chat_template);
    return WriteFileAtomic(Join(folder, "tokenizer_config.json"), JsonText(config));
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
                              const std::string& folder, int64_t shard_bytes) {
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(files));
    HONE_RETURN_IF_ERROR(WriteConfigAndWeights(files, dtype, values, folder, shard_bytes));
    const std::string generation = Join(folder, "generation_config.json");
    if (files.gguf) {
        HONE_RETURN_IF_ERROR(WriteFileAtomic(generation, JsonText(GenerationConfig(files, *chat))));
        return WriteTokenizer(files, *chat, folder);
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
    return WriteFileAtomic(generation, JsonText(GenerationConfig(files, *chat)));
}

}  // namespace hone
