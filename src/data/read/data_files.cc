#include "data/read/data_files.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "base/files/file.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxFolderDepth = 8;

bool IsFormatName(std::string_view name) {
    return name == "json" || name == "csv" || name == "parquet" || name == "text" ||
           name == "conll";
}

// What datasets.save_to_disk writes: Arrow files, which hone does not read.
absl::Status RefuseArrow(const std::string& path) {
    auto error = [&](std::string_view what, std::string_view part) {
        return DataError(
            "{} is {}: hone does not read Arrow. In Python: "
            "datasets.load_from_disk(\"{}\"){}.to_parquet(\"rows.parquet\")",
            path, what, path, part);
    };
    if (Exists(path + "/dataset_dict.json"))
        return error("a dictionary of data sets as save_to_disk writes it", "[\"train\"]");
    if (Exists(path + "/state.json") && Exists(path + "/dataset_info.json"))
        return error("a data set as save_to_disk writes it", "");
    if (path.ends_with(".arrow") && Exists(path))
        return DataError(
            "{} is an Arrow file, which hone does not read. In Python: "
            "datasets.Dataset.from_file(\"{}\").to_parquet(\"rows.parquet\")",
            path, path);
    return absl::OkStatus();
}

// What describes a data set and holds no row of it.
bool IsDescription(std::string_view name) {
    return name == "dataset_info.json" || name == "dataset_infos.json" || name == "state.json";
}

// All data files below a folder, hidden ones left out, in the order of their names.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
    HONE_RETURN_IF_ERROR(RefuseArrow(folder));
    std::vector<std::string> paths;
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    if (error) return DataError("cannot list the folder {}: {}", folder, error.message());
    for (; it != fs::recursive_directory_iterator(); it.increment(error)) {
        if (error) return DataError("cannot list the folder {}: {}", folder, error.message());
        const std::string name = it->path().filename().string();
        const bool hidden = name.starts_with(".");
        std::error_code ignored;
        if (it->is_directory(ignored)) {
            if (hidden || it.depth() >= kMaxFolderDepth) it.disable_recursion_pending();
            continue;
        }
        if (hidden || !it->is_regular_file(ignored) || !IsDataFile(name) || IsDescription(name))
            continue;
        paths.push_back(it->path().string());
        if (paths.size() > kMaxFiles)
            return DataError("{} holds more than {} data files", folder, kMaxFiles);
    }
    std::sort(paths.begin(), paths.end());
    if (paths.empty())
        return DataError(
            "{} holds no data file (.jsonl, .json, .csv, .tsv, .parquet, .txt, or one with .gz)",
            folder);
    return paths;
}

// A file, a folder, or a pattern with * ? [.
absl::StatusOr<std::vector<std::string>> Expand(const std::string& path) {
    if (path == "-")
        return UsageError(
            "standard input is not read as data: hone reads a file more than once. Write it to a "
            "file (cat > rows.jsonl) and name that");
    if (IsFolder(path)) return ListFolder(path);
    HONE_RETURN_IF_ERROR(RefuseArrow(path));
    if (Exists(path)) return std::vector{path};
    std::vector<std::string> paths;
    if (path.find_first_of("*?[") != std::string::npos) {
        glob_t found{};
        if (glob(path.c_str(), 0, nullptr, &found) == 0)
            paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
        globfree(&found);
    }
    if (paths.empty()) return DataError("no such data file: {}", path);
    return paths;
}

absl::StatusOr<std::vector<DataFile>> WithFormats(const std::vector<std::string>& paths,
                                                  std::string_view forced) {
    std::vector<DataFile> files;
    for (const std::string& path : paths) {
        HONE_ASSIGN_OR_RETURN(FileFormat format, DetectFileFormat(path, forced));
        files.push_back({path, format});
    }
    return files;
}

// The part of the path that tells files of one data set apart.
std::string Relative(const std::string& path, const std::string& root) {
    return path.starts_with(root) ? path.substr(root.size()) : path;
}

