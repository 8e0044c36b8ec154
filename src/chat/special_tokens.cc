#include "chat/special_tokens.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/files/file.h"
#include "chat/chat_files.h"
#include "chat/gguf_vocabulary.h"
#include "model/weights/gguf.h"
#include "text/gguf_tokenizer.h"

namespace hone {
namespace {

absl::StatusOr<std::vector<std::string>> OfGguf(const ModelFiles& files) {
    const auto& gguf = static_cast<const GgufFile&>(*files.weights);
    HONE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary,
                          ReadGgufVocabulary(gguf.metadata(), gguf.token_lists(), files.path));
    std::vector<std::string> tokens;
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id)
        if (IsSpecialInGguf(vocabulary, id) && !vocabulary.tokens[id].empty())
            tokens.push_back(vocabulary.tokens[id]);
    return tokens;
}

// Of the tokenizer.json only "added_tokens" is kept: the rest goes by as the file is read.
absl::StatusOr<std::vector<std::string>> OfTokenizerJson(const std::string& path) {
    std::ifstream file(path);
    const auto keep = [](int depth, nlohmann::json::parse_event_t event,
                         const nlohmann::json& value) {
        return depth != 1 || event != nlohmann::json::parse_event_t::key || value == "added_tokens";
    };
    const nlohmann::json json = nlohmann::json::parse(file, keep, /*allow_exceptions=*/false);
    const auto added = json.is_object() ? json.find("added_tokens") : json.end();
    if (json.is_discarded() || (added != json.end() && !added->is_array()))
        return ModelError("{} is no tokenizer that hone can use: its added tokens cannot be read",
                          path);
    std::vector<std::pair<int64_t, std::string>> tokens;
    if (added == json.end()) return std::vector<std::string>();
    for (const nlohmann::json& token : *added) {
        if (!token.is_object() || !token.value("special", nlohmann::json()).is_boolean() ||
            !token.value("content", nlohmann::json()).is_string() ||
            !token.value("id", nlohmann::json()).is_number_unsigned())
            return ModelError("{}: an added token has no id, no content or no flag \"special\"",
                              path);
        if (token["special"].get<bool>())
            tokens.emplace_back(token["id"].get<int64_t>(), token["content"].get<std::string>());
    }
    std::sort(tokens.begin(), tokens.end());
    std::vector<std::string> texts;
    for (auto& [id, text] : tokens) texts.push_back(std::move(text));
    return texts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadSpecialTokens(const ModelFiles& files) {
    if (files.gguf) return OfGguf(files);
    if (const std::string path = files.path + "/tokenizer.json"; Exists(path))
        return OfTokenizerJson(path);
    // vocab.json and merges.txt: old tokenizers, and small ones.
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(files));
    std::vector<std::string> tokens;
    for (int32_t id = 0; id < chat->tokenizer->vocabulary_size(); ++id)
        if (chat->tokenizer->IsSpecial(id))
            if (auto token = chat->tokenizer->IdToToken(id)) tokens.push_back(*std::move(token));
    return tokens;
}

}  // namespace hone
