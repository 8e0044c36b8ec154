#include "server/api/tar_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/files/file.h"

namespace hone::server {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kNameBytes = 100;
constexpr uint64_t kLargest = 077777777777;  // eleven octal digits

uint64_t Padded(uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

// The block before a file's content.
std::string Header(const std::string& name, uint64_t size) {
    std::string block(kBlock, '\0');
    const auto put = [&](size_t at, const std::string& text) {
        std::memcpy(block.data() + at, text.data(), text.size());
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, fmt::format("{:011o}", size));
    put(136, "00000000000");  // the time: none, so that the same model is the same bytes
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return block;
}

class TarSource : public BodySource {
  public:
    ~TarSource() override {
        for (const File& file : files_) close(file.fd);
    }

    absl::Status Add(const std::string& path, const std::string& name) {
        if (name.size() > kNameBytes) return OtherError("{} is too long for a tar archive", name);
        HONE_ASSIGN_OR_RETURN(const int fd, OpenRegularFile(path));
        struct stat info {};
        const bool good = fstat(fd, &info) == 0 && static_cast<uint64_t>(info.st_size) <= kLargest;
        files_.push_back({fd, name, static_cast<uint64_t>(info.st_size)});
        return good ? absl::OkStatus() : OtherError("{} cannot be put into a tar archive", path);
    }

    uint64_t size() const override {
        uint64_t size = 2 * kBlock;
        for (const File& file : files_) size += kBlock + Padded(file.size);
        return size;
    }

    absl::Status Read(size_t limit, std::string& bytes) override {
        bytes.clear();
        if (current_ == files_.size()) {
            if (!ended_) bytes.assign(2 * kBlock, '\0');
            ended_ = true;
            return absl::OkStatus();
        }
        const File& file = files_[current_];
        if (!begun_) {
            bytes = Header(file.name, file.size);
            begun_ = true;
        }
        const size_t before = bytes.size();
        const auto count = static_cast<size_t>(std::min<uint64_t>(limit, file.size - offset_));
        bytes.resize(before + count);
        const ssize_t got =
            pread(file.fd, bytes.data() + before, count, static_cast<off_t>(offset_));
        if (got < 0) return OtherError("{} cannot be read: {}", file.name, std::strerror(errno));
        if (got == 0 && count > 0) return OtherError("{} was cut while it was sent", file.name);
        bytes.resize(before + static_cast<size_t>(got));
        offset_ += static_cast<uint64_t>(got);
        if (offset_ < file.size) return absl::OkStatus();
        bytes.append(Padded(file.size) - file.size, '\0');
        ++current_;
        offset_ = 0;
        begun_ = false;
        return absl::OkStatus();
    }

  private:
    struct File {
        int fd;
        std::string name;
        uint64_t size;
    };
    std::vector<File> files_;
    size_t current_ = 0;
    uint64_t offset_ = 0;
    bool begun_ = false, ended_ = false;
};

}  // namespace

absl::StatusOr<std::shared_ptr<BodySource>> OpenTar(const std::string& folder,
                                                    const std::string& prefix) {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.is_regular_file(error)) names.push_back(entry.path().filename());
    if (error) return OtherError("{} cannot be read: {}", folder, error.message());
    std::sort(names.begin(), names.end());
    auto source = std::make_shared<TarSource>();
    for (const std::string& name : names)
        HONE_RETURN_IF_ERROR(source->Add(folder + "/" + name, prefix + "/" + name));
    return source;
}

}  // namespace hone::server
