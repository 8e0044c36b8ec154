#include "data/read/bytes/byte_source.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/files/file.h"
#include "base/files/git_lfs.h"

namespace hone {
namespace {

constexpr size_t kPiece = size_t{1} << 18;

}  // namespace

struct ByteSource::Inflater {
    z_stream stream{};
    std::unique_ptr<char[]> output = std::make_unique<char[]>(kPiece);
    bool in_member = true;  // false between two members and after the last
    ~Inflater() { inflateEnd(&stream); }
};

ByteSource::ByteSource(std::string path, int fd)
    : path_(std::move(path)), fd_(fd), input_(std::make_unique<char[]>(kPiece)) {}

ByteSource::~ByteSource() { close(fd_); }

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path) {
    const absl::StatusOr<int> fd = OpenRegularFile(path);
    if (!fd.ok()) return WithKind(fd.status(), ErrorKind::kData);
    std::unique_ptr<ByteSource> source(new ByteSource(path, *fd));
    HONE_ASSIGN_OR_RETURN(source->pending_, source->Fill());
    const char* bytes = source->input_.get();
    if (IsGitLfsPointer({bytes, source->pending_}))
        return WithKind(GitLfsPointerError(path), ErrorKind::kData);
    if (source->pending_ >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b') {
        source->inflater_ = std::make_unique<Inflater>();
        z_stream& stream = source->inflater_->stream;
        // 15: the largest window; +16: a gzip header and nothing else.
        HONE_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK);
        stream.next_in = reinterpret_cast<Bytef*>(source->input_.get());
        stream.avail_in = static_cast<uInt>(source->pending_);
    }
    return source;
}

absl::StatusOr<size_t> ByteSource::Fill() {
    size_t filled = 0;
    while (filled < kPiece) {
        ssize_t got = read(fd_, input_.get() + filled, kPiece - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return DataError("cannot read {}: {}", path_, std::strerror(errno));
        if (got == 0) break;
        filled += static_cast<size_t>(got);
    }
    return filled;
}

absl::StatusOr<std::string_view> ByteSource::Next() {
    if (inflater_) return Inflate();
    size_t size = pending_;
    pending_ = 0;
    if (size == 0) {
        HONE_ASSIGN_OR_RETURN(size, Fill());
    }
    return std::string_view(input_.get(), size);
}

absl::StatusOr<std::string_view> ByteSource::Inflate() {
    z_stream& stream = inflater_->stream;
    stream.next_out = reinterpret_cast<Bytef*>(inflater_->output.get());
    stream.avail_out = kPiece;
    while (stream.avail_out == kPiece) {
        if (stream.avail_in == 0) {
            HONE_ASSIGN_OR_RETURN(size_t size, Fill());
            if (size == 0) {
                if (inflater_->in_member)
                    return DataError("{} ends in the middle of its gzip data: the file is cut off",
                                     path_);
                break;
            }
            stream.next_in = reinterpret_cast<Bytef*>(input_.get());
            stream.avail_in = static_cast<uInt>(size);
        }
        if (!inflater_->in_member) {
            // Another member follows (RFC 1952, 2.2), as concatenated .gz files have it.
            HONE_CHECK(inflateReset(&stream) == Z_OK);
            inflater_->in_member = true;
        }
        int result = inflate(&stream, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            inflater_->in_member = false;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return DataError("{} holds damaged gzip data: {}", path_,
                             stream.msg ? stream.msg : "unknown error");
        }
    }
    return std::string_view(inflater_->output.get(), kPiece - stream.avail_out);
}

}  // namespace hone
