#include "text/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "base/limits.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using nlohmann::json;

// Values of tokenizer.ggml.token_type (the GGUF format page).
enum TokenType : int32_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
};

constexpr std::string_view kSpace = "\u2581";  // how SentencePiece spells a space

// How the text is cut before the merges, by the names that GGUF files give it. The patterns are
// those of the models' published tokenizer.json files.
constexpr std::string_view kLlama3Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenSplit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4oSplit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct PreTokenizer {
    std::string_view name;
    std::string_view split;  // empty: the pattern of GPT-2, which ByteLevel brings
    bool digits_alone;       // each digit is a piece of its own
    bool whole_words_first;  // a piece that is a token is not built from merges
    bool nfc;                // the text is brought to Unicode's form C first
    bool bos;                // BOS is added where the file does not say
};

constexpr auto kPreTokenizers = std::to_array<PreTokenizer>({
    {"gpt-2", "", false, false, false, false},
    {"phi-2", "", false, false, false, false},
    {"olmo", "", false, false, false, false},
    {"smollm", "", true, false, false, false},
    {"starcoder", "", true, false, false, false},
    {"refact", "", true, false, false, false},
    {"llama-bpe", kLlama3Split, false, true, false, true},
    {"llama3", kLlama3Split, false, true, false, true},
    {"llama-v3", kLlama3Split, false, true, false, true},
    {"falcon3", kLlama3Split, false, true, false, true},
    {"smaug-bpe", kLlama3Split, false, false, false, false},
    {"dbrx", kLlama3Split, false, false, false, false},
    {"qwen2", kQwen2Split, false, false, true, false},
    {"deepseek-r1-qwen", kQwen2Split, false, false, false, false},
    {"tekken", kTekkenSplit, false, true, false, false},
    {"gpt-4o", kGpt4oSplit, false, false, false, false},
    {"llama4", kGpt4oSplit, false, false, false, true},
});

absl::StatusOr<const PreTokenizer*> FindPreTokenizer(const GgufVocabulary& vocabulary) {
    const bool named = !vocabulary.pre.empty() && vocabulary.pre != "default";
    // Of GPT-2 there are files from before the name was written, and all of them cut as it does.
    const std::string_view name =
        !named && vocabulary.architecture == "gpt2" ? std::string_view("gpt-2") : vocabulary.pre;
    std::string known;
    for (const PreTokenizer& pre : kPreTokenizers) {
        if (pre.name == name) return &pre;
        known += (known.empty() ? "" : ", ") + std::string(pre.name);
    }
    if (!named)
        return ModelError(
            "the file does not say how its tokenizer cuts a text (tokenizer.ggml.pre): it was "
            "converted long ago. Convert the model again, or use a folder with its "
            "tokenizer.json");
    return ModelError(
        "tokenizer.ggml.pre is '{}', which hone does not know (it knows {}); a folder with the "
        "model's tokenizer.json works",
        vocabulary.pre, known);
}

int32_t TypeOf(const GgufVocabulary& vocabulary, size_t id) {
    return vocabulary.token_types.empty() ? int32_t{kNormal} : vocabulary.token_types[id];
}

absl::Status CheckId(const GgufVocabulary& vocabulary, std::optional<int32_t> id,
                     std::string_view field) {
    if (id && (*id < 0 || static_cast<size_t>(*id) >= vocabulary.tokens.size())) {
        return ModelError("tokenizer.ggml.{} is {}, but there are {} tokens", field, *id,
                          vocabulary.tokens.size());
    }
    return absl::OkStatus();
}

absl::Status Check(const GgufVocabulary& vocabulary) {
    const size_t count = vocabulary.tokens.size();
    if (count == 0) return ModelError("tokenizer.ggml.tokens is empty");
    if (count > kMaxVocabulary) {
        return ModelError("tokenizer.ggml.tokens has {} tokens, at most {} are allowed", count,
                          kMaxVocabulary);
    }
    if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != count) {
        return ModelError("tokenizer.ggml.token_type has {} values for {} tokens",
                          vocabulary.token_types.size(), count);
    }
    for (size_t id = 0; id < count; ++id) {
        if (vocabulary.tokens[id].size() > kMaxNameBytes) {
            return ModelError(
                "tokenizer.ggml.tokens: token {} has {} bytes, at most {} are allowed", id,
                vocabulary.tokens[id].size(), kMaxNameBytes);
        }
    }
    HONE_RETURN_IF_ERROR(CheckId(vocabulary, vocabulary.bos_id, "bos_token_id"));
    HONE_RETURN_IF_ERROR(CheckId(vocabulary, vocabulary.eos_id, "eos_token_id"));
    HONE_RETURN_IF_ERROR(CheckId(vocabulary, vocabulary.unk_id, "unknown_token_id"));
    return CheckId(vocabulary, vocabulary.pad_id, "padding_token_id");
}

