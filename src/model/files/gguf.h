// GGUF, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): typed
// metadata, then tensor infos, then aligned tensor data.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/files/weights.h"
#include "nlohmann/json.hpp"
#include "text/tokenizer.h"

namespace hone {

struct GgufContents {
    // Flat: {"llama.block_count": 30, "general.languages": ["en"], ...}. The four long lists of the
    // vocabulary (tokens, scores, token_type, merges) are in `vocabulary` only.
    nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
    GgufVocabulary vocabulary;          // tokens empty when the file has no tokenizer
    std::vector<StoredTensor> tensors;  // in the file's order; spans of the parsed bytes
};

// Checks a whole file: magic, version, value types, counts, names, shapes, alignment, ranges and
// overlaps. `path` is for messages. Tensor types that hone cannot read are listed as
// StorageType::kOther, with no bytes.
absl::StatusOr<GgufContents> ParseGguf(std::span<const uint8_t> bytes, std::string_view path);

class GgufFile : public WeightFile {
  public:
    static absl::StatusOr<std::shared_ptr<GgufFile>> Open(const std::string& path);

    const nlohmann::ordered_json& metadata() const { return metadata_; }
    const GgufVocabulary& vocabulary() const { return vocabulary_; }
    void DropPages() const override { file_->DropPages(); }
    absl::Status CheckUnchanged() const override {
        return WithKind(file_->CheckUnchanged(), ErrorKind::kModel);
    }

  private:
    GgufFile(std::shared_ptr<MappedFile> file, GgufContents contents);
    std::shared_ptr<MappedFile> file_;
    nlohmann::ordered_json metadata_;
    GgufVocabulary vocabulary_;
};

}  // namespace hone
