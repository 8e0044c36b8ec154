#include "chat/gguf_vocabulary.h"

#include <string>

namespace hone {
namespace {

// The values under "tokenizer.ggml.", each only where it is there.
class Reader {
  public:
    Reader(const nlohmann::ordered_json& metadata, size_t token_count, std::string_view path)
        : metadata_(metadata), token_count_(token_count), path_(path) {}

    absl::Status Text(std::string_view field, std::string& text) const {
        const auto [key, value] = Find(field);
        if (value == nullptr) return absl::OkStatus();
        if (!value->is_string())
            return ModelError("{}: \"{}\" is {}, not a string", path_, key, value->dump());
        text = value->get<std::string>();
        return absl::OkStatus();
    }

    absl::Status TokenId(std::string_view field, std::optional<int32_t>& id) const {
        const auto [key, value] = Find(field);
        if (value == nullptr) return absl::OkStatus();
        if (*value == 0xffffffffu || *value == -1) return absl::OkStatus();  // "no such token"
        if (!value->is_number_integer() || *value < 0 || value->get<uint64_t>() >= token_count_)
            return ModelError("{}: \"{}\" is {}, but there are {} tokens", path_, key,
                              value->dump(), token_count_);
        id = static_cast<int32_t>(value->get<uint64_t>());
        return absl::OkStatus();
    }

    absl::Status Flag(std::string_view field, std::optional<bool>& flag) const {
        const auto [key, value] = Find(field);
        if (value == nullptr) return absl::OkStatus();
        if (!value->is_boolean())
            return ModelError("{}: \"{}\" is {}, not a bool", path_, key, value->dump());
        flag = value->get<bool>();
        return absl::OkStatus();
    }

  private:
    std::pair<std::string, const nlohmann::ordered_json*> Find(std::string_view field) const {
        std::string key = fmt::format("tokenizer.ggml.{}", field);
        const auto found = metadata_.find(key);
        return {std::move(key), found == metadata_.end() ? nullptr : &*found};
    }

    const nlohmann::ordered_json& metadata_;
    size_t token_count_;
    std::string_view path_;
};

}  // namespace

absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(const nlohmann::ordered_json& metadata,
                                                  const GgufTokenLists& lists,
                                                  std::string_view path) {
    const size_t size = lists.tokens.size();
    const Reader reader(metadata, size, path);
    GgufVocabulary vocabulary;
    if (const auto found = metadata.find("general.architecture");
        found != metadata.end() && found->is_string())
        vocabulary.architecture = found->get<std::string>();
    HONE_RETURN_IF_ERROR(reader.Text("model", vocabulary.model));
    HONE_RETURN_IF_ERROR(reader.Text("pre", vocabulary.pre));
    if (size == 0) return vocabulary;  // scores or types of no tokens say nothing
    vocabulary.tokens = lists.tokens;
    vocabulary.scores = lists.scores;
    vocabulary.token_types = lists.token_types;
    vocabulary.merges = lists.merges;
    if (!lists.scores.empty() && lists.scores.size() != size)
        return ModelError("{}: {} tokens, but {} scores", path, size, lists.scores.size());
    if (!lists.token_types.empty() && lists.token_types.size() != size)
        return ModelError("{}: {} tokens, but {} token types", path, size,
                          lists.token_types.size());
    HONE_RETURN_IF_ERROR(reader.TokenId("bos_token_id", vocabulary.bos_id));
    HONE_RETURN_IF_ERROR(reader.TokenId("eos_token_id", vocabulary.eos_id));
    HONE_RETURN_IF_ERROR(reader.TokenId("unknown_token_id", vocabulary.unk_id));
    HONE_RETURN_IF_ERROR(reader.TokenId("padding_token_id", vocabulary.pad_id));
    HONE_RETURN_IF_ERROR(reader.Flag("add_bos_token", vocabulary.add_bos));
    HONE_RETURN_IF_ERROR(reader.Flag("add_eos_token", vocabulary.add_eos));
    HONE_RETURN_IF_ERROR(reader.Flag("add_space_prefix", vocabulary.add_space_prefix));
    return vocabulary;
}

}  // namespace hone
