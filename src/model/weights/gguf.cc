#include "model/weights/gguf.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

#include "base/files/git_lfs.h"
#include "base/limits.h"
#include "base/text/text.h"

namespace hone {
namespace {

constexpr uint64_t kMaxKeys = 4096;
constexpr int64_t kMaxListElements =
    1 << 20;  // in all lists of the metadata but the vocabulary's four
constexpr int kMaxArrayDepth = 4;
constexpr uint64_t kMaxAlignment = 1 << 16;

enum ValueType : uint32_t {
    kU8,
    kI8,
    kU16,
    kI16,
    kU32,
    kI32,
    kFloat32,
    kBool,
    kString,
    kArray,
    kU64,
    kI64,
    kFloat64
};
constexpr uint64_t kValueBytes[] = {1, 1, 2,  2, 4, 4, 4,
                                    1, 8, 12, 8, 8, 8};  // at least, for strings and arrays

struct TensorType {
    uint32_t id;
    std::string_view name;
    StorageType storage;
};
constexpr TensorType kTensorTypes[] = {
    {0, "F32", StorageType::kF32},        {1, "F16", StorageType::kF16},
    {2, "Q4_0", StorageType::kQ4_0},      {3, "Q4_1", StorageType::kQ4_1},
    {6, "Q5_0", StorageType::kQ5_0},      {7, "Q5_1", StorageType::kQ5_1},
    {8, "Q8_0", StorageType::kQ8_0},      {9, "Q8_1", StorageType::kOther},
    {10, "Q2_K", StorageType::kQ2_K},     {11, "Q3_K", StorageType::kQ3_K},
    {12, "Q4_K", StorageType::kQ4_K},     {13, "Q5_K", StorageType::kQ5_K},
    {14, "Q6_K", StorageType::kQ6_K},     {15, "Q8_K", StorageType::kOther},
    {16, "IQ2_XXS", StorageType::kOther}, {17, "IQ2_XS", StorageType::kOther},
    {18, "IQ3_XXS", StorageType::kOther}, {19, "IQ1_S", StorageType::kOther},
    {20, "IQ4_NL", StorageType::kIQ4_NL}, {21, "IQ3_S", StorageType::kOther},
    {22, "IQ2_S", StorageType::kOther},   {23, "IQ4_XS", StorageType::kIQ4_XS},
    {24, "I8", StorageType::kOther},      {25, "I16", StorageType::kOther},
    {26, "I32", StorageType::kOther},     {27, "I64", StorageType::kOther},
    {28, "F64", StorageType::kOther},     {29, "IQ1_M", StorageType::kOther},
    {30, "BF16", StorageType::kBF16},     {34, "TQ1_0", StorageType::kOther},
    {35, "TQ2_0", StorageType::kOther},   {39, "MXFP4", StorageType::kOther},
};

class Parser {
  public:
    Parser(std::span<const uint8_t> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

    absl::StatusOr<GgufContents> Parse() {
        HONE_RETURN_IF_ERROR(ReadFrame());
        for (uint64_t i = 0; i < key_count_; ++i) HONE_RETURN_IF_ERROR(ReadKey());
        for (uint64_t i = 0; i < tensor_count_; ++i) HONE_RETURN_IF_ERROR(ReadTensorInfo());
        HONE_RETURN_IF_ERROR(PlaceTensors());
        return std::move(contents_);
    }

  private:
    struct Info {
        size_t tensor = 0;
        uint64_t offset = 0, size = 0;
    };

    template <typename... Args>
    absl::Status Error(fmt::format_string<Args...> format, Args&&... args) {
        return ModelError("{}: {}", path_, fmt::format(format, std::forward<Args>(args)...));
    }

    absl::Status CutShort(std::string_view what) {
        if (bytes_.size() > kMaxHeaderBytes)
            return Error("the metadata takes more than the limit of {} bytes", kMaxHeaderBytes);
        return Error(
            "the file ends in the middle of {} (byte {}); it is cut short or damaged: fetch it "
            "again",
            what, bytes_.size());
    }

    size_t Left() const { return std::min(bytes_.size(), size_t{kMaxHeaderBytes}) - at_; }

    template <typename T>
    absl::StatusOr<T> Read(std::string_view what) {
        if (Left() < sizeof(T)) return CutShort(what);
        T value;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }

    absl::StatusOr<std::string> ReadString(std::string_view what) {
        HONE_ASSIGN_OR_RETURN(uint64_t length, Read<uint64_t>(what));
        if (length > Left()) return CutShort(what);
        std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
        at_ += length;
        return text;
    }

    absl::StatusOr<std::string> ReadName(std::string_view what) {
        HONE_ASSIGN_OR_RETURN(std::string name, ReadString(what));
        if (name.empty() || name.size() > kMaxNameBytes || !IsUtf8(name))
            return Error("{} has {} bytes; it must be UTF-8 of 1 to {} bytes", what, name.size(),
                         kMaxNameBytes);
        return name;
    }

    absl::Status ReadFrame() {
        if (IsGitLfsPointer({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}))
            return GitLfsPointerError(path_);
        if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0)
            return Error("this is no GGUF file: it does not start with \"GGUF\"");
        at_ = 4;
        HONE_ASSIGN_OR_RETURN(uint32_t version, Read<uint32_t>("the version"));
        if (version == 0x02000000 || version == 0x03000000)
            return Error("a big-endian GGUF file; hone reads little-endian ones");
        if (version != 2 && version != 3)
            return Error("GGUF version {}; hone reads versions 2 and 3 (convert the model again)",
                         version);
        HONE_ASSIGN_OR_RETURN(tensor_count_, Read<uint64_t>("the header"));
        HONE_ASSIGN_OR_RETURN(key_count_, Read<uint64_t>("the header"));
        if (tensor_count_ > kMaxTensors)
            return Error("{} tensors, more than the limit of {}", tensor_count_, kMaxTensors);
        if (key_count_ > kMaxKeys)
            return Error("{} metadata keys, more than the limit of {}", key_count_, kMaxKeys);
        return absl::OkStatus();
    }

