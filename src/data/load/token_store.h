// Compact storage of tokenised rows: in memory up to a limit, beyond it in a mapped temporary file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/read/bytes/temporary_file.h"
#include "tensor/batch.h"

namespace hone {

// Append until Finish, then read, from any number of threads.
class TokenStore {
  public:
    TokenStore(int64_t memory_limit_bytes, std::string cache_folder)
        : memory_limit_bytes_(memory_limit_bytes), cache_folder_(std::move(cache_folder)) {}
    ~TokenStore();
    TokenStore(const TokenStore&) = delete;
    TokenStore& operator=(const TokenStore&) = delete;

    // Returns the row's index. Fails if the rows outgrow the limit and cannot be written to a file.
    absl::StatusOr<int64_t> Append(const Example& example, uint32_t file, int64_t line);
    absl::Status Finish();

    int64_t size() const { return static_cast<int64_t>(rows_.size()); }
    int64_t Length(int64_t index) const { return rows_[static_cast<size_t>(index)].tokens; }
    // Example::row is `index`.
    Example Read(int64_t index) const;
    uint32_t File(int64_t index) const { return rows_[static_cast<size_t>(index)].file; }
    int64_t Line(int64_t index) const { return rows_[static_cast<size_t>(index)].line; }
    bool spilled() const { return file_.has_value(); }

    // Paths of the files that File() counts.
    std::vector<std::string> files;

  private:
    // A row is stored as its tokens, then its weights as runs of equal ones: (first token after the
    // run, weight), then its labels: (token, label).
    struct Row {
        uint64_t offset;  // in words of 4 bytes from the start of all
        uint32_t tokens;
        uint32_t runs;
        uint32_t labels;
        uint32_t file;
        uint32_t second : 29;    // Example::second
        uint32_t undesired : 1;  // Example::undesired
        uint32_t kind : 2;       // Example::kind
        float score;             // Example::score
        int64_t line;
    };
    // A piece of memory; rows do not cross its end.
    struct Chunk {
        uint64_t offset;
        std::vector<int32_t> words;
    };
    absl::Status Spill();
    const int32_t* Words(uint64_t offset) const;

    int64_t memory_limit_bytes_;
    std::string cache_folder_;
    std::vector<Row> rows_;
    std::vector<Chunk> chunks_;
    uint64_t total_words_ = 0;
    std::optional<TemporaryFile> file_;
    const int32_t* mapped_ = nullptr;
};

}  // namespace hone
