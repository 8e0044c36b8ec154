// Opening the files of a model's weights: one, or the shards that an index names.
#include <filesystem>
#include <map>
#include <set>

#include "base/files/json_file.h"
#include "base/limits.h"
#include "model/weights/pytorch.h"
#include "model/weights/safetensors.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

// One or several mapped files.
class MappedWeights : public WeightFile {
  public:
    MappedWeights(std::vector<std::shared_ptr<MappedFile>> files, std::vector<StoredTensor> tensors)
        : files_(std::move(files)) {
        SetTensors(std::move(tensors));
    }
    void DropPages() const override {
        for (const auto& file : files_) file->DropPages();
    }
    absl::Status CheckUnchanged() const override {
        for (const auto& file : files_)
            HONE_RETURN_IF_ERROR(WithKind(file->CheckUnchanged(), ErrorKind::kModel));
        return absl::OkStatus();
    }

  private:
    std::vector<std::shared_ptr<MappedFile>> files_;
};

using Parse = absl::StatusOr<std::vector<StoredTensor>> (*)(std::span<const uint8_t>,
                                                            std::string_view);

absl::StatusOr<std::vector<StoredTensor>> ParseSafetensorsTensors(std::span<const uint8_t> bytes,
                                                                  std::string_view path) {
    HONE_ASSIGN_OR_RETURN(auto contents, ParseSafetensors(bytes, path));
    return std::move(contents.tensors);
}

struct OpenFile {
    std::shared_ptr<MappedFile> file;
    std::vector<StoredTensor> tensors;
};

absl::StatusOr<OpenFile> Open(const std::string& path, Parse parse) {
    auto file = MappedFile::Open(path);
    if (!file.ok()) return WithKind(file.status(), ErrorKind::kModel);
    HONE_ASSIGN_OR_RETURN(auto tensors, parse((*file)->bytes(), path));
    return OpenFile{*file, std::move(tensors)};
}

absl::StatusOr<std::shared_ptr<WeightFile>> OpenSingle(const std::string& path, Parse parse) {
    HONE_ASSIGN_OR_RETURN(auto open, Open(path, parse));
    return std::make_shared<MappedWeights>(std::vector{open.file}, std::move(open.tensors));
}

// "weight_map" of an index: tensor name -> shard, plain file names only.
absl::StatusOr<std::map<std::string, std::string>> ReadIndex(const std::string& path) {
    constexpr size_t kMaxShards = 10'000;
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadModelText(path, kMaxHeaderBytes));
    HONE_ASSIGN_OR_RETURN(auto json, ParseJson<nlohmann::json>(text, path));
    auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (!json.is_object() || map == json.end() || !map->is_object() || map->empty())
        return ModelError("{} has no \"weight_map\" object that names tensors", path);
    std::map<std::string, std::string> shard_of;
    std::set<std::string> shards;
    for (const auto& [name, shard] : map->items()) {
        if (!shard.is_string())
            return ModelError("{}: the shard of \"{}\" is not a string", path, name);
        const auto& file = shard.get_ref<const std::string&>();
        if (file.empty() || file == "." || file == ".." ||
            file.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos)
            return ModelError("{}: the shard of \"{}\" is \"{}\", which is not a plain file name",
                              path, name, file);
        shards.insert(file);
        shard_of[name] = file;
    }
    if (shard_of.size() > kMaxTensors || shards.size() > kMaxShards)
        return ModelError("{} names {} tensors in {} shards; the limits are {} and {}", path,
                          shard_of.size(), shards.size(), kMaxTensors, kMaxShards);
    return shard_of;
}

absl::StatusOr<std::shared_ptr<WeightFile>> OpenSharded(const std::string& folder,
                                                        const std::string& index, Parse parse) {
    HONE_ASSIGN_OR_RETURN(auto shard_of, ReadIndex(index));
    std::set<std::string> shards;
    for (const auto& [name, shard] : shard_of) shards.insert(shard);
    std::vector<std::shared_ptr<MappedFile>> files;
    std::vector<StoredTensor> tensors;
    std::map<std::string, std::string> found_in;
    for (const auto& shard : shards) {
        HONE_ASSIGN_OR_RETURN(auto open, Open(folder + "/" + shard, parse));
        files.push_back(std::move(open.file));
        for (auto& tensor : open.tensors) {
            auto [before, fresh] = found_in.emplace(tensor.name, shard);
            if (!fresh)
                return ModelError("the tensor \"{}\" is in two shards, {} and {}, of {}",
                                  tensor.name, before->second, shard, folder);
            auto indexed = shard_of.find(tensor.name);
            if (indexed == shard_of.end())
                return ModelError("{}/{} holds the tensor \"{}\", which {} does not name", folder,
                                  shard, tensor.name, index);
            if (indexed->second != shard)
                return ModelError("{} says that the tensor \"{}\" is in {}, but it is in {}", index,
                                  tensor.name, indexed->second, shard);
            tensors.push_back(std::move(tensor));
        }
    }
    for (const auto& [name, shard] : shard_of)
        if (!found_in.contains(name))
            return ModelError("{} says that the tensor \"{}\" is in {}, but it is not", index, name,
                              shard);
    if (tensors.size() > kMaxTensors)
        return ModelError("{} holds {} tensors, more than the limit of {}", folder, tensors.size(),
                          kMaxTensors);
    return std::make_shared<MappedWeights>(std::move(files), std::move(tensors));
}

}  // namespace

absl::StatusOr<std::shared_ptr<WeightFile>> OpenSafetensors(const std::string& path) {
    return OpenSingle(path, ParseSafetensorsTensors);
}

absl::StatusOr<std::shared_ptr<WeightFile>> OpenWeights(const std::string& path) {
    struct Format {
        std::string_view name;
        Parse parse;
    };
    static constexpr Format kFormats[] = {{"model.safetensors", ParseSafetensorsTensors},
                                          {"pytorch_model.bin", ParsePytorch}};
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_directory(path, error))
        return path.ends_with(".bin") ? OpenSingle(path, ParsePytorch) : OpenSafetensors(path);
    for (const Format& format : kFormats) {
        const std::string single = fmt::format("{}/{}", path, format.name);
        const std::string index = single + ".index.json";
        if (fs::exists(single, error)) return OpenSingle(single, format.parse);
        if (fs::exists(index, error)) return OpenSharded(path, index, format.parse);
    }
    return ModelError(
        "{} holds no weights: neither model.safetensors nor pytorch_model.bin, nor the "
        ".index.json of either",
        path);
}

}  // namespace hone