// The folder that all of them are in, with its slash.
std::string CommonFolder(const std::vector<std::string>& paths) {
    std::string common = paths[0];
    for (const std::string& path : paths) {
        const auto end = std::mismatch(common.begin(), common.end(), path.begin(), path.end());
        common.erase(end.first, common.end());
    }
    return common.substr(0, common.rfind('/') + 1);
}

absl::StatusOr<SplitFiles> SplitByName(const std::vector<std::string>& paths,
                                       const std::string& root, std::string_view forced) {
    HONE_ASSIGN_OR_RETURN(std::vector<DataFile> files, WithFormats(paths, forced));
    SplitFiles result;
    std::vector<DataFile> others;
    for (const DataFile& file : files) {
        const std::string split = SplitOfPath(Relative(file.path, root));
        (split.empty() ? others : result.splits[split]).push_back(file);
    }
    if (result.splits.empty()) {
        result.splits["train"] = std::move(others);
    } else if (!others.empty()) {
        result.warnings.push_back(fmt::format(
            "{} file{} not read: the name says neither train, validation nor test ({}{}).",
            others.size(), others.size() == 1 ? " was" : "s were", others[0].path,
            others.size() == 1 ? "" : ", ..."));
    }
    return result;
}

// Whether the options name a split other than "train".
bool AsksForNames(const DataOptions& options) {
    for (const std::string& text : {options.train_split, options.eval_split.value_or("")}) {
        if (text.empty() || text == "none") continue;
        const auto slices = ParseSplit(text);
        if (!slices.ok()) continue;  // said where it is used
        for (const SplitSlice& slice : *slices)
            if (slice.name != "train") return true;
    }
    return false;
}

absl::StatusOr<SplitFiles> ListedFiles(const DataOptions& options, const std::string& folder,
                                       std::string_view forced) {
    std::vector<std::string> paths;
    for (const std::string& name : options.data_files) {
        HONE_ASSIGN_OR_RETURN(std::vector<std::string> more, Expand(folder + name));
        paths.insert(paths.end(), more.begin(), more.end());
    }
    if (AsksForNames(options)) return SplitByName(paths, CommonFolder(paths), forced);
    SplitFiles result;
    HONE_ASSIGN_OR_RETURN(result.splits["train"], WithFormats(paths, forced));
    return result;
}

bool LooksLikeRepository(const std::string& name) {
    return std::count(name.begin(), name.end(), '/') == 1 && name.front() != '/' &&
           name.front() != '.' && name.back() != '/' && !IsDataFile(name);
}

absl::StatusOr<SplitFiles> HubFiles(const DataOptions& options, const std::string& subset) {
    if (!options.fetch_hub)
        return DataError("no such data file or folder: {} (and no hub to look for it in)",
                         options.data_name);
    absl::StatusOr<std::vector<std::string>> fetched = options.fetch_hub(options.data_name, subset);
    if (!fetched.ok())
        return Annotate(fetched.status(), fmt::format("no file or folder {} here, and from the hub",
                                                      options.data_name));
    std::vector<std::string> paths = *std::move(fetched);
    if (!options.data_files.empty()) {
        std::erase_if(paths, [&](const std::string& path) {
            return std::none_of(options.data_files.begin(), options.data_files.end(),
                                [&](const std::string& name) { return path.ends_with(name); });
        });
    }
    std::erase_if(paths, [](const std::string& path) { return !IsDataFile(path); });
    if (paths.empty())
        return DataError("the data set {} has no data file that hone reads{}", options.data_name,
                         options.data_files.empty() ? "" : " among --data_files");
    std::sort(paths.begin(), paths.end());
    return SplitByName(paths, CommonFolder(paths), "");
}

