#include "model/weights/pytorch.h"

#include <zlib.h>

#include <cstring>
#include <optional>
#include <unordered_map>

#include "base/files/git_lfs.h"
#include "base/files/zip_archive.h"
#include "base/limits.h"
#include "model/weights/pickle.h"

namespace hone {
namespace {

// How files from before PyTorch 1.6 begin: a pickle of the number 0x1950a86a20f9469cfc6c alone.
constexpr std::string_view kOlderFormat("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                        15);

class Archive {
  public:
    static absl::StatusOr<Archive> Open(std::span<const uint8_t> bytes, std::string_view path) {
        Archive archive(bytes, path);
        auto entries = ReadZipDirectory(bytes);
        if (!entries.ok())
            return Annotate(entries.status(), fmt::format("{} is no PyTorch file", path));
        std::optional<std::string_view> folder;
        for (const ZipEntry& entry : *entries) {
            if (!archive.entries_.emplace(entry.name, entry).second)
                return ModelError("{}: the archive has two entries {}", path, entry.name);
            constexpr std::string_view kPickle = "/data.pkl";
            if (!entry.name.ends_with(kPickle)) continue;
            const auto name = entry.name.substr(0, entry.name.size() - kPickle.size());
            if (name.find('/') != name.npos) continue;
            if (folder)
                return ModelError("{}: the archive has two pickles, {} and {}", path, *folder,
                                  name);
            folder = name;
        }
        if (!folder) return ModelError("{} is no PyTorch file: the archive has no data.pkl", path);
        archive.folder_ = *folder;
        return archive;
    }

    // The bytes of folder/name, which must be stored as they are.
    absl::StatusOr<std::span<const uint8_t>> Find(std::string_view name) const {
        HONE_ASSIGN_OR_RETURN(const ZipEntry entry, Entry(name));
        auto packed = PackedBytes(bytes_, entry);
        if (!packed.ok()) return Annotate(packed.status(), path_);
        return packed;
    }

    // The same, with its checksum tested: for entries that are small.
    absl::StatusOr<std::span<const uint8_t>> FindChecked(std::string_view name) const {
        HONE_ASSIGN_OR_RETURN(const ZipEntry entry, Entry(name));
        if (entry.size > kMaxHeaderBytes)
            return ModelError("{}: {} has {} bytes, more than the limit of {}", path_, entry.name,
                              entry.size, kMaxHeaderBytes);
        HONE_ASSIGN_OR_RETURN(const auto found, Find(name));
        const uLong crc =
            crc32(crc32(0, nullptr, 0), found.data(), static_cast<uInt>(found.size()));
        if (crc != entry.crc)
            return ModelError(
                "{}: the checksum of {} does not match its bytes; the file is damaged: fetch it "
                "again",
                path_, entry.name);
        return found;
    }

    bool Has(std::string_view name) const {
        return entries_.contains(fmt::format("{}/{}", folder_, name));
    }

  private:
    Archive(std::span<const uint8_t> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

    absl::StatusOr<ZipEntry> Entry(std::string_view name) const {
        const std::string whole = fmt::format("{}/{}", folder_, name);
        const auto found = entries_.find(whole);
        if (found == entries_.end())
            return ModelError("{}: the archive does not hold {}", path_, whole);
        const ZipEntry& entry = found->second;
        if (entry.encrypted()) return ModelError("{}: {} is encrypted", path_, whole);
        if (entry.method != ZipEntry::kStored || entry.packed_size != entry.size)
            return ModelError(
                "{}: {} is compressed; torch.save writes no such file: load it with torch and save "
                "it again",
                path_, whole);
        return entry;
    }

    std::span<const uint8_t> bytes_;
    std::string_view path_, folder_;
    std::unordered_map<std::string_view, ZipEntry> entries_;
};

// Whether the numbers lie in the order of the shape without holes.
bool IsContiguous(const PickledTensor& tensor) {
    int64_t expected = 1;
    for (size_t i = tensor.shape.size(); i-- > 0;) {
        if (tensor.shape[i] == 0) return true;
        if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
        expected *= tensor.shape[i];
    }
    return true;
}

StoredTensor Place(PickledTensor tensor, std::span<const uint8_t> storage) {
    int64_t numbers = 1;  // from the first to the last, what lies between them too
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
        if (tensor.shape[i] == 0) {
            numbers = 0;
            break;
        }
        numbers += (tensor.shape[i] - 1) * tensor.strides[i];
    }
    StoredTensor stored;
    if (!IsContiguous(tensor)) stored.strides = std::move(tensor.strides);
    stored.name = std::move(tensor.name);
    stored.shape = std::move(tensor.shape);
    stored.type = tensor.type->storage;
    stored.type_name = tensor.type->name;
    stored.bytes = storage.subspan(static_cast<size_t>(tensor.offset * tensor.type->bytes),
                                   static_cast<size_t>(numbers * tensor.type->bytes));
    return stored;
}

}  // namespace

absl::StatusOr<std::vector<StoredTensor>> ParsePytorch(std::span<const uint8_t> bytes,
                                                       std::string_view path) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (IsGitLfsPointer(text)) return GitLfsPointerError(path);
    if (text.starts_with(kOlderFormat))
        return ModelError(
            "{} has PyTorch's format from before version 1.6, which hone does not read: load it "
            "once with torch (torch.load(FILE, weights_only=True)) and save what comes back with "
            "torch.save, or as safetensors",
            path);
    HONE_ASSIGN_OR_RETURN(const Archive archive, Archive::Open(bytes, path));
    if (archive.Has("byteorder")) {
        HONE_ASSIGN_OR_RETURN(const auto order, archive.FindChecked("byteorder"));
        if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little")
            return ModelError(
                "{} was written on a big-endian machine; hone reads little-endian "
                "files: load it with torch and save it again",
                path);
    }
    HONE_ASSIGN_OR_RETURN(const auto pickle, archive.FindChecked("data.pkl"));
    HONE_ASSIGN_OR_RETURN(auto described, ReadPickledTensors(pickle, path));
    std::vector<StoredTensor> tensors;
    for (PickledTensor& tensor : described) {
        HONE_ASSIGN_OR_RETURN(const auto storage,
                              archive.Find(fmt::format("data/{}", tensor.storage)));
        if (static_cast<uint64_t>(tensor.storage_bytes) > storage.size())
            return ModelError(
                "{}: the tensor \"{}\" needs a storage of {} bytes, but the file has {} of them; "
                "it is damaged: fetch it again",
                path, tensor.name, tensor.storage_bytes, storage.size());
        tensors.push_back(Place(std::move(tensor), storage));
    }
    return tensors;
}

}  // namespace hone
