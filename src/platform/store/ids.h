// Random names, hashes of secrets, signatures: libsodium.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone::platform {

// `length` random letters and digits, from the system's generator.
std::string RandomName(size_t length);
// The prefix and 24 of them: "file-..." for "file-".
std::string NewId(std::string_view prefix);
// Random, 0 to 2147483647.
int64_t RandomSeed();

// BLAKE2b of a secret that is random itself, in hex. (Passwords, which are not, would need a slow
// hash.)
std::string HashSecret(std::string_view secret);
// Whether two texts of the same length are equal, in a time that does not tell where they differ.
bool EqualInConstantTime(std::string_view a, std::string_view b);

std::string Base64(std::string_view bytes);
std::string RandomBytes(size_t count);

}  // namespace hone::platform