// "train" in any case is the whole name but for its ending: the data files of the same ending in
// its folder that are other splits by their names.
std::vector<std::string> SplitsBeside(const std::string& path) {
    const fs::path file(path);
    std::vector<std::string> beside;
    if (SplitOfPath(file.filename().string()) != "train") return beside;
    std::error_code error;
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        const std::string split = SplitOfPath(name);
        if (it->path().extension() != file.extension() || split.empty() || split == "train")
            continue;
        beside.push_back(file.has_parent_path() ? (file.parent_path() / name).string() : name);
    }
    std::sort(beside.begin(), beside.end());
    return beside;
}

}  // namespace

std::string SplitOfPath(std::string_view path) {
    std::string split;
    std::string word;
    for (size_t i = 0; i <= path.size(); ++i) {
        const char c = i < path.size() ? path[i] : '\0';
        if (std::isalpha(static_cast<unsigned char>(c))) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            continue;
        }
        // The words of the Python library; the last one in the path counts: "data/test/train.txt"
        // is train.
        if (word == "train" || word == "training") split = "train";
        if (word == "validation" || word == "valid" || word == "dev" || word == "val")
            split = "validation";
        if (word == "test" || word == "testing" || word == "eval" || word == "evaluation")
            split = "test";
        word.clear();
    }
    return split;
}

std::string SplitFiles::Names() const {
    std::string names;
    for (const auto& [name, files] : splits) names += (names.empty() ? "" : ", ") + name;
    return names;
}

absl::StatusOr<std::vector<DataFile>> SplitFiles::Find(const std::string& name) const {
    const auto alias = aliases.find(name);
    const auto found = splits.find(alias == aliases.end() ? name : alias->second);
    if (found == splits.end())
        return UsageError("the data set has no split \"{}\"; it has {}", name, Names());
    return found->second;
}

absl::StatusOr<SplitFiles> FindFiles(const DataOptions& options, const std::string& subset) {
    const std::string& name = options.data_name;
    if (name.empty() && options.data_files.empty())
        return UsageError(
            "no data: --data_name takes a file, a folder, json|csv|parquet|text with --data_files, "
            "or a hub data set org/name");
    const bool forced = IsFormatName(name) && !(Exists(name) && options.data_files.empty());
    if (name.empty() || forced) {
        if (options.data_files.empty())
            return UsageError("--data_name {} needs --data_files FILE[,FILE...]", name);
        return ListedFiles(options, "", name);
    }
    HONE_RETURN_IF_ERROR(name == "-" ? Expand(name).status() : RefuseArrow(name));
    if (IsFolder(name)) {
        if (!options.data_files.empty()) return ListedFiles(options, name + "/", "");
        HONE_ASSIGN_OR_RETURN(std::vector<std::string> paths, ListFolder(name));
        return SplitByName(paths, name, "");
    }
    if (Exists(name)) {
        if (!options.data_files.empty())
            return UsageError(
                "--data_name names a file ({}) and --data_files names more: use --data_files for "
                "all of them with --data_name json|csv|parquet|text",
                name);
        SplitFiles result;
        HONE_ASSIGN_OR_RETURN(result.splits["train"], WithFormats({name}, ""));
        result.beside = SplitsBeside(name);
        const std::string alias = SplitOfPath(name.substr(name.rfind('/') + 1));
        if (!alias.empty() && alias != "train") result.aliases[alias] = "train";
        return result;
    }
    if (LooksLikeRepository(name)) return HubFiles(options, subset);
    return DataError("no such data file or folder: {}", name);
}

absl::StatusOr<SplitFiles> FindEvalFiles(const DataOptions& options) {
    const std::string forced = IsFormatName(options.data_name) ? options.data_name : "";
    std::vector<std::string> paths;
    for (const std::string& name : options.eval_data_files) {
        HONE_ASSIGN_OR_RETURN(std::vector<std::string> more, Expand(name));
        paths.insert(paths.end(), more.begin(), more.end());
    }
    SplitFiles result;
    HONE_ASSIGN_OR_RETURN(result.splits["train"], WithFormats(paths, forced));
    return result;
}

}  // namespace hone
