#include "model/weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/files/file.h"
#include "base/files/git_lfs.h"
#include "base/files/json_file.h"
#include "base/limits.h"

namespace hone {
namespace {

struct ElementType {
    std::string_view name;
    int64_t bytes;
    StorageType storage;
};

constexpr ElementType kElementTypes[] = {
    {"F32", 4, StorageType::kF32},       {"F16", 2, StorageType::kF16},
    {"BF16", 2, StorageType::kBF16},     {"F64", 8, StorageType::kOther},
    {"I64", 8, StorageType::kOther},     {"I32", 4, StorageType::kOther},
    {"I16", 2, StorageType::kOther},     {"I8", 1, StorageType::kOther},
    {"U64", 8, StorageType::kOther},     {"U32", 4, StorageType::kOther},
    {"U16", 2, StorageType::kOther},     {"U8", 1, StorageType::kOther},
    {"BOOL", 1, StorageType::kOther},    {"C64", 8, StorageType::kOther},
    {"F8_E4M3", 1, StorageType::kOther}, {"F8_E5M2", 1, StorageType::kOther},
    {"F8_E8M0", 1, StorageType::kOther},
};

const ElementType* FindElementType(std::string_view name) {
    for (const auto& type : kElementTypes)
        if (type.name == name) return &type;
    return nullptr;
}

struct Entry {
    StoredTensor tensor;
    uint64_t begin = 0, end = 0;
};

// A non-negative integer; nullopt for anything else (a JSON 1.0 is not an integer).
std::optional<uint64_t> AsCount(const nlohmann::json& value) {
    if (!value.is_number_unsigned()) return std::nullopt;
    return value.get<uint64_t>();
}

absl::Status ReadShape(const nlohmann::json& json, const std::string& where,
                       std::vector<int64_t>& shape) {
    auto found = json.find("shape");
    if (found == json.end() || !found->is_array())
        return ModelError("{} has no \"shape\" array", where);
    if (found->size() > kMaxTensorRank)
        return ModelError("{} has {} dimensions, more than the limit of {}", where, found->size(),
                          kMaxTensorRank);
    int64_t elements = 1;
    for (const auto& size : *found) {
        auto count = AsCount(size);
        if (!count)
            return ModelError("{}: the shape {} is not a list of counts", where, found->dump());
        if (*count > static_cast<uint64_t>(kMaxTensorElements) ||
            (*count > 0 && elements > kMaxTensorElements / static_cast<int64_t>(*count)))
            return ModelError("{}: the shape {} has more elements than the limit of {}", where,
                              found->dump(), kMaxTensorElements);
        elements *= static_cast<int64_t>(*count);
        shape.push_back(static_cast<int64_t>(*count));
    }
    return absl::OkStatus();
}

absl::StatusOr<Entry> ReadEntry(const std::string& name, const nlohmann::json& json,
                                uint64_t data_bytes, std::string_view path) {
    if (name.empty() || name.size() > kMaxNameBytes)
        return ModelError("{}: a tensor's name has {} bytes; it must have 1 to {}", path,
                          name.size(), kMaxNameBytes);
    std::string where = fmt::format("{}: the tensor \"{}\"", path, name);
    if (!json.is_object()) return ModelError("{} is not described by an object", where);
    Entry entry;
    entry.tensor.name = name;
    auto dtype = json.find("dtype");
    if (dtype == json.end() || !dtype->is_string())
        return ModelError("{} has no \"dtype\" string", where);
    const ElementType* type = FindElementType(dtype->get_ref<const std::string&>());
    if (!type) return ModelError("{} has the unknown dtype {}", where, dtype->dump());
    entry.tensor.type = type->storage;
    entry.tensor.type_name = type->name;
    HONE_RETURN_IF_ERROR(ReadShape(json, where, entry.tensor.shape));

    auto offsets = json.find("data_offsets");
    if (offsets == json.end() || !offsets->is_array() || offsets->size() != 2 ||
        !AsCount((*offsets)[0]) || !AsCount((*offsets)[1]))
        return ModelError("{} has no \"data_offsets\" of two counts", where);
    entry.begin = *AsCount((*offsets)[0]);
    entry.end = *AsCount((*offsets)[1]);
    if (entry.begin > entry.end || entry.end > data_bytes)
        return ModelError(
            "{} lies at bytes {} to {}, but the file has {} bytes of data; it may be cut short: "
            "fetch it again",
            where, entry.begin, entry.end, data_bytes);
    uint64_t needed = static_cast<uint64_t>(entry.tensor.elements() * type->bytes);
    if (entry.end - entry.begin != needed)
        return ModelError("{} of type {} and shape {} takes {} bytes, but its data_offsets span {}",
                          where, type->name, json["shape"].dump(), needed, entry.end - entry.begin);
    return entry;
}

absl::Status ReadMetadata(const nlohmann::json& json, std::string_view path,
                          std::map<std::string, std::string>& metadata) {
    if (!json.is_object()) return ModelError("{}: \"__metadata__\" is not an object", path);
    for (const auto& [key, value] : json.items()) {
        if (!value.is_string())
            return ModelError("{}: \"__metadata__\" has a value that is not a string, \"{}\"", path,
                              key);
        metadata[key] = value.get<std::string>();
    }
    return absl::OkStatus();
}

// The header's text, or what is wrong with the frame around it.
absl::StatusOr<std::string_view> HeaderOf(std::span<const uint8_t> bytes, std::string_view path) {
    if (IsGitLfsPointer({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
        return GitLfsPointerError(path);
    if (bytes.size() < 8)
        return ModelError(
            "{} is no safetensors file: it has {} bytes, fewer than its header's length takes",
            path, bytes.size());
    uint64_t length;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > kMaxHeaderBytes)
        return ModelError(
            "{} is no safetensors file, or a damaged one: its header would have {} bytes (the "
            "limit "
            "is {})",
            path, length, kMaxHeaderBytes);
    if (length > bytes.size() - 8)
        return ModelError(
            "{}: the header has {} bytes, but the file only {}; it is cut short: fetch it again",
            path, length, bytes.size());
    std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8, length);
    if (header.empty() || header[0] != '{')
        return ModelError("{} is no safetensors file: its header does not start with '{{'", path);
    return header;
}

size_t Elements(const TensorToWrite& tensor) {
    int64_t elements = 1;
    for (int64_t size : tensor.shape) elements *= size;
    return static_cast<size_t>(elements);
}

// The numbers as that type, a piece at a time.
absl::Status WriteNumbers(DType dtype, std::span<const float> numbers, AtomicFile& file) {
    constexpr size_t kPiece = size_t{1} << 18;
    HONE_CHECK(dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16);
    std::vector<uint16_t> halves;
    for (size_t begin = 0; begin < numbers.size(); begin += kPiece) {
        auto piece = numbers.subspan(begin, std::min(kPiece, numbers.size() - begin));
        const void* data = piece.data();
        if (dtype != DType::kF32) {
            halves.clear();
            for (float value : piece)
                halves.push_back(dtype == DType::kF16 ? ToF16(value).bits : ToBF16(value).bits);
            data = halves.data();
        }
        HONE_RETURN_IF_ERROR(
            file.Write(std::span(static_cast<const uint8_t*>(data),
                                 piece.size() * static_cast<size_t>(DTypeBytes(dtype)))));
    }
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsContents> ParseSafetensors(std::span<const uint8_t> bytes,
                                                     std::string_view path) {
    HONE_ASSIGN_OR_RETURN(std::string_view header, HeaderOf(bytes, path));
    HONE_ASSIGN_OR_RETURN(auto json,
                          ParseJson<nlohmann::json>(header, fmt::format("{}: the header", path)));
    auto data = bytes.subspan(8 + header.size());
    SafetensorsContents contents;
    if (json.size() > kMaxTensors + 1)
        return ModelError("{} holds {} tensors, more than the limit of {}", path, json.size(),
                          kMaxTensors);
    std::vector<Entry> entries;
    for (const auto& [name, description] : json.items()) {
        if (name == "__metadata__") {
            HONE_RETURN_IF_ERROR(ReadMetadata(description, path, contents.metadata));
            continue;
        }
        HONE_ASSIGN_OR_RETURN(auto entry, ReadEntry(name, description, data.size(), path));
        entry.tensor.bytes = data.subspan(entry.begin, entry.end - entry.begin);
        entries.push_back(std::move(entry));
    }
    if (entries.size() > kMaxTensors)
        return ModelError("{} holds {} tensors, more than the limit of {}", path, entries.size(),
                          kMaxTensors);
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t covered = 0;
    for (auto& entry : entries) {
        if (entry.begin != covered)
            return ModelError(
                "{}: the tensor \"{}\" starts at byte {}, but the one before it ends at {}: they "
                "{}",
                path, entry.tensor.name, entry.begin, covered,
                entry.begin < covered ? "overlap" : "leave a hole");
        covered = entry.end;
        contents.tensors.push_back(std::move(entry.tensor));
    }
    if (covered != data.size())
        return ModelError("{}: the tensors end at byte {} of {} bytes of data", path, covered,
                          data.size());
    return contents;
}

absl::Status WriteSafetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata) {
    // Written by hand: the keys keep the order of the bytes, and no map looks each of them up.
    std::string header = "{";
    auto text = [](const std::string& value) {
        return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    if (!metadata.empty()) {
        header += "\"__metadata__\":{";
        for (size_t i = 0; i < metadata.size(); ++i)
            header += fmt::format("{}{}:{}", i == 0 ? "" : ",", text(metadata[i].first),
                                  text(metadata[i].second));
        header += "}";
    }
    size_t offset = 0;
    for (const auto& tensor : tensors) {
        int64_t elements = 1;
        std::string shape;
        for (int64_t size : tensor.shape) {
            elements *= size;
            shape += fmt::format("{}{}", shape.empty() ? "" : ",", size);
        }
        const size_t bytes = static_cast<size_t>(elements * DTypeBytes(tensor.dtype));
        HONE_CHECK(
            tensor.make != nullptr ||
                (tensor.values.empty() ? tensor.bytes.size() == bytes
                                       : tensor.values.size() == static_cast<size_t>(elements)),
            "{} bytes for the tensor {} [{}]", tensor.bytes.size(), tensor.name, shape);
        header += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                              header.size() == 1 ? "" : ",", text(tensor.name),
                              DTypeName(tensor.dtype), shape, offset, offset + bytes);
        offset += bytes;
    }
    header += "}";
    header.append((8 - header.size() % 8) % 8, ' ');
    uint64_t length = header.size();
    HONE_ASSIGN_OR_RETURN(auto file, AtomicFile::Create(path));
    HONE_RETURN_IF_ERROR(
        file->Write(std::span(reinterpret_cast<const uint8_t*>(&length), sizeof length)));
    HONE_RETURN_IF_ERROR(file->Write(header));
    for (const TensorToWrite& tensor : tensors) {
        std::span<const float> numbers = tensor.values;
        if (tensor.make != nullptr) {
            HONE_ASSIGN_OR_RETURN(numbers, tensor.make());
            HONE_CHECK(numbers.size() == Elements(tensor), "{} numbers for the tensor {}",
                       numbers.size(), tensor.name);
        }
        HONE_RETURN_IF_ERROR(numbers.empty() ? file->Write(tensor.bytes)
                                             : WriteNumbers(tensor.dtype, numbers, *file));
    }
    return file->Commit();
}

}  // namespace hone
