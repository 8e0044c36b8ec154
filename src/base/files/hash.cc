#include "base/files/hash.h"

#include <openssl/evp.h>

#include "base/files/file.h"
#include "base/random.h"

namespace hone {

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    HONE_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
    HONE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HONE_CHECK(EVP_DigestFinal_ex(state_->context, digest, &size) == 1);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

std::string Sha256Hex(std::string_view bytes) {
    Sha256 hash;
    hash.Update(bytes);
    return hash.Finish();
}

absl::StatusOr<std::string> Sha256File(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
    // A file may be larger than the memory: what was read leaves the resident set.
    constexpr size_t kPiece = size_t{4} << 20;
    Sha256 hash;
    for (size_t at = 0; at < file->text().size(); at += kPiece) {
        hash.Update(file->text().substr(at, kPiece));
        file->DropPages();
    }
    HONE_RETURN_IF_ERROR(file->CheckReadable());
    return hash.Finish();
}

uint64_t StableHash(std::string_view bytes, uint64_t seed) {
    uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
    for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
    return MixBits(hash);  // FNV alone leaves the low bits poorly mixed for short keys
}

}  // namespace hone
