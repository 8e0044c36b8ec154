// Any bytes as a Parquet file: an error, or rows that are objects with the file's columns.
#include <cstdint>
#include <set>

#include "base/files/memory_file.h"
#include "nlohmann/json.hpp"
#include "text/parquet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // A run of one value takes a few bytes, however many rows it is.
    constexpr size_t kMostRows = 1000;
    const hone::MemoryFile file(data, size);
    auto reader = hone::ParquetReader::Open(file.path());
    if (!reader.ok()) return 0;
    const std::set<std::string> columns((*reader)->columns().begin(), (*reader)->columns().end());
    for (size_t count = 0; count < kMostRows;) {
        const auto rows = (*reader)->ReadBatch(7);
        if (!rows.ok()) {
            HONE_CHECK(!rows.status().message().empty());
            HONE_CHECK(!(*reader)->ReadBatch(7).ok());
            break;
        }
        HONE_CHECK(rows->size() <= 7);
        if (rows->empty()) break;
        for (const std::string& text : *rows) {
            const auto row = nlohmann::json::parse(text);
            HONE_CHECK(row.is_object() && row.size() == columns.size(), "{}", text);
        }
        count += rows->size();
    }
    return 0;
}