    template <typename T>
    absl::StatusOr<nlohmann::ordered_json> ReadNumber(const std::string& key) {
        HONE_ASSIGN_OR_RETURN(T value, Read<T>(key));
        return nlohmann::ordered_json(value);
    }

    absl::StatusOr<nlohmann::ordered_json> ReadValue(const std::string& key, uint32_t type,
                                                     int depth) {
        switch (type) {
            case kU8:
                return ReadNumber<uint8_t>(key);
            case kI8:
                return ReadNumber<int8_t>(key);
            case kU16:
                return ReadNumber<uint16_t>(key);
            case kI16:
                return ReadNumber<int16_t>(key);
            case kU32:
                return ReadNumber<uint32_t>(key);
            case kI32:
                return ReadNumber<int32_t>(key);
            case kU64:
                return ReadNumber<uint64_t>(key);
            case kI64:
                return ReadNumber<int64_t>(key);
            case kFloat64:
                return ReadNumber<double>(key);
            case kFloat32: {
                HONE_ASSIGN_OR_RETURN(float value, Read<float>(key));
                // The shortest decimal that is the same float: 1e-05, as config.json spells it,
                // not 9.9999997e-06.
                return nlohmann::ordered_json(
                    std::strtod(fmt::format("{}", value).c_str(), nullptr));
            }
            case kBool: {
                HONE_ASSIGN_OR_RETURN(uint8_t value, Read<uint8_t>(key));
                if (value > 1) return Error("\"{}\" is a bool of value {}", key, value);
                return nlohmann::ordered_json(value == 1);
            }
            case kString: {
                HONE_ASSIGN_OR_RETURN(std::string value, ReadString(key));
                if (!IsUtf8(value)) return Error("the text of \"{}\" is not UTF-8", key);
                return nlohmann::ordered_json(std::move(value));
            }
            case kArray:
                return ReadArray(key, depth);
            default:
                return Error("\"{}\" has the unknown value type {}", key, type);
        }
    }

