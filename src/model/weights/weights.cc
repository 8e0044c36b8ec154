#include "model/weights/weights.h"

#include <filesystem>
#include <map>
#include <set>

#include "base/json_file.h"
#include "base/limits.h"
#include "model/weights/dequantize.h"
#include "model/weights/safetensors.h"

namespace hone {
namespace {

struct StorageFacts {
    std::string_view name;
    int64_t elements, bytes;
};

constexpr StorageFacts kStorage[] = {
    {"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},     {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},   {"Q5_0", 32, 22},   {"Q5_1", 32, 24},   {"Q8_0", 32, 34},
    {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210}, {"other", 1, 0},
};

const StorageFacts& FactsOf(StorageType type) { return kStorage[static_cast<int>(type)]; }

// One or several mapped safetensors files.
class SafetensorsFiles : public WeightFile {
  public:
    SafetensorsFiles(std::vector<std::shared_ptr<MappedFile>> files,
                     std::vector<StoredTensor> tensors)
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

struct OpenShard {
    std::shared_ptr<MappedFile> file;
    std::vector<StoredTensor> tensors;
};

absl::StatusOr<OpenShard> Open(const std::string& path) {
    auto file = MappedFile::Open(path);
    if (!file.ok()) return WithKind(file.status(), ErrorKind::kModel);
    HONE_ASSIGN_OR_RETURN(auto contents, ParseSafetensors((*file)->bytes(), path));
    return OpenShard{*file, std::move(contents.tensors)};
}

// "weight_map" of model.safetensors.index.json: tensor name -> shard, plain file names only.
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
                                                        const std::string& index) {
    HONE_ASSIGN_OR_RETURN(auto shard_of, ReadIndex(index));
    std::set<std::string> shards;
    for (const auto& [name, shard] : shard_of) shards.insert(shard);
    std::vector<std::shared_ptr<MappedFile>> files;
    std::vector<StoredTensor> tensors;
    std::map<std::string, std::string> found_in;
    for (const auto& shard : shards) {
        HONE_ASSIGN_OR_RETURN(auto open, Open(folder + "/" + shard));
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
    return std::make_shared<SafetensorsFiles>(std::move(files), std::move(tensors));
}

}  // namespace

std::string_view StorageTypeName(StorageType type) { return FactsOf(type).name; }
int64_t StorageBlockElements(StorageType type) { return FactsOf(type).elements; }
int64_t StorageBlockBytes(StorageType type) { return FactsOf(type).bytes; }

const StoredTensor* WeightFile::Find(std::string_view name) const {
    auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
}

void WeightFile::SetTensors(std::vector<StoredTensor> tensors) {
    tensors_ = std::move(tensors);
    index_.clear();
    for (size_t i = 0; i < tensors_.size(); ++i)
        HONE_CHECK(index_.emplace(tensors_[i].name, i).second, "tensor {} twice", tensors_[i].name);
}

absl::StatusOr<std::shared_ptr<WeightFile>> OpenSafetensors(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_directory(path, error)) {
        HONE_ASSIGN_OR_RETURN(auto open, Open(path));
        return std::make_shared<SafetensorsFiles>(std::vector{open.file}, std::move(open.tensors));
    }
    std::string single = path + "/model.safetensors", index = single + ".index.json";
    if (fs::exists(single, error)) return OpenSafetensors(single);
    if (fs::exists(index, error)) return OpenSharded(path, index);
    for (const char* pytorch : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
        if (fs::exists(path + "/" + pytorch, error))
            return ModelError(
                "{} holds PyTorch weights ({}) and no safetensors; save the model as safetensors "
                "first (transformers: model.save_pretrained(FOLDER))",
                path, pytorch);
    return ModelError("{} holds neither model.safetensors nor model.safetensors.index.json", path);
}

absl::Status CheckReadable(const StoredTensor& tensor) {
    if (tensor.type != StorageType::kOther) return absl::OkStatus();
    return ModelError(
        "the tensor \"{}\" is stored as {}, which hone does not read (it reads F32, F16, BF16, "
        "Q8_0, "
        "Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K)",
        tensor.name, tensor.type_name);
}

absl::Status ReadRows(const StoredTensor& tensor, int64_t begin, int64_t end, float* out) {
    HONE_RETURN_IF_ERROR(CheckReadable(tensor));
    int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    int64_t rows = columns == 0 ? 0 : tensor.elements() / columns;
    HONE_CHECK(0 <= begin && begin <= end && end <= rows, "rows {} to {} of {} in {}", begin, end,
               rows, tensor.name);
    const StorageFacts& facts = FactsOf(tensor.type);
    int64_t row_bytes = columns / facts.elements * facts.bytes;
    Dequantize(tensor.type, tensor.bytes.data() + begin * row_bytes, (end - begin) * columns, out);
    return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> ReadTensor(const StoredTensor& tensor) {
    HONE_RETURN_IF_ERROR(CheckReadable(
        tensor));  // before memory is asked for: only readable tensors have bytes to match
    int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    HONE_RETURN_IF_ERROR(
        ReadRows(tensor, 0, columns == 0 ? 0 : tensor.elements() / columns, values.data()));
    return values;
}

}  // namespace hone
