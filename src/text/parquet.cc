#include "text/parquet.h"

#include "base/limits.h"
#include "text/rust_abi.h"

namespace hone {

struct ParquetReader::Handle {
    HoneParquet* file;
    ~Handle() { hone_parquet_free(file); }
};

ParquetReader::ParquetReader(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
ParquetReader::~ParquetReader() = default;

absl::StatusOr<std::unique_ptr<ParquetReader>> ParquetReader::Open(const std::string& path) {
    HoneParquet* file = nullptr;
    HoneError error{};
    if (!hone_parquet_open(rust::Data(path), path.size(), kMaxLineBytes, kMaxParquetDepth, &file,
                           &error)) {
        return rust::TakeError(error, ErrorKind::kData, path + ": not a readable Parquet file");
    }
    std::unique_ptr<ParquetReader> reader(
        new ParquetReader(std::unique_ptr<Handle>(new Handle{file})));
    reader->path_ = path;
    reader->num_rows_ = hone_parquet_num_rows(file);
    for (size_t i = 0; i < hone_parquet_num_columns(file); ++i) {
        reader->columns_.push_back(rust::Take(hone_parquet_column(file, i)));
    }
    reader->huggingface_ = rust::Take(hone_parquet_huggingface(file));
    return reader;
}

absl::StatusOr<std::vector<std::string>> ParquetReader::ReadBatch(size_t max_rows) {
    HoneRows rows{};
    HoneError error{};
    if (!hone_parquet_read(handle_->file, max_rows, &rows, &error)) {
        return rust::TakeError(error, ErrorKind::kData, path_);
    }
    std::vector<std::string> lines;
    lines.reserve(rows.len);
    size_t begin = 0;
    for (size_t i = 0; i < rows.len; ++i) {
        lines.emplace_back(reinterpret_cast<const char*>(rows.text.data) + begin,
                           rows.ends[i] - begin);
        begin = rows.ends[i];
    }
    hone_rows_free(rows);
    return lines;
}

}  // namespace hone
