// A body in chunks (RFC 9112, 7.1), by the letter: what other parsers let pass (spaces around a
// size, "0x", a missing line break) is an error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::server {

class ChunkDecoder {
  public:
    // Appends the data at the front of `bytes` to `body`, at most `limit` of it, and returns how
    // many bytes it used: 0 if more must come first. False in `good`: the chunks are malformed.
    size_t Decode(std::string_view bytes, size_t limit, std::string& body, bool& good);
    bool done() const { return state_ == State::kDone; }

  private:
    enum class State { kSize, kData, kDataEnd, kTrailer, kDone };
    // The line at the front of `bytes`, without its CRLF; false in `good` if it is too long or has
    // a control character, "" with `used` 0 if it is not complete.
    static std::string_view TakeLine(std::string_view bytes, size_t& used, bool& good);
    bool ReadSize(std::string_view line);

    State state_ = State::kSize;
    uint64_t left_ = 0;         // of the chunk's data
    size_t trailer_bytes_ = 0;  // so far
};

}  // namespace hone::server
