// For tests: gzipped files.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <string_view>

#include "base/files/testing.h"

namespace hone {

// Writes a gzipped file and returns its path.
inline std::string WriteGzip(const TestFolder& folder, std::string_view name,
                             std::string_view text) {
    const std::string path = folder / name;
    gzFile file = gzopen(path.c_str(), "wb");
    EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
              static_cast<int>(text.size()));
    EXPECT_EQ(gzclose(file), Z_OK);
    return path;
}

}  // namespace hone
