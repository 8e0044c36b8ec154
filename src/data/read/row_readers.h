// The readers behind RowReader::Open, one for each kind of file.
#pragma once

#include <memory>
#include <string>

#include "data/read/bytes/char_scanner.h"
#include "data/read/row_reader.h"

namespace hone {

std::unique_ptr<RowReader> MakeJsonLinesReader(std::unique_ptr<CharScanner> scanner);
// An array of objects, objects one after the other that go over several lines, an object that holds
// the rows in a member "data" or the like, or JSON lines: by how the file begins.
absl::StatusOr<std::unique_ptr<RowReader>> MakeJsonReader(std::unique_ptr<CharScanner> scanner);
// Reads the header. `usual` is what separates the columns of such a file by its name, `separator`
// what the user says; 0: nothing.
absl::StatusOr<std::unique_ptr<RowReader>> MakeCsvReader(std::unique_ptr<CharScanner> scanner,
                                                         char usual, char separator);
// A row is the lines up to a blank one. A line has its word first and its tag last, with tabs or
// else spaces between the columns. A row of -DOCSTART- is none.
std::unique_ptr<RowReader> MakeConllReader(std::unique_ptr<CharScanner> scanner);
std::unique_ptr<RowReader> MakeTextReader(std::unique_ptr<CharScanner> scanner);
absl::StatusOr<std::unique_ptr<RowReader>> MakeParquetReader(const std::string& path,
                                                             const std::string& cache_folder);

std::string TooLongText();

}  // namespace hone