    // Type and count of an array whose elements are still to be read; they fit in what is left of
    // the file.
    absl::StatusOr<std::pair<uint32_t, uint64_t>> ReadArrayHead(const std::string& key) {
        HONE_ASSIGN_OR_RETURN(uint32_t type, Read<uint32_t>(key));
        HONE_ASSIGN_OR_RETURN(uint64_t count, Read<uint64_t>(key));
        if (type > kFloat64)
            return Error("\"{}\" is a list of the unknown value type {}", key, type);
        if (count > Left() / kValueBytes[type]) {
            at_ = std::min(bytes_.size(), size_t{kMaxHeaderBytes});
            return CutShort(key);
        }
        return std::pair(type, count);
    }

    absl::StatusOr<nlohmann::ordered_json> ReadArray(const std::string& key, int depth) {
        if (depth >= kMaxArrayDepth)
            return Error("\"{}\" nests lists deeper than the limit of {}", key, kMaxArrayDepth);
        HONE_ASSIGN_OR_RETURN(auto head, ReadArrayHead(key));
        auto [type, count] = head;
        list_elements_ += static_cast<int64_t>(count);
        if (list_elements_ > kMaxListElements)
            return Error(
                "the lists in the metadata, up to \"{}\", have more than the limit of {} elements",
                key, kMaxListElements);
        auto list = nlohmann::ordered_json::array();
        for (uint64_t i = 0; i < count; ++i) {
            HONE_ASSIGN_OR_RETURN(auto value, ReadValue(key, type, depth + 1));
            list.push_back(std::move(value));
        }
        return list;
    }

    absl::StatusOr<std::vector<std::string>> ReadStrings(const std::string& key) {
        HONE_ASSIGN_OR_RETURN(auto head, ReadArrayHead(key));
        auto [type, count] = head;
        if (type != kString) return Error("\"{}\" is not a list of strings", key);
        if (count > kMaxVocabulary)
            return Error("\"{}\" has {} entries, more than the limit of {}", key, count,
                         kMaxVocabulary);
        std::vector<std::string> strings;
        strings.reserve(count);
        for (uint64_t i = 0; i < count; ++i) {
            HONE_ASSIGN_OR_RETURN(std::string text, ReadString(key));
            strings.push_back(std::move(text));
        }
        return strings;
    }

    template <typename T>
    absl::StatusOr<std::vector<T>> ReadNumbers(const std::string& key,
                                               std::initializer_list<uint32_t> types) {
        HONE_ASSIGN_OR_RETURN(auto head, ReadArrayHead(key));
        auto [type, count] = head;
        if (std::find(types.begin(), types.end(), type) == types.end())
            return Error("\"{}\" is a list of value type {}, not of {}", key, type, *types.begin());
        if (count > kMaxVocabulary)
            return Error("\"{}\" has {} entries, more than the limit of {}", key, count,
                         kMaxVocabulary);
        std::vector<T> numbers(count);
        if (count > 0) std::memcpy(numbers.data(), bytes_.data() + at_, count * sizeof(T));
        at_ += count * sizeof(T);
        return numbers;
    }

