#include "chat/chat_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/files/file.h"
#include "base/files/git_lfs.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "base/log.h"
#include "chat/gguf_vocabulary.h"
#include "chat/vocabulary_files.h"
#include "model/config/config_reader.h"
#include "model/weights/gguf.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<Json> ReadOptionalObject(const std::string& path) {
    if (!Exists(path)) return Json::object();
    return ReadJsonObject(path);
}

// "bos_token" and the like: a string, or an object whose "content" is one (as AddedToken is saved);
// null: none.
absl::StatusOr<std::string> SpecialToken(const Json& config, const char* key,
                                         const std::string& path) {
    auto found = config.find(key);
    if (found == config.end() || found->is_null()) return std::string();
    if (found->is_string()) return found->get<std::string>();
    if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
        return (*found)["content"].get<std::string>();
    return ModelError("{}: \"{}\" is neither a string nor an object with a \"content\" string",
                      path, key);
}

// Adds what a template may call by name, beside bos_token and eos_token: where a tokenizer has such
// a token, transformers passes it.
absl::Status AddSpecialTokens(const Json& config, const std::string& path, Json* tokens) {
    for (const char* key : {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
        HONE_ASSIGN_OR_RETURN(std::string token, SpecialToken(config, key, path));
        if (!token.empty() && !tokens->contains(key)) (*tokens)[key] = token;
    }
    if (auto more = config.find("additional_special_tokens");
        more != config.end() && more->is_array() && !tokens->contains(more.key())) {
        for (const Json& token : *more) {
            const Json& content = token.is_object() ? token.value("content", Json()) : token;
            if (content.is_string()) (*tokens)[more.key()].push_back(content);
        }
    }
    // A model's own names, such as "image_token".
    if (auto own = config.find("extra_special_tokens"); own != config.end() && own->is_object())
        for (const auto& [name, token] : own->items())
            if (token.is_string()) (*tokens)[name] = token;
    return absl::OkStatus();
}

using Templates = std::map<std::string, std::string>;

// "chat_template": a string, or a list of {"name", "template"}.
absl::StatusOr<Templates> TemplatesIn(const Json& config, const std::string& path) {
    auto found = config.find("chat_template");
    if (found == config.end() || found->is_null()) return Templates();
    if (found->is_string()) return Templates{{"default", found->get<std::string>()}};
    Templates templates;
    bool good = found->is_array() && !found->empty();
    for (size_t i = 0; good && i < found->size(); ++i) {
        const Json& entry = (*found)[i];
        good = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
               entry.contains("template") && entry["template"].is_string();
        if (good) templates[entry["name"].get<std::string>()] = entry["template"];
    }
    if (!good)
        return ModelError(
            "{}: \"chat_template\" is neither a string nor a list of objects with \"name\" and "
            "\"template\"",
            path);
    return templates;
}

// chat_template.jinja and additional_chat_templates/NAME.jinja.
absl::StatusOr<Templates> TemplateFiles(const std::string& folder) {
    Templates templates;
    const std::string path = folder + "/chat_template.jinja";
    if (Exists(path)) {
        HONE_ASSIGN_OR_RETURN(templates["default"], ReadModelText(path, kMaxTemplateBytes));
    }
    std::error_code error;
    const std::filesystem::path more = folder + "/additional_chat_templates";
    for (const auto& entry : std::filesystem::directory_iterator(more, error)) {
        if (entry.path().extension() != ".jinja") continue;
        HONE_ASSIGN_OR_RETURN(templates[entry.path().stem().string()],
                              ReadModelText(entry.path().string(), kMaxTemplateBytes));
    }
    return templates;
}

absl::StatusOr<Templates> FolderTemplates(const std::string& folder, const Json& tokenizer_config) {
    HONE_ASSIGN_OR_RETURN(Templates files, TemplateFiles(folder));
    if (!files.empty()) return files;
    const std::string json = folder + "/chat_template.json";
    if (Exists(json)) {
        HONE_ASSIGN_OR_RETURN(Json object, ReadJsonObject(json));
        return TemplatesIn(object, json);
    }
    return TemplatesIn(tokenizer_config, folder + "/tokenizer_config.json");
}

// `tokens`: what the templates know by name, beside bos_token and eos_token.
absl::Status SetTemplates(Templates templates, Json tokens, const std::string& where,
                          ChatFiles& chat) {
    std::erase_if(templates, [](const auto& named) { return named.second.empty(); });
    chat.has_chat_template = !templates.empty();
    if (templates.empty()) templates["default"] = ChatMlTemplate();
    for (const auto& [name, source] : templates)
        if (source.size() > kMaxTemplateBytes)
            return ModelError("{}: the chat template has {} bytes, more than the limit of {}",
                              where, source.size(), kMaxTemplateBytes);
    if (!chat.bos_token.empty()) tokens["bos_token"] = chat.bos_token;
    if (!chat.eos_token.empty()) tokens["eos_token"] = chat.eos_token;
    auto parsed = ChatTemplate::ParseNamed(templates, tokens);
    if (!parsed.ok() && KindOf(parsed.status()) == ErrorKind::kMemory) return parsed.status();
    if (!parsed.ok()) return Annotate(WithKind(parsed.status(), ErrorKind::kModel), where);
    chat.chat_template = *std::move(parsed);
    return absl::OkStatus();
}

// Every token of the tokenizer must have a row in the model's embedding.
absl::Status CheckRows(const Tokenizer& tokenizer, int64_t rows, const std::string& where) {
    if (tokenizer.vocabulary_size() > rows)
        return ModelError(
            "{}: the tokenizer has {} tokens, but the model's embedding has only {} rows "
            "(vocab_size): "
            "remove the tokens that have no row, or use the tokenizer that belongs to the model",
            where, tokenizer.vocabulary_size(), rows);
    // Ids may have holes: few tokens can still have high ones.
    int64_t below = 0;
    for (int32_t id = 0; id < rows; ++id) below += tokenizer.IdToToken(id).has_value();
    if (const int64_t beyond = tokenizer.vocabulary_size() - below; beyond > 0)
        return ModelError(
            "{}: {} of the tokenizer's tokens have ids past the {} rows of the model's embedding "
            "(vocab_size): use the tokenizer that belongs to the model",
            where, beyond, rows);
    return absl::OkStatus();
}

// bos_id and eos_ids from the tokens' texts, which win over those of `config` and `more_eos_ids`.
absl::Status SetTokenIds(const ModelConfig& config, const std::vector<int32_t>& more_eos_ids,
                         const std::string& where, ChatFiles& chat) {
    HONE_RETURN_IF_ERROR(CheckRows(*chat.tokenizer, config.vocab_size, where));
    chat.embedding_rows = config.vocab_size;
    chat.bos_id = config.bos_token_id;
    if (!chat.bos_token.empty()) {
        chat.bos_id = chat.tokenizer->TokenToId(chat.bos_token);
        if (!chat.bos_id)
            return ModelError("{}: bos_token \"{}\" is not in the tokenizer", where,
                              chat.bos_token);
    }
    std::vector<int32_t> ids;
    if (!chat.eos_token.empty()) {
        const auto id = chat.tokenizer->TokenToId(chat.eos_token);
        if (!id)
            return ModelError("{}: eos_token \"{}\" is not in the tokenizer", where,
                              chat.eos_token);
        ids.push_back(*id);
    }
    ids.insert(ids.end(), config.eos_token_ids.begin(), config.eos_token_ids.end());
    ids.insert(ids.end(), more_eos_ids.begin(), more_eos_ids.end());
    for (int32_t id : ids)
        if (std::find(chat.eos_ids.begin(), chat.eos_ids.end(), id) == chat.eos_ids.end())
            chat.eos_ids.push_back(id);
    std::vector<int32_t> all = chat.eos_ids;
    if (chat.bos_id) all.push_back(*chat.bos_id);
    if (config.pad_token_id) all.push_back(*config.pad_token_id);
    for (int32_t id : all)
        if (id >= config.vocab_size)
            return ModelError("{}: a special token has the id {}, but vocab_size is {}", where, id,
                              config.vocab_size);
    // A model whose tokenizer names none still begins and ends its texts with the config's.
    if (chat.bos_token.empty() && chat.bos_id)
        chat.bos_token = chat.tokenizer->IdToToken(*chat.bos_id).value_or("");
    if (chat.eos_token.empty() && !chat.eos_ids.empty())
        chat.eos_token = chat.tokenizer->IdToToken(chat.eos_ids[0]).value_or("");
    if (chat.eos_ids.empty())
        spdlog::warn("{}: no token ends a text: answers run to their length limit", where);
    return absl::OkStatus();
}

absl::Status SetAddsBos(std::optional<bool> configured, const std::string& where, ChatFiles& chat) {
    if (configured) {
        chat.adds_bos = *configured;
    } else {
        HONE_ASSIGN_OR_RETURN(auto ids, chat.tokenizer->Encode("a", true));
        chat.adds_bos = chat.bos_id && !ids.empty() && ids[0] == *chat.bos_id;
    }
    if (chat.adds_bos && !chat.bos_id)
        return ModelError("{}: add_bos_token is true, but there is no bos_token", where);
    return absl::OkStatus();
}

// The tokenizers library says of most files only that they match nothing that it knows.
absl::Status WhyNoTokenizer(const absl::Status& status, const std::string& json,
                            const std::string& path) {
    HONE_RETURN_IF_ERROR(ParseJson<nlohmann::json>(json, path).status());
    return ModelError(
        "{} is no tokenizer that hone can use; take the file from the model's own repository, or "
        "save it again with an older `tokenizers` if a newer one wrote it ({})",
        path, std::string(status.message()));
}

// generation_config.json: how to sample, and more tokens that end an answer.
absl::StatusOr<std::vector<int32_t>> ReadGenerationConfig(const std::string& path,
                                                          GenerationDefaults& generation) {
    HONE_ASSIGN_OR_RETURN(const Json json, ReadOptionalObject(path));
    ConfigReader reader(json, path);
    auto number = [&](const char* key, double low, double high) -> std::optional<float> {
        if (!reader.Find(key)) return std::nullopt;
        return static_cast<float>(reader.Number(key, low, high));
    };
    generation.temperature = number("temperature", 0, 1000);
    generation.top_p = number("top_p", 0, 1);
    generation.repetition_penalty = number("repetition_penalty", 1e-3, 1000);
    if (reader.Find("top_k")) generation.top_k = reader.Int("top_k", 0, int64_t{1} << 31);
    generation.do_sample = reader.Bool("do_sample", false);
    std::vector<int32_t> eos_ids = reader.TokenIds("eos_token_id");
    HONE_RETURN_IF_ERROR(reader.status());
    return eos_ids;
}

absl::Status ReadTokenizer(const std::string& folder, const ModelConfig& config, ChatFiles& chat) {
    const std::string path = folder + "/tokenizer.json";
    if (!Exists(path) && HasVocabularyFiles(folder)) {
        HONE_ASSIGN_OR_RETURN(chat.tokenizer, OpenVocabularyFiles(folder, config));
        return absl::OkStatus();
    }
    if (!Exists(path))
        return ModelError("{} has no tokenizer.json{}", folder,
                          Exists(folder + "/tokenizer.model")
                              ? "; it has a tokenizer.model: convert it with transformers "
                                "(AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER))"
                              : "; copy the one of the model that it was made from");
    HONE_ASSIGN_OR_RETURN(std::string json, ReadModelText(path, kMaxHeaderBytes));
    auto tokenizer = Tokenizer::FromJson(json);
    if (!tokenizer.ok()) return WhyNoTokenizer(tokenizer.status(), json, path);
    chat.tokenizer = *std::move(tokenizer);
    return absl::OkStatus();
}

absl::Status ReadFolder(const ModelFiles& files, ChatFiles& chat) {
    const std::string& folder = files.path;
    const std::string config_path = folder + "/tokenizer_config.json";
    HONE_RETURN_IF_ERROR(ReadTokenizer(folder, files.config, chat));
    HONE_ASSIGN_OR_RETURN(
        const std::vector<int32_t> more_eos_ids,
        ReadGenerationConfig(folder + "/generation_config.json", chat.generation));
    HONE_ASSIGN_OR_RETURN(Json config, ReadOptionalObject(config_path));
    std::string map_path = folder + "/special_tokens_map.json";
    HONE_ASSIGN_OR_RETURN(Json map, ReadOptionalObject(map_path));
    for (auto [key, target] :
         {std::pair("bos_token", &chat.bos_token), std::pair("eos_token", &chat.eos_token)}) {
        HONE_ASSIGN_OR_RETURN(*target, SpecialToken(config, key, config_path));
        if (!config.contains(key)) {
            HONE_ASSIGN_OR_RETURN(*target, SpecialToken(map, key, map_path));
        }
    }
    HONE_RETURN_IF_ERROR(SetTokenIds(files.config, more_eos_ids, folder, chat));

    std::optional<bool> add_bos;
    if (auto found = config.find("add_bos_token"); found != config.end() && !found->is_null()) {
        if (!found->is_boolean())
            return ModelError("{}: \"add_bos_token\" is not true or false", config_path);
        add_bos = found->get<bool>();
    }
    HONE_RETURN_IF_ERROR(SetAddsBos(add_bos, folder, chat));
    Json tokens = Json::object();
    HONE_RETURN_IF_ERROR(AddSpecialTokens(config, config_path, &tokens));
    HONE_RETURN_IF_ERROR(AddSpecialTokens(map, map_path, &tokens));
    HONE_ASSIGN_OR_RETURN(Templates templates, FolderTemplates(folder, config));
    return SetTemplates(std::move(templates), std::move(tokens), folder, chat);
}

absl::Status ReadGguf(const ModelFiles& files, ChatFiles& chat) {
    const auto& gguf = static_cast<const GgufFile&>(*files.weights);
    HONE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary,
                          ReadGgufVocabulary(gguf.metadata(), gguf.token_lists(), files.path));
    if (vocabulary.tokens.empty())
        return ModelError("{}: the file has no tokenizer (tokenizer.ggml.tokens)", files.path);
    // Chat models may end a turn with another token than a text.
    ConfigReader reader(gguf.metadata(), files.path);
    std::vector<int32_t> more_eos_ids;
    for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
        for (int32_t id : reader.TokenIds(key)) more_eos_ids.push_back(id);
    HONE_RETURN_IF_ERROR(reader.status());
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    if (!tokenizer.ok())
        return Annotate(WithKind(tokenizer.status(), ErrorKind::kModel), files.path);
    chat.tokenizer = *std::move(tokenizer);
    if (vocabulary.bos_id)
        chat.bos_token = vocabulary.tokens[static_cast<size_t>(*vocabulary.bos_id)];
    if (vocabulary.eos_id)
        chat.eos_token = vocabulary.tokens[static_cast<size_t>(*vocabulary.eos_id)];
    HONE_RETURN_IF_ERROR(SetTokenIds(files.config, more_eos_ids, files.path, chat));
    HONE_RETURN_IF_ERROR(SetAddsBos(vocabulary.add_bos, files.path, chat));
    Json tokens = Json::object();
    for (auto [key, id] :
         {std::pair("unk_token", vocabulary.unk_id), std::pair("pad_token", vocabulary.pad_id)})
        if (id) tokens[key] = vocabulary.tokens[static_cast<size_t>(*id)];
    // tokenizer.chat_template, and tokenizer.chat_template.NAME.
    Templates templates;
    constexpr std::string_view kKey = "tokenizer.chat_template";
    for (const auto& [key, value] : gguf.metadata().items()) {
        if (!key.starts_with(kKey)) continue;
        const std::string_view name = std::string_view(key).substr(kKey.size());
        if (!name.empty() && !name.starts_with('.')) continue;
        if (!value.is_string()) return ModelError("{}: \"{}\" is not a string", files.path, key);
        templates[name.empty() ? "default" : std::string(name.substr(1))] = value;
    }
    return SetTemplates(std::move(templates), std::move(tokens), files.path, chat);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ConversationEncoder>> ChatFiles::MakeEncoder() const {
    HONE_ASSIGN_OR_RETURN(
        std::shared_ptr<const ConversationEncoder> encoder,
        ConversationEncoder::Create(tokenizer, has_chat_template ? chat_template : nullptr, eos_ids,
                                    embedding_rows));
    return encoder;
}

absl::StatusOr<std::unique_ptr<ChatFiles>> OpenChat(const ModelFiles& files) {
    auto chat = std::make_unique<ChatFiles>();
    HONE_RETURN_IF_ERROR(files.gguf ? ReadGguf(files, *chat) : ReadFolder(files, *chat));
    return chat;
}

}  // namespace hone