// Whether the text begins with a space that nobody wrote: where SentencePiece does not say, it
// does.
bool AddsSpacePrefix(const GgufVocabulary& vocabulary) {
    return vocabulary.add_space_prefix.value_or(vocabulary.model == "llama");
}

// Phi-3's special tokens, but those of the base, take the white space behind them away. Its
// tokenizer.json says so, and a GGUF file has no place for it.
bool TakesSpaceAfter(const GgufVocabulary& vocabulary, std::string_view token) {
    return vocabulary.model == "llama" && vocabulary.architecture == "phi3" && token != "<unk>" &&
           token != "<s>" && token != "<|endoftext|>";
}

json AddedTokens(const GgufVocabulary& vocabulary) {
    // SentencePiece looks for user-defined tokens in the text whose spaces are its own sign
    // already: Gemma's runs of spaces are some. With a prefix this would look for the token behind
    // a space.
    const bool in_normalized = vocabulary.model == "llama" && !AddsSpacePrefix(vocabulary);
    json added = json::array();
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        const bool special = IsSpecialInGguf(vocabulary, id);
        const bool added_token = special || TypeOf(vocabulary, id) == kUserDefined;
        if (!added_token || vocabulary.tokens[id].empty()) continue;
        added.push_back({{"id", id},
                         {"content", vocabulary.tokens[id]},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", special && TakesSpaceAfter(vocabulary, vocabulary.tokens[id])},
                         {"normalized", !special && in_normalized},
                         {"special", special}});
    }
    return added;
}

// BOS and EOS around the text, or null.
json PostProcessor(const GgufVocabulary& vocabulary, bool add_bos, bool add_eos) {
    json single = json::array(), pair = json::array(), special = json::object();
    const auto add = [&](int32_t id, int type_id, bool in_single) {
        const std::string& token = vocabulary.tokens[static_cast<size_t>(id)];
        special[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
        const json piece = {{"SpecialToken", {{"id", token}, {"type_id", type_id}}}};
        if (in_single) single.push_back(piece);
        pair.push_back(piece);
    };
    const auto sequence = [](const char* name, int type_id) {
        return json{{"Sequence", {{"id", name}, {"type_id", type_id}}}};
    };
    add_bos = add_bos && vocabulary.bos_id;
    add_eos = add_eos && vocabulary.eos_id;
    if (!add_bos && !add_eos) return nullptr;
    for (int type_id = 0; type_id < 2; ++type_id) {
        if (add_bos) add(*vocabulary.bos_id, type_id, type_id == 0);
        if (type_id == 0) single.push_back(sequence("A", 0));
        pair.push_back(sequence(type_id == 0 ? "A" : "B", type_id));
        if (add_eos) add(*vocabulary.eos_id, type_id, type_id == 0);
    }
    return {{"type", "TemplateProcessing"},
            {"single", single},
            {"pair", pair},
            {"special_tokens", special}};
}

json Sequence(const char* part, json items) {
    return {{"type", "Sequence"}, {part, std::move(items)}};
}

json ReplaceText(std::string_view from, std::string_view to) {
    return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

absl::StatusOr<json> ByteLevelBpe(const GgufVocabulary& vocabulary, const json& vocab) {
    HONE_ASSIGN_OR_RETURN(const PreTokenizer* pre, FindPreTokenizer(vocabulary));
    const bool prefix = AddsSpacePrefix(vocabulary);
    json byte_level = {
        {"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", false}};
    byte_level["use_regex"] = pre->split.empty();
    json cuts = json::array();
    if (pre->digits_alone) cuts.push_back({{"type", "Digits"}, {"individual_digits", true}});
    if (!pre->split.empty()) {
        cuts.push_back({{"type", "Split"},
                        {"pattern", {{"Regex", pre->split}}},
                        {"behavior", "Isolated"},
                        {"invert", false}});
    }
    cuts.push_back(byte_level);
    json result;
    result["normalizer"] = pre->nfc ? json{{"type", "NFC"}} : json(nullptr);
    result["pre_tokenizer"] = Sequence("pretokenizers", cuts);
    result["post_processor"] = PostProcessor(vocabulary, vocabulary.add_bos.value_or(pre->bos),
                                             vocabulary.add_eos.value_or(false));
    result["decoder"] = byte_level;
    result["model"] = {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", pre->whole_words_first},
                       {"vocab", vocab},
                       {"merges", vocabulary.merges}};
    return result;
}

bool IsBoundary(std::string_view text, size_t place) {
    return (static_cast<uint8_t>(text[place]) & 0xC0) != 0x80;
}

size_t Characters(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// SentencePiece joins the neighbours whose joint piece has the best score. As a list of merges:
// every way to cut a piece into two others, best piece first.
json MergesFromScores(const GgufVocabulary& vocabulary) {
    struct Merge {
        float score;
        size_t left_length, right_length;
        size_t left, right;
    };
    const auto takes_part = [&](size_t id) {
        const int32_t type = TypeOf(vocabulary, id);
        return type == kNormal || type == kUserDefined || type == kUnused;
    };
    std::unordered_map<std::string_view, size_t> ids;
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        if (takes_part(id)) ids.emplace(vocabulary.tokens[id], id);
    }
    std::vector<Merge> merges;
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        if (!takes_part(id)) continue;
        const std::string_view piece = vocabulary.tokens[id];
        const size_t first = merges.size();
        for (size_t place = 1; place < piece.size(); ++place) {
            if (!IsBoundary(piece, place)) continue;
            const auto left = ids.find(piece.substr(0, place));
            const auto right = ids.find(piece.substr(place));
            if (left == ids.end() || right == ids.end()) continue;
            merges.push_back({vocabulary.scores[id], Characters(left->first),
                              Characters(right->first), left->second, right->second});
        }
        std::sort(merges.begin() + static_cast<std::ptrdiff_t>(first), merges.end(),
                  [](const Merge& a, const Merge& b) {
                      return std::tie(a.left, a.right) < std::tie(b.left, b.right);
                  });
    }
    std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
        return std::tie(a.score, a.left_length, a.right_length) >
               std::tie(b.score, b.left_length, b.right_length);
    });
    json list = json::array();
    for (const Merge& merge : merges)
        list.push_back({vocabulary.tokens[merge.left], vocabulary.tokens[merge.right]});
    return list;
}

