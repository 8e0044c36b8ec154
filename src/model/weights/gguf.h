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
#include "model/weights/weights.h"
#include "nlohmann/json.hpp"

namespace hone {

// The long lists of a file's tokenizer ("tokenizer.ggml.*"), as they stand there: chat/ makes a
// tokenizer of them.
struct GgufTokenLists {
    std::vector<std::string> tokens;   // empty when the file has no tokenizer
    std::vector<float> scores;         // empty for BPE
    std::vector<int32_t> token_types;  // 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte
    std::vector<std::string> merges;   // "left right"
};

struct GgufContents {
    // Flat: {"llama.block_count": 30, "general.languages": ["en"], ...}. The four long lists of the
    // tokenizer (tokens, scores, token_type, merges) are in `token_lists` only.
    nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
    GgufTokenLists token_lists;
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
    const GgufTokenLists& token_lists() const { return token_lists_; }
    // Puts tensors of these names and so many rows, or elements of a tensor of rank 1, in the place
    // of one that has the rows of all, in that order. Nothing where there is no tensor `whole`, or
    // no part. Errors (kind kModel) name the tensor whose rows are not so many, or that is there
    // already.
    absl::Status SplitRows(const std::string& whole,
                           const std::vector<std::pair<std::string, int64_t>>& parts);
    void DropPages() const override { file_->DropPages(); }
    absl::Status CheckUnchanged() const override {
        return WithKind(file_->CheckUnchanged(), ErrorKind::kModel);
    }

  private:
    GgufFile(std::shared_ptr<MappedFile> file, GgufContents contents);
    std::shared_ptr<MappedFile> file_;
    nlohmann::ordered_json metadata_;
    GgufTokenLists token_lists_;
};

}  // namespace hone
