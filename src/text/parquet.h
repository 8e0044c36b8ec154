// Parquet files as JSON rows, read in batches: the file is never held whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hone {

// One reader per thread; moving between threads is fine.
class ParquetReader {
  public:
    // Reads the file's footer and schema. DataError, with the path, when it is no Parquet file, is
    // broken or nests its columns deeper than kMaxParquetDepth groups.
    static absl::StatusOr<std::unique_ptr<ParquetReader>> Open(const std::string& path);
    ~ParquetReader();

    // The next rows, at most `max_rows`, each one line of JSON: an object with the columns in the
    // file's order; a list is an array, a struct or map an object, a null is null. A struct's null
    // members are left out: its type has the members of all rows, and cannot say which a row lacks.
    // Empty at the end of the file. A byte column must hold UTF-8; a row larger than kMaxLineBytes
    // is an error, and so is a damaged page: the message names the row.
    absl::StatusOr<std::vector<std::string>> ReadBatch(size_t max_rows);
    // As the footer says it.
    int64_t num_rows() const { return num_rows_; }
    // The top-level columns, in the file's order.
    const std::vector<std::string>& columns() const { return columns_; }
    // What Hugging Face's datasets says of the columns, as JSON; empty: another program wrote the
    // file.
    const std::string& huggingface() const { return huggingface_; }

  private:
    struct Handle;
    explicit ParquetReader(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
    std::string path_;
    int64_t num_rows_ = 0;
    std::vector<std::string> columns_;
    std::string huggingface_;
};

}  // namespace hone
