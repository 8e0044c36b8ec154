// Bytes -> CSV and TSV rows.
#include <cstdint>

#include "base/status.h"
#include "data/read/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using hone::FileFormat;
    for (FileFormat format : {FileFormat::kCsv, FileFormat::kTsv}) {
        size_t columns = 0;
        hone::ReadBytes(data, size, format, [&](const nlohmann::ordered_json& row) {
            HONE_CHECK(columns == 0 || row.size() == columns);
            columns = row.size();
            for (const auto& value : row) HONE_CHECK(value.is_string());
        });
    }
    return 0;
}
