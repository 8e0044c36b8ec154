// The readers behind RowReader::Open, one for each kind of file.
#pragma once

#include <memory>
#include <string>

#include "data/read/line_scanner.h"
#include "data/read/row_reader.h"

namespace hone {

std::unique_ptr<RowReader> MakeJsonLinesReader(std::unique_ptr<CharScanner> scanner);
// An array of objects, or JSON lines where the file starts with "{".
absl::StatusOr<std::unique_ptr<RowReader>> MakeJsonReader(std::unique_ptr<CharScanner> scanner);
// Reads the header.
absl::StatusOr<std::unique_ptr<RowReader>> MakeCsvReader(std::unique_ptr<CharScanner> scanner,
                                                         char delimiter);
std::unique_ptr<RowReader> MakeTextReader(std::unique_ptr<CharScanner> scanner);
absl::StatusOr<std::unique_ptr<RowReader>> MakeParquetReader(const std::string& path,
                                                             const std::string& cache_folder);

std::string TooLongText();

}  // namespace hone
