#include "chat/vocabulary_files.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/limits.h"

namespace hone {
namespace {

constexpr int32_t kNormal = 1, kUserDefined = 4;  // as GGUF files number them

// The tokens of {"text": id, ...}, each at the place of its id, with `type`.
absl::Status ReadTokens(const std::string& path, int32_t type, GgufVocabulary& vocabulary) {
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadModelText(path, kMaxHeaderBytes));
    HONE_ASSIGN_OR_RETURN(const auto json, ParseJson<nlohmann::json>(text, path));
    if (!json.is_object()) return ModelError("{} is no object of tokens and their ids", path);
    const size_t size = vocabulary.tokens.size() + json.size();
    if (size > kMaxVocabulary)
        return ModelError("{} has {} tokens, more than the limit of {}", path, size,
                          kMaxVocabulary);
    const size_t first = vocabulary.tokens.size();
    vocabulary.tokens.resize(size);
    vocabulary.token_types.resize(size, type);
    std::vector<bool> taken(json.size());
    for (const auto& [token, id] : json.items()) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() < first || id.get<uint64_t>() >= size ||
            taken[id.get<uint64_t>() - first])
            return ModelError(
                "{}: the token \"{}\" has the id {}; the ids must be those from {} to {}, each "
                "once",
                path, token, id.dump(), first, size - 1);
        taken[id.get<uint64_t>() - first] = true;
        vocabulary.tokens[id.get<uint64_t>()] = token;
    }
    return absl::OkStatus();
}

// One pair a line; the first may say a version.
absl::Status ReadMerges(const std::string& path, std::vector<std::string>& merges) {
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadModelText(path, kMaxHeaderBytes));
    std::string_view rest = text;
    for (int64_t line = 1; !rest.empty(); ++line) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view merge = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (merge.ends_with('\r')) merge.remove_suffix(1);
        if (merge.empty() || (line == 1 && merge.starts_with("#version"))) continue;
        if (merges.size() == kMaxVocabulary)
            return ModelError("{} has more than the limit of {} lines", path, kMaxVocabulary);
        const size_t space = merge.find(' ');
        if (space == merge.npos || space == 0 || space + 1 == merge.size() ||
            space != merge.rfind(' '))
            return ModelError("{}: line {} is no pair of tokens with a space between", path, line);
        merges.emplace_back(merge);
    }
    return absl::OkStatus();
}

}  // namespace

bool HasVocabularyFiles(const std::string& folder) {
    return Exists(folder + "/vocab.json") && Exists(folder + "/merges.txt");
}

absl::StatusOr<std::shared_ptr<Tokenizer>> OpenVocabularyFiles(const std::string& folder,
                                                               const ModelConfig& config) {
    GgufVocabulary vocabulary;
    vocabulary.model = "gpt2";
    for (auto [family, pre] :
         {std::pair("gpt2", "gpt-2"), std::pair("qwen2", "qwen2"), std::pair("qwen3", "qwen2")})
        if (config.model_type == family) vocabulary.pre = pre;
    if (vocabulary.pre.empty())
        return ModelError(
            "{} has vocab.json and merges.txt and no tokenizer.json: how a model of the type {} "
            "cuts a text does not follow from them. Write one with transformers "
            "(AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER))",
            folder, config.model_type);
    HONE_RETURN_IF_ERROR(ReadTokens(folder + "/vocab.json", kNormal, vocabulary));
    if (const std::string added = folder + "/added_tokens.json"; Exists(added))
        HONE_RETURN_IF_ERROR(ReadTokens(added, kUserDefined, vocabulary));
    HONE_RETURN_IF_ERROR(ReadMerges(folder + "/merges.txt", vocabulary.merges));
    const auto known = [&](int32_t id) {
        return id >= 0 && static_cast<size_t>(id) < vocabulary.tokens.size();
    };
    if (config.bos_token_id && known(*config.bos_token_id)) vocabulary.bos_id = config.bos_token_id;
    if (!config.eos_token_ids.empty() && known(config.eos_token_ids[0]))
        vocabulary.eos_id = config.eos_token_ids[0];
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    if (!tokenizer.ok()) return Annotate(WithKind(tokenizer.status(), ErrorKind::kModel), folder);
    return tokenizer;
}

}  // namespace hone
