#include "hub/hub_cache.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "base/log.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kMaxManifestBytes = size_t{16} << 20;

std::string Environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool IsNamePart(std::string_view part) {
    return !part.empty() && part.size() <= 96 && part != "." && part != ".." &&
           std::all_of(part.begin(), part.end(), [](unsigned char c) {
               return std::isalnum(c) || c == '.' || c == '_' || c == '-';
           });
}

bool IsHex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

// How weights are called: one file, or NAME.index.json with shards PREFIX...SUFFIX.
struct WeightNames {
    std::string_view single, shard_prefix, shard_suffix;

    std::string index() const { return fmt::format("{}.index.json", single); }
};
constexpr WeightNames kWeightNames[] = {{"model.safetensors", "model-", ".safetensors"},
                                        {"pytorch_model.bin", "pytorch_model-", ".bin"}};

// A chat template beside the first one, as transformers 5 saves them.
bool IsNamedTemplate(std::string_view name) {
    constexpr std::string_view kFolder = "additional_chat_templates/";
    return name.starts_with(kFolder) && name.ends_with(".jinja") &&
           IsNamePart(name.substr(kFolder.size()));
}

// The files of tokenizers from before tokenizer.json.
bool IsOlderTokenizer(std::string_view name) {
    return name == "vocab.json" || name == "merges.txt" || name == "added_tokens.json";
}

bool IsConfigOrTokenizer(std::string_view name) {
    if (IsNamedTemplate(name) || IsOlderTokenizer(name)) return true;
    static constexpr std::string_view kNames[] = {
        "config.json",           "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "chat_template.jinja",    "special_tokens_map.json",
        "chat_template.json",
    };
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool Has(const std::vector<HubFile>& files, std::string_view name) {
    return std::any_of(files.begin(), files.end(),
                       [&](const HubFile& file) { return file.name == name; });
}

// The files of the weights, of safetensors if there are any: one, or else the index and its shards;
// none: there are no weights.
std::vector<HubFile> SelectWeights(const std::vector<HubFile>& all) {
    std::vector<HubFile> chosen;
    for (const WeightNames& names : kWeightNames) {
        const std::string index = names.index();
        const bool single = Has(all, names.single);
        if (!single && !Has(all, index)) continue;
        for (const HubFile& file : all) {
            const bool shard = file.name == index || (file.name.starts_with(names.shard_prefix) &&
                                                      file.name.ends_with(names.shard_suffix));
            if (single ? file.name == names.single : shard) chosen.push_back(file);
        }
        break;
    }
    return chosen;
}

// What hone needs beside the weights; all of it together, small files first: a repository whose
// config does not fit is known before the weights have come.
std::vector<HubFile> WithSmallFiles(std::vector<HubFile> chosen, const std::vector<HubFile>& all) {
    for (const auto& file : all)
        if (IsConfigOrTokenizer(file.name)) chosen.push_back(file);
    std::stable_sort(chosen.begin(), chosen.end(),
                     [](const HubFile& a, const HubFile& b) { return a.size < b.size; });
    return chosen;
}

absl::StatusOr<HubFile> ReadSibling(const nlohmann::json& sibling, const std::string& repo) {
    auto damaged = [&] {
        return ModelError("{}: the hub's list of files is not as expected", repo);
    };
    if (!sibling.is_object() || !sibling.contains("rfilename") || !sibling["rfilename"].is_string())
        return damaged();
    HubFile file;
    file.name = sibling["rfilename"].get<std::string>();
    if (sibling.contains("size") && sibling["size"].is_number_unsigned() &&
        sibling["size"].get<uint64_t>() <= static_cast<uint64_t>(kMaxFileBytes))
        file.size = static_cast<int64_t>(sibling["size"].get<uint64_t>());
    else
        file.size = -1;
    auto lfs = sibling.find("lfs");
    if (lfs != sibling.end() && lfs->is_object()) {
        if (!lfs->contains("sha256") || !(*lfs)["sha256"].is_string()) return damaged();
        file.sha256 = (*lfs)["sha256"].get<std::string>();
        if (file.sha256.size() != 64 || !IsHex(file.sha256)) return damaged();
    } else if (sibling.contains("blobId") && sibling["blobId"].is_string()) {
        file.git_blob = sibling["blobId"].get<std::string>();
        if (file.git_blob.size() != 40 || !IsHex(file.git_blob)) return damaged();
    }
    return file;
}

// Whether all shards that the index names are there.
bool HoldsShards(const fs::path& folder, const std::string& index_name) {
    auto text = ReadFile((folder / index_name).string(), kMaxHeaderBytes);
    if (!text.ok()) return false;
    auto index = ParseJson<nlohmann::json>(*text, "index");
    if (!index.ok() || !index->is_object() || !index->contains("weight_map") ||
        !(*index)["weight_map"].is_object())
        return false;
    const auto& map = (*index)["weight_map"];
    return std::all_of(map.begin(), map.end(), [&](const nlohmann::json& shard) {
        return shard.is_string() && Exists(folder / shard.get<std::string>());
    });
}

// Whether a folder of Hugging Face's cache holds everything: downloads there may have stopped
// half-way.
bool HoldsModel(const fs::path& folder) {
    const bool tokenizer = Exists(folder / "tokenizer.json") ||
                           (Exists(folder / "vocab.json") && Exists(folder / "merges.txt"));
    if (!Exists(folder / "config.json") || !tokenizer) return false;
    for (const WeightNames& names : kWeightNames) {
        if (Exists(folder / names.single)) return true;
        if (Exists(folder / names.index())) return HoldsShards(folder, names.index());
    }
    return false;
}

std::optional<std::string> FindInHuggingFaceCache(const std::string& repo,
                                                  const std::string& hf_cache) {
    if (hf_cache.empty()) return std::nullopt;
    fs::path root = fs::path(hf_cache) / ("models--" + FolderName(repo));
    auto revision = ReadFile((root / "refs" / "main").string(), 1024);
    if (!revision.ok()) return std::nullopt;
    while (!revision->empty() && std::isspace(static_cast<unsigned char>(revision->back())))
        revision->pop_back();
    if (!IsNamePart(*revision)) return std::nullopt;
    fs::path snapshot = root / "snapshots" / *revision;
    if (!HoldsModel(snapshot)) return std::nullopt;
    return snapshot.string();
}

absl::StatusOr<std::string> ReadToken(const std::string& hf_home) {
    std::string token = Environment("HF_TOKEN");
    if (token.empty()) {
        std::string path = Environment("HF_TOKEN_PATH");
        if (path.empty() && !hf_home.empty()) path = hf_home + "/token";
        if (!path.empty() && Exists(path)) {
            // Most runs need no token: one that cannot be read is as good as none.
            auto read = ReadFile(path, 4096);
            if (!read.ok()) spdlog::info("{}", std::string(read.status().message()));
            token = std::move(read).value_or("");
        }
    }
    while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())))
        token.pop_back();
    if (!std::all_of(token.begin(), token.end(),
                     [](unsigned char c) { return c > ' ' && c < 127; }))
        return UsageError("the Hugging Face token (HF_TOKEN) has characters that no token has");
    return token;
}

}  // namespace

