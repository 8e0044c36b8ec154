#include "hub/hub_dataset.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"
#include "base/log.h"
#include "data/read/row_reader.h"
#include "hub/hub_fetch.h"

namespace hone {
namespace {

// With ".<hash>.part" it must still be a file name.
constexpr size_t kMaxPathPart = 230;

// What models and data sets share says kModel; here it is the data that is missing.
absl::Status ForData(const absl::Status& status) {
    return KindOf(status) == ErrorKind::kModel ? WithKind(status, ErrorKind::kData) : status;
}

std::vector<std::string_view> PartsOf(std::string_view path) {
    std::vector<std::string_view> parts;
    for (;;) {
        size_t slash = path.find('/');
        parts.push_back(path.substr(0, slash));
        if (slash == path.npos) return parts;
        path.remove_prefix(slash + 1);
    }
}

// Whether it can be a file's or folder's name below the cache.
bool IsSafePart(std::string_view part) {
    return !part.empty() && part.size() <= kMaxPathPart && part.front() != '.' &&
           std::none_of(part.begin(), part.end(),
                        [](unsigned char c) { return c < ' ' || c == 127 || c == '/'; });
}

bool IsSafePath(std::string_view path) {
    auto parts = PartsOf(path);
    return path.size() <= kMaxNameBytes && std::all_of(parts.begin(), parts.end(), IsSafePart);
}

bool IsHidden(std::string_view path) {
    auto parts = PartsOf(path);
    return std::any_of(parts.begin(), parts.end(), [](auto part) { return part.starts_with('.'); });
}

// Files with the ending of data that hold words about it instead. (manifest.json is the cache's.)
bool IsAboutTheData(std::string_view path) {
    static constexpr std::string_view kNames[] = {
        "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json",
        "manifest.json",      "readme.txt",        "license.txt",       "requirements.txt",
    };
    std::string name(PartsOf(path).back());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// A configuration as the data set's card declares it.
struct Config {
    std::string name;
    std::vector<std::string> patterns;
    bool is_default = false;
};

// "data_files" is a pattern, a list of them, or a list of {"split", "path"} with either as path.
void AddPatterns(const nlohmann::json& value, const std::string& folder,
                 std::vector<std::string>& patterns) {
    if (value.is_string()) {
        std::string pattern = value.get<std::string>();
        if (pattern.starts_with("./")) pattern.erase(0, 2);
        patterns.push_back(folder + pattern);
    } else if (value.is_array()) {
        for (const nlohmann::json& entry : value) {
            const bool named = entry.is_object() && entry.contains("path");
            AddPatterns(named ? entry["path"] : entry, folder, patterns);
        }
    }
}

std::vector<Config> ReadConfigs(const nlohmann::json& description) {
    std::vector<Config> configs;
    auto card = description.find("cardData");
    if (card == description.end() || !card->is_object() || !card->contains("configs") ||
        !(*card)["configs"].is_array())
        return configs;
    for (const nlohmann::json& entry : (*card)["configs"]) {
        if (!entry.is_object() || !entry.contains("config_name") ||
            !entry["config_name"].is_string())
            continue;
        Config config;
        config.name = entry["config_name"].get<std::string>();
        config.is_default = config.name == "default" ||
                            (entry.contains("default") && entry["default"] == nlohmann::json(true));
        std::string folder;
        if (entry.contains("data_dir") && entry["data_dir"].is_string())
            folder = entry["data_dir"].get<std::string>() + "/";
        if (entry.contains("data_files"))
            AddPatterns(entry["data_files"], folder, config.patterns);
        else if (!folder.empty())
            config.patterns.push_back(folder + "**");
        configs.push_back(std::move(config));
    }
    return configs;
}

// As the Hub's patterns: * stays inside a folder, ** does not, and **/ may also be no folder.
bool Matches(const std::string& pattern, const std::string& path) {
    size_t any = pattern.find("**");
    if (any == pattern.npos) return fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
    if (fnmatch(pattern.c_str(), path.c_str(), 0) == 0) return true;
    if (pattern.compare(any, 3, "**/") != 0) return false;
    return Matches(std::string(pattern).erase(any, 3), path);
}

// Whether a folder is called `subset`, or a folder or the file begins with it as a word.
bool IsOfSubset(std::string_view path, const std::string& subset) {
    auto parts = PartsOf(path);
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
        return part.starts_with(subset) &&
               (part.size() == subset.size() ||
                !std::isalnum(static_cast<unsigned char>(part[subset.size()])));
    });
}

std::string NamesOf(const std::vector<Config>& configs) {
    std::string names;
    for (const Config& config : configs) names += (names.empty() ? "" : ", ") + config.name;
    return names;
}

// The configuration that is meant; null when it is a matter of the files' names.
absl::StatusOr<const Config*> ChooseConfig(const std::vector<Config>& configs,
                                           const std::string& repo, const std::string& subset) {
    for (const Config& config : configs)
        if (subset.empty() ? config.is_default || configs.size() == 1 : config.name == subset)
            return config.patterns.empty() ? nullptr : &config;
    if (subset.empty() && !configs.empty())
        return DataError(
            "{} has several subsets: choose one of {:.1000} with --train_subset (or --eval_subset)",
            repo, NamesOf(configs));
    return nullptr;
}

// The reader, whatever the variant; in the order in which they are preferred.
FileFormat FamilyOf(const std::string& name) {
    auto format = DetectFileFormat(name, "");
    HONE_CHECK(format.ok(), "{} is no data file", name);
    if (*format == FileFormat::kJson) return FileFormat::kJsonLines;
    if (*format == FileFormat::kTsv) return FileFormat::kCsv;
    return *format;
}

// Often the same rows lie there in several formats, or a text beside them explains them.
void KeepMostUsedFormat(std::vector<HubFile>& files, const std::string& repo) {
    std::map<FileFormat, size_t> counts;
    for (const HubFile& file : files) ++counts[FamilyOf(file.name)];
    if (counts.size() < 2) return;
    FileFormat best = FileFormat::kText;
    for (FileFormat format : {FileFormat::kCsv, FileFormat::kJsonLines, FileFormat::kParquet})
        if (counts[format] >= counts[best]) best = format;
    size_t before = files.size();
    std::erase_if(files, [&](const HubFile& file) { return FamilyOf(file.name) != best; });
    spdlog::warn("{} has files of several formats: {} like {} are read, {} others are not", repo,
                 files.size(), files.front().name, before - files.size());
}

absl::Status NoFiles(const std::vector<HubFile>& all, const std::vector<Config>& configs,
                     const std::string& repo, const std::string& subset) {
    if (all.empty())
        return DataError(
            "{} holds no data file that hone reads (.jsonl, .json, .csv, .tsv, .parquet, .txt, or "
            "one with .gz): look for a copy in one of these formats",
            repo);
    if (subset.empty())
        return DataError(
            "the card of {} names no file that hone reads: choose a folder with --train_subset (or "
            "--eval_subset), or download its files and give their folder",
            repo);
    std::set<std::string> folders;
    for (const HubFile& file : all)
        if (size_t slash = file.name.rfind('/'); slash != std::string::npos)
            folders.insert(file.name.substr(0, slash));
    std::string there = !configs.empty()   ? NamesOf(configs)
                        : !folders.empty() ? fmt::format("the folders {}", fmt::join(folders, ", "))
                                           : "files in one folder only";
    return DataError("{} has no subset \"{}\"; it has {:.1000}", repo, subset, there);
}

std::string SourceName(const std::string& repo, const std::string& subset) {
    return subset.empty() ? repo : repo + " " + subset;
}

std::string DatasetFolder(const std::string& repo, const std::string& subset,
                          const HubOptions& options) {
    return options.cache + "/datasets/" + FolderName(repo) + (subset.empty() ? "" : "--" + subset);
}

absl::Status CheckNames(const std::string& repo, const std::string& subset) {
    if (!LooksLikeRepo(repo))
        return DataError("\"{:.200}\" is not a data set's name (org/name)", repo);
    if (!subset.empty() && !IsSafePart(subset))
        return DataError("\"{:.200}\" cannot be the name of a subset", subset);
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RepoListing> ParseDataset(std::string_view description, const std::string& repo,
                                         const std::string& subset) {
    auto json = ParseDescription(description, repo);
    if (!json.ok()) return ForData(json.status());
    auto listing = ListFiles(*json, repo);
    if (!listing.ok()) return ForData(listing.status());
    std::vector<HubFile>& files = listing->files;
    std::erase_if(files, [](const HubFile& file) {
        return !IsDataFile(file.name) || IsHidden(file.name) || IsAboutTheData(file.name);
    });
    for (const HubFile& file : files)
        if (!IsSafePath(file.name))
            return DataError("{} has a file whose name hone does not write: \"{:.200}\"", repo,
                             file.name);
    const std::vector<HubFile> all = files;
    const std::vector<Config> configs = ReadConfigs(*json);
    HONE_ASSIGN_OR_RETURN(const Config* config, ChooseConfig(configs, repo, subset));
    std::erase_if(files, [&](const HubFile& file) {
        if (!config) return !subset.empty() && !IsOfSubset(file.name, subset);
        return std::none_of(config->patterns.begin(), config->patterns.end(),
                            [&](const auto& pattern) { return Matches(pattern, file.name); });
    });
    if (files.empty()) return NoFiles(all, configs, repo, subset);
    KeepMostUsedFormat(files, repo);
    std::sort(files.begin(), files.end(),
              [](const HubFile& a, const HubFile& b) { return a.name < b.name; });
    if (auto status = CheckSizesKnown(*listing, repo); !status.ok()) return ForData(status);
    return listing;
}

std::optional<std::vector<std::string>> FindDataset(const std::string& repo,
                                                    const std::string& subset,
                                                    const HubOptions& options) {
    if (!CheckNames(repo, subset).ok()) return std::nullopt;
    std::string folder = DatasetFolder(repo, subset, options);
    if (SourceOf(folder) != SourceName(repo, subset)) return std::nullopt;
    return FilesOf(folder);
}

absl::StatusOr<std::vector<std::string>> PullDataset(const std::string& repo,
                                                     const std::string& subset,
                                                     const HubOptions& options,
                                                     const ProgressCallback& progress) {
    HONE_RETURN_IF_ERROR(CheckNames(repo, subset));
    HONE_RETURN_IF_ERROR(options.RequireCache());
    if (auto found = FindDataset(repo, subset, options)) return *std::move(found);
    if (options.offline)
        return DataError(
            "the data set {} is not in the cache ({}), and HF_HUB_OFFLINE forbids "
            "fetching it",
            SourceName(repo, subset), options.cache);
    HubPlace place = DatasetPlace(repo);
    auto description = FetchDescription(place, options);
    if (!description.ok()) return ForData(description.status());
    HONE_ASSIGN_OR_RETURN(RepoListing listing, ParseDataset(*description, repo, subset));
    std::string folder = DatasetFolder(repo, subset, options);
    auto status = FillFolder(place, listing, SourceName(repo, subset), folder, options, progress);
    if (!status.ok()) return ForData(status);
    if (auto found = FindDataset(repo, subset, options)) return *std::move(found);
    return OtherError("{} changed while it was written: run the command again", folder);
}

}  // namespace hone