    absl::Status ReadKey() {
        HONE_ASSIGN_OR_RETURN(std::string key, ReadName("a metadata key"));
        HONE_ASSIGN_OR_RETURN(uint32_t type, Read<uint32_t>(key));
        if (!keys_.insert(key).second) return Error("the metadata key \"{}\" comes twice", key);
        GgufTokenLists& lists = contents_.token_lists;
        constexpr std::string_view kPrefix = "tokenizer.ggml.";
        std::string_view field =
            key.starts_with(kPrefix) ? std::string_view(key).substr(kPrefix.size()) : "";
        if (type == kArray && field == "tokens") {
            HONE_ASSIGN_OR_RETURN(lists.tokens, ReadStrings(key));
        } else if (type == kArray && field == "merges") {
            HONE_ASSIGN_OR_RETURN(lists.merges, ReadStrings(key));
        } else if (type == kArray && field == "scores") {
            HONE_ASSIGN_OR_RETURN(lists.scores, ReadNumbers<float>(key, {kFloat32}));
        } else if (type == kArray && field == "token_type") {
            HONE_ASSIGN_OR_RETURN(lists.token_types, ReadNumbers<int32_t>(key, {kI32, kU32}));
        } else {
            HONE_ASSIGN_OR_RETURN(contents_.metadata[key], ReadValue(key, type, 0));
        }
        return absl::OkStatus();
    }

    absl::Status ReadTensorInfo() {
        HONE_ASSIGN_OR_RETURN(std::string name, ReadName("a tensor's name"));
        if (!tensor_names_.insert(name).second) return Error("the tensor \"{}\" comes twice", name);
        HONE_ASSIGN_OR_RETURN(uint32_t rank, Read<uint32_t>(name));
        if (rank > kMaxTensorRank)
            return Error("the tensor \"{}\" has {} dimensions, more than the limit of {}", name,
                         rank, kMaxTensorRank);
        StoredTensor tensor;
        int64_t elements = 1;
        for (uint32_t i = 0; i < rank; ++i) {
            HONE_ASSIGN_OR_RETURN(uint64_t size, Read<uint64_t>(name));
            if (size == 0 || size > static_cast<uint64_t>(kMaxTensorElements) ||
                elements > kMaxTensorElements / static_cast<int64_t>(size))
                return Error(
                    "the tensor \"{}\" has a dimension of {}: none may be 0, and the product at "
                    "most {}",
                    name, size, kMaxTensorElements);
            elements *= static_cast<int64_t>(size);
            tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
        }
        HONE_ASSIGN_OR_RETURN(uint32_t id, Read<uint32_t>(name));
        Info info;
        HONE_ASSIGN_OR_RETURN(info.offset, Read<uint64_t>(name));
        tensor.type = StorageType::kOther;
        tensor.type_name = "an unknown type";
        for (const auto& type : kTensorTypes) {
            if (type.id != id) continue;
            tensor.type = type.storage;
            tensor.type_name = type.name;
        }
        if (tensor.type != StorageType::kOther) {
            int64_t block = StorageBlockElements(tensor.type);
            if ((tensor.shape.empty() ? 1 : tensor.shape.back()) % block != 0)
                return Error(
                    "the rows of the tensor \"{}\" have {} elements, which is not a multiple of "
                    "{}'s blocks "
                    "of {}",
                    name, tensor.shape.empty() ? 1 : tensor.shape.back(), tensor.type_name, block);
            info.size = static_cast<uint64_t>(elements / block * StorageBlockBytes(tensor.type));
        }
        tensor.name = std::move(name);
        info.tensor = contents_.tensors.size();
        contents_.tensors.push_back(std::move(tensor));
        infos_.push_back(info);
        return absl::OkStatus();
    }

    absl::StatusOr<uint64_t> Alignment() {
        auto found = contents_.metadata.find("general.alignment");
        if (found == contents_.metadata.end()) return 32;
        uint64_t value = found->is_number_unsigned() ? found->get<uint64_t>() : 0;
        if (value < 8 || value > kMaxAlignment || (value & (value - 1)) != 0)
            return Error("\"general.alignment\" is {}; it must be a power of two from 8 to {}",
                         found->dump(), kMaxAlignment);
        return value;
    }

