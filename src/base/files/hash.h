// SHA-256 (FIPS 180-4) of bytes and files, as lower-case hex.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

class Sha256 {
  public:
    Sha256();
    ~Sha256();
    void Update(std::string_view bytes);
    // 64 hex digits. The object cannot be used afterwards.
    std::string Finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);
absl::StatusOr<std::string> Sha256File(const std::string& path);

// A 64-bit hash (FNV-1a with a final mix). It must never change between versions, because splits
// and the order of rows depend on it.
uint64_t StableHash(std::string_view bytes, uint64_t seed = 0);

}  // namespace hone
