// Rows out of data files, one at a time: JSON lines, JSON arrays, CSV, TSV, Parquet and text, each
// also as gzip. No file is ever held whole.
//
//   .jsonl .ndjson  one object per line; blank lines are skipped; all that .json may be
//   .json           an array of objects, indented objects, {"data": [...]}, or JSON lines
//   .csv .tsv       RFC 4180 quoting; the first record names the columns; every value is a string;
//                   semicolons, tabs and bars are recognised
//   .parquet        one object per row
//   .txt            one row per line, in the field "text"; blank lines are skipped
//   .conll .iob .bio  a line a word, its tag in the last column; a blank line ends a row, which is
//                   {"tokens": [...], "tags": [...]}
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr size_t kMaxRowFields = 4096;  // members of one object, columns of one table

enum class FileFormat { kJsonLines, kJson, kCsv, kTsv, kParquet, kText, kConll };

// By the name's ending, with or without ".gz"; `forced` ("json", "csv", "parquet", "text", "conll"
// or empty) decides where the ending says nothing else. An error lists the endings.
absl::StatusOr<FileFormat> DetectFileFormat(const std::string& path, std::string_view forced);
bool IsDataFile(const std::string& path);

// A row as it stands in the file, not parsed yet: that is left to the threads that call ParseRow.
struct RawRow {
    int64_t line = 0;    // of its first byte, from 1; the row's number for Parquet
    int64_t column = 1;  // of its first byte, from 1
    std::string text;
    std::string error;  // not empty: the row cannot be used (too long), and why; text is empty then
};

// Why a row could not be parsed, and where.
struct ParseProblem {
    int64_t line = 0;
    int64_t column = 0;  // in bytes, from 1
    std::string reason;
};

struct ReadOptions {
    std::string cache_folder;  // where a gzipped Parquet file is unpacked while it is read
    char csv_separator = 0;    // 0: found from the file
};

class RowReader {
  public:
    static absl::StatusOr<std::unique_ptr<RowReader>> Open(const std::string& path,
                                                           FileFormat format,
                                                           const ReadOptions& options);
    virtual ~RowReader() = default;

    // The next row; false at the end. An error (with line and column) ends the file: what follows
    // cannot be told apart.
    virtual absl::StatusOr<bool> Next(RawRow* row) = 0;
    // An object of the row's fields; false with the problem filled in. Safe from many threads while
    // another one calls Next.
    virtual bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                          ParseProblem* problem) const = 0;
    // The names of the numbers in a column of classes, that of 0 first; empty: the file has none.
    virtual std::vector<std::string> ClassNames(const std::string& column) const { return {}; }
    // What is unusual about how the file was read so far, as whole sentences.
    virtual std::vector<std::string> notes() const { return {}; }
};

// Parses one JSON object that stands at line, column of a file. Fast, bounded in depth
// (kMaxJsonDepth) and members (kMaxRowFields); the last of equal keys counts, as in Python.
bool ParseJsonRow(const RawRow& raw, nlohmann::ordered_json* row, ParseProblem* problem);

}  // namespace hone