absl::StatusOr<HubOptions> HubOptions::FromEnvironment() {
    HubOptions options;
    std::string home = Environment("HOME"), shared = Environment("XDG_CACHE_HOME");
    if (shared.empty() && !home.empty()) shared = home + "/.cache";
    options.cache = Environment("HONE_CACHE");
    if (options.cache.empty() && !shared.empty()) options.cache = shared + "/hone";
    std::string hf_home = Environment("HF_HOME");
    if (hf_home.empty() && !shared.empty()) hf_home = shared + "/huggingface";
    options.hf_cache = Environment("HF_HUB_CACHE");
    if (options.hf_cache.empty() && !hf_home.empty()) options.hf_cache = hf_home + "/hub";
    if (std::string endpoint = Environment("HF_ENDPOINT"); !endpoint.empty())
        options.endpoint = endpoint;
    while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
    if (!options.endpoint.starts_with("https://") && !options.endpoint.starts_with("http://"))
        return UsageError("HF_ENDPOINT is \"{}\"; it must start with https:// or http://",
                          options.endpoint);
    std::string offline = Environment("HF_HUB_OFFLINE");
    options.offline = offline == "1" || offline == "ON" || offline == "YES" || offline == "TRUE" ||
                      offline == "true";
    HONE_ASSIGN_OR_RETURN(options.token, ReadToken(hf_home));
    return options;
}

absl::Status HubOptions::RequireCache() const {
    if (!cache.empty()) return absl::OkStatus();
    return UsageError("there is no place for the cache: set HONE_CACHE to a folder (or HOME)");
}

std::string HubOptions::TemporaryFolder() const {
    std::error_code error;
    return cache.empty() ? fs::temp_directory_path(error).string() : cache;
}

bool LooksLikeRepo(std::string_view argument) {
    size_t slash = argument.find('/');
    return slash != argument.npos && IsNamePart(argument.substr(0, slash)) &&
           IsNamePart(argument.substr(slash + 1));
}

absl::StatusOr<nlohmann::json> ParseDescription(std::string_view body, const std::string& repo) {
    HONE_ASSIGN_OR_RETURN(auto json, ParseJson<nlohmann::json>(body, repo + ": the hub's answer"));
    if (!json.is_object() || !json.contains("siblings") || !json["siblings"].is_array())
        return ModelError("{}: the hub's answer has no list of files", repo);
    return json;
}

absl::StatusOr<RepoListing> ListFiles(const nlohmann::json& description, const std::string& repo) {
    RepoListing listing;
    auto sha = description.find("sha");
    listing.revision =
        sha != description.end() && sha->is_string() ? sha->get<std::string>() : "main";
    if (!IsNamePart(listing.revision)) return ModelError("{}: the hub names no commit", repo);
    for (const auto& sibling : description["siblings"]) {
        HONE_ASSIGN_OR_RETURN(HubFile file, ReadSibling(sibling, repo));
        listing.files.push_back(std::move(file));
    }
    return listing;
}