absl::StatusOr<json> SentencePieceBpe(const GgufVocabulary& vocabulary, const json& vocab) {
    const size_t count = vocabulary.tokens.size();
    if (vocabulary.scores.size() != count) {
        return ModelError("tokenizer.ggml.scores has {} values for {} tokens",
                          vocabulary.scores.size(), count);
    }
    for (size_t id = 0; id < count; ++id) {
        if (vocabulary.scores[id] != vocabulary.scores[id]) {
            return ModelError("tokenizer.ggml.scores: the score of token {} is not a number", id);
        }
    }
    std::optional<size_t> unknown;
    if (vocabulary.unk_id) unknown = static_cast<size_t>(*vocabulary.unk_id);
    bool bytes = false;
    for (size_t id = 0; id < count; ++id) {
        bytes = bytes || TypeOf(vocabulary, id) == kByte;
        if (!unknown && TypeOf(vocabulary, id) == kUnknown) unknown = id;
    }
    const bool prefix = AddsSpacePrefix(vocabulary);
    json normalizers = json::array();
    if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
    normalizers.push_back(ReplaceText(" ", kSpace));
    json decoders = {ReplaceText(kSpace, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
    if (prefix)
        decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    json result;
    result["normalizer"] = Sequence("normalizers", normalizers);
    result["pre_tokenizer"] = nullptr;
    result["post_processor"] = PostProcessor(vocabulary, vocabulary.add_bos.value_or(true),
                                             vocabulary.add_eos.value_or(false));
    result["decoder"] = Sequence("decoders", decoders);
    result["model"] = {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", unknown ? json(vocabulary.tokens[*unknown]) : json(nullptr)},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", true},
                       {"byte_fallback", bytes},
                       {"ignore_merges", false},
                       {"vocab", vocab},
                       {"merges", MergesFromScores(vocabulary)}};
    return result;
}

}  // namespace

bool IsSpecialInGguf(const GgufVocabulary& vocabulary, size_t id) {
    const int32_t type = TypeOf(vocabulary, id);
    const auto is = [id](std::optional<int32_t> other) {
        return other && static_cast<size_t>(*other) == id;
    };
    return type == kControl || type == kUnknown || is(vocabulary.bos_id) || is(vocabulary.eos_id);
}

absl::StatusOr<std::string> TokenizerJsonFromGguf(const GgufVocabulary& vocabulary) {
    HONE_RETURN_IF_ERROR(Check(vocabulary));
    json vocab = json::object();
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        const auto [found, inserted] = vocab.emplace(vocabulary.tokens[id], id);
        if (!inserted) {
            return ModelError("tokenizer.ggml.tokens: tokens {} and {} are the same",
                              found->get<size_t>(), id);
        }
    }
    absl::StatusOr<json> result = ModelError(
        "tokenizer.ggml.model is '{}'; hone knows 'gpt2' and 'llama'; a folder with the model's "
        "tokenizer.json works",
        vocabulary.model);
    if (vocabulary.model == "gpt2") result = ByteLevelBpe(vocabulary, vocab);
    if (vocabulary.model == "llama") result = SentencePieceBpe(vocabulary, vocab);
    if (!result.ok()) return result.status();
    (*result)["version"] = "1.0";
    (*result)["truncation"] = nullptr;
    (*result)["padding"] = nullptr;
    (*result)["added_tokens"] = AddedTokens(vocabulary);
    try {
        return result->dump();
    } catch (const nlohmann::json::exception&) {
        return ModelError("tokenizer.ggml.tokens or merges: a string is not UTF-8");
    }
}

}  // namespace hone
