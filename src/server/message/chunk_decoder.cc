#include "server/message/chunk_decoder.h"

#include <algorithm>
#include <charconv>

#include "server/message/ascii.h"

namespace hone::server {
namespace {

constexpr size_t kMaxLine = 1024;     // a size with its extensions, or a field after the last chunk
constexpr size_t kMaxTrailer = 8192;  // all of those fields
constexpr size_t kMaxSizeDigits = 15;  // hexadecimal

}  // namespace

std::string_view ChunkDecoder::TakeLine(std::string_view bytes, size_t& used, bool& good) {
    used = 0;
    const size_t end = bytes.find("\r\n");
    const std::string_view line = bytes.substr(0, std::min(end, bytes.size()));
    // A CR at the end may be the first half of the line break.
    const std::string_view text = end == std::string_view::npos && line.ends_with('\r')
                                      ? line.substr(0, line.size() - 1)
                                      : line;
    good = text.size() <= kMaxLine && std::none_of(text.begin(), text.end(), [](char c) {
               return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
           });
    if (!good || end == std::string_view::npos) return "";
    used = end + 2;
    return line;
}

// Extensions mean nothing to this server, and are skipped.
bool ChunkDecoder::ReadSize(std::string_view line) {
    const std::string_view digits = line.substr(0, line.find(';'));
    if (digits.empty() || digits.size() > kMaxSizeDigits) return false;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
    return error == std::errc() && stop == digits.data() + digits.size();
}

size_t ChunkDecoder::Decode(std::string_view bytes, size_t limit, std::string& body, bool& good) {
    good = true;
    size_t used = 0, taken = 0;
    while (state_ != State::kDone) {
        const std::string_view rest = bytes.substr(used);
        if (state_ == State::kData) {
            const size_t count =
                static_cast<size_t>(std::min<uint64_t>({left_, rest.size(), limit - taken}));
            if (count == 0) return used;
            body.append(rest.substr(0, count));
            used += count;
            taken += count;
            left_ -= count;
            if (left_ == 0) state_ = State::kDataEnd;
            continue;
        }
        if (state_ == State::kDataEnd) {
            good = std::string_view("\r\n").starts_with(rest.substr(0, 2));
            if (!good || rest.size() < 2) return used;
            used += 2;
            state_ = State::kSize;
            continue;
        }
        size_t line_bytes = 0;
        const std::string_view line = TakeLine(rest, line_bytes, good);
        if (!good || line_bytes == 0) return used;
        used += line_bytes;
        if (state_ == State::kSize) {
            good = ReadSize(line);
            state_ = left_ == 0 ? State::kTrailer : State::kData;
        } else if (line.empty()) {
            state_ = State::kDone;
        } else {
            trailer_bytes_ += line_bytes;
            good = trailer_bytes_ <= kMaxTrailer && line.find(':') != 0 &&
                   line.find(':') != std::string_view::npos && IsAlphanumeric(line.front());
        }
        if (!good) return used;
    }
    return used;
}

}  // namespace hone::server