absl::Status CheckSizesKnown(const RepoListing& listing, const std::string& repo) {
    for (const auto& file : listing.files)
        if (file.size < 0)
            return ModelError("{}: the hub does not say how large {} is", repo, file.name);
    return absl::OkStatus();
}

absl::StatusOr<RepoListing> ParseListing(std::string_view body, const std::string& repo) {
    HONE_ASSIGN_OR_RETURN(auto json, ParseDescription(body, repo));
    HONE_ASSIGN_OR_RETURN(RepoListing listing, ListFiles(json, repo));
    const bool gguf = std::any_of(listing.files.begin(), listing.files.end(),
                                  [](const HubFile& f) { return f.name.ends_with(".gguf"); });
    std::erase_if(listing.files, [](const HubFile& file) {
        return !IsNamePart(file.name) && !IsNamedTemplate(file.name);
    });
    std::vector<HubFile> weights = SelectWeights(listing.files);
    if (!Has(listing.files, "config.json") || weights.empty())
        return ModelError("{} holds no config.json with safetensors or pytorch_model.bin{}", repo,
                          gguf ? "; it has GGUF files: download one and give its path" : "");
    listing.files = WithSmallFiles(std::move(weights), listing.files);
    const bool tokenizer = Has(listing.files, "tokenizer.json");
    if (tokenizer)  // which says all that these say
        std::erase_if(listing.files, [](const HubFile& f) { return IsOlderTokenizer(f.name); });
    if (!tokenizer && !(Has(listing.files, "vocab.json") && Has(listing.files, "merges.txt")))
        return ModelError(
            "{} holds no tokenizer.json: save the model once with a recent transformers, or use a "
            "copy that "
            "has it",
            repo);
    HONE_RETURN_IF_ERROR(CheckSizesKnown(listing, repo));
    return listing;
}

std::string GitBlobHash(std::string_view bytes) {
    std::string head = fmt::format("blob {}", bytes.size());
    head.push_back('\0');
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                    EVP_MD_CTX_free);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HONE_CHECK(EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) == 1 &&
               EVP_DigestUpdate(context.get(), head.data(), head.size()) == 1 &&
               EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
               EVP_DigestFinal_ex(context.get(), digest, &size) == 1);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

std::string FolderName(std::string repo) {
    if (size_t slash = repo.find('/'); slash != repo.npos) repo.replace(slash, 1, "--");
    return repo;
}

std::string CacheFolder(const std::string& repo_or_name, const HubOptions& options) {
    return options.cache + "/models/" + FolderName(repo_or_name);
}

absl::Status WriteManifest(const std::string& folder, const std::string& source,
                           const std::string& revision, const std::vector<HubFile>& files) {
    Json json{{"source", source}, {"revision", revision}, {"files", Json::array()}};
    for (const auto& file : files) {
        Json entry{{"name", file.name}, {"size", file.size}};
        if (!file.sha256.empty())
            entry["sha256"] = file.sha256;
        else if (!file.git_blob.empty())
            entry["git_blob"] = file.git_blob;
        json["files"].push_back(std::move(entry));
    }
    HONE_RETURN_IF_ERROR(WriteFileAtomic(folder + "/manifest.json", json.dump(2) + "\n"));
    return SyncDirectory(folder);
}

std::optional<std::vector<std::string>> FilesOf(const std::string& folder) {
    if (!Exists(folder + "/manifest.json")) return std::nullopt;
    auto manifest = ReadJsonObject(folder + "/manifest.json", kMaxManifestBytes);
    if (!manifest.ok() || !manifest->contains("files") || !(*manifest)["files"].is_array())
        return std::nullopt;
    std::vector<std::string> paths;
    for (const Json& file : (*manifest)["files"]) {
        if (!file.is_object() || !file.contains("name") || !file["name"].is_string() ||
            !file.contains("size") || !file["size"].is_number_unsigned())
            return std::nullopt;
        paths.push_back(folder + "/" + file["name"].get<std::string>());
        std::error_code error;
        auto size = fs::file_size(paths.back(), error);
        if (error || size != file["size"].get<uint64_t>()) return std::nullopt;
    }
    return paths;
}

bool IsComplete(const std::string& folder) { return FilesOf(folder).has_value(); }

std::string SourceOf(const std::string& folder) {
    auto manifest = ReadJsonObject(folder + "/manifest.json", kMaxManifestBytes);
    if (!manifest.ok() || !manifest->contains("source") || !(*manifest)["source"].is_string())
        return "";
    return (*manifest)["source"].get<std::string>();
}

std::optional<std::string> FindInCache(const std::string& repo, const HubOptions& options) {
    std::string folder = CacheFolder(repo, options);
    if (!options.cache.empty() && IsComplete(folder)) return folder;
    return FindInHuggingFaceCache(repo, options.hf_cache);
}

}  // namespace hone
