#include "platform/store/ids.h"

#include <sodium.h>

#include "absl/strings/escaping.h"
#include "base/status.h"

namespace hone::platform {
namespace {

// Before the first use; safe to call again, from any thread.
void StartSodium() { HONE_CHECK(sodium_init() >= 0, "libsodium cannot start"); }

}  // namespace

std::string RandomName(size_t length) {
    constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    StartSodium();
    std::string name(length, ' ');
    for (char& c : name) c = kLetters[randombytes_uniform(kLetters.size())];
    return name;
}

std::string NewId(std::string_view prefix) { return std::string(prefix) + RandomName(24); }

int64_t RandomSeed() {
    StartSodium();
    return randombytes_random() >> 1;
}

std::string HashSecret(std::string_view secret) {
    StartSodium();
    std::string hash(crypto_generichash_BYTES, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                       reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
                       nullptr, 0);
    return absl::BytesToHexString(hash);
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string Base64(std::string_view bytes) {
    return absl::Base64Escape({bytes.data(), bytes.size()});
}

std::string RandomBytes(size_t count) {
    StartSodium();
    std::string bytes(count, '\0');
    randombytes_buf(bytes.data(), count);
    return bytes;
}

}  // namespace hone::platform