    absl::Status PlaceTensors() {
        HONE_ASSIGN_OR_RETURN(uint64_t alignment, Alignment());
        uint64_t start = (at_ + alignment - 1) / alignment * alignment;
        std::span<const uint8_t> data =
            start < bytes_.size() ? bytes_.subspan(start) : std::span<const uint8_t>();
        for (const auto& info : infos_) {
            StoredTensor& tensor = contents_.tensors[info.tensor];
            if (info.offset % alignment != 0)
                return Error(
                    "the tensor \"{}\" starts at byte {}, which is not a multiple of the alignment "
                    "{}",
                    tensor.name, info.offset, alignment);
            if (info.offset > data.size() || info.size > data.size() - info.offset)
                return Error(
                    "the tensor \"{}\" takes {} bytes from {} on, but the file has {} bytes of "
                    "data; it is "
                    "cut short or damaged: fetch it again",
                    tensor.name, info.size, info.offset, data.size());
            tensor.bytes = data.subspan(info.offset, info.size);
        }
        std::sort(infos_.begin(), infos_.end(),
                  [](const Info& a, const Info& b) { return a.offset < b.offset; });
        for (size_t i = 1; i < infos_.size(); ++i) {
            if (infos_[i - 1].offset + infos_[i - 1].size <= infos_[i].offset) continue;
            return Error("the tensors \"{}\" and \"{}\" overlap",
                         contents_.tensors[infos_[i - 1].tensor].name,
                         contents_.tensors[infos_[i].tensor].name);
        }
        return absl::OkStatus();
    }

    std::span<const uint8_t> bytes_;
    std::string_view path_;
    size_t at_ = 0;
    uint64_t tensor_count_ = 0, key_count_ = 0;
    int64_t list_elements_ = 0;
    std::unordered_set<std::string> keys_, tensor_names_;
    std::vector<Info> infos_;
    GgufContents contents_;
};

}  // namespace

absl::StatusOr<GgufContents> ParseGguf(std::span<const uint8_t> bytes, std::string_view path) {
    return Parser(bytes, path).Parse();
}

GgufFile::GgufFile(std::shared_ptr<MappedFile> file, GgufContents contents)
    : file_(std::move(file)),
      metadata_(std::move(contents.metadata)),
      token_lists_(std::move(contents.token_lists)) {
    SetTensors(std::move(contents.tensors));
}

absl::Status GgufFile::SplitRows(const std::string& whole,
                                 const std::vector<std::pair<std::string, int64_t>>& parts) {
    const StoredTensor* found = Find(whole);
    if (found == nullptr || parts.empty()) return absl::OkStatus();
    int64_t rows = 0;
    for (const auto& [name, count] : parts) {
        rows += count;
        if (Find(name) != nullptr)
            return ModelError("there is a tensor \"{}\" beside \"{}\", which holds it too", name,
                              whole);
    }
    if (found->shape.empty() || found->shape[0] != rows ||
        found->bytes.size() % static_cast<size_t>(rows) != 0)
        return ModelError("the tensor \"{}\" of shape [{}] cannot be cut into {} rows", whole,
                          fmt::join(found->shape, ", "), rows);
    const size_t row_bytes = found->bytes.size() / static_cast<size_t>(rows);
    std::vector<StoredTensor> tensors;
    for (const StoredTensor& tensor : this->tensors()) {
        if (&tensor != found) {
            tensors.push_back(tensor);
            continue;
        }
        size_t begin = 0;
        for (const auto& [name, count] : parts) {
            StoredTensor part = tensor;
            part.name = name;
            part.shape[0] = count;
            part.bytes = tensor.bytes.subspan(begin, static_cast<size_t>(count) * row_bytes);
            begin += part.bytes.size();
            tensors.push_back(std::move(part));
        }
    }
    SetTensors(std::move(tensors));
    return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<GgufFile>> GgufFile::Open(const std::string& path) {
    auto file = MappedFile::Open(path);
    if (!file.ok()) return WithKind(file.status(), ErrorKind::kModel);
    HONE_ASSIGN_OR_RETURN(auto contents, ParseGguf((*file)->bytes(), path));
    return std::shared_ptr<GgufFile>(new GgufFile(*std::move(file), std::move(contents)));
}

}  // namespace hone
