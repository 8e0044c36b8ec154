// For tests: a folder for data files.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

// A folder that is gone with the object.
class TestFolder {
  public:
    TestFolder() {
        static std::atomic<int> count{0};
        path_ = std::filesystem::temp_directory_path() /
                fmt::format("hone-data-test-{}-{}", getpid(), count++);
        std::filesystem::create_directories(path_);
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string Path(const std::string& name) const { return path_ / name; }
    std::string Write(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
        return Path(name);
    }
    std::string WriteGzip(const std::string& name, std::string_view text) const {
        gzFile file = gzopen(Path(name).c_str(), "wb");
        EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
                  static_cast<int>(text.size()));
        EXPECT_EQ(gzclose(file), Z_OK);
        return Path(name);
    }

  private:
    std::filesystem::path path_;
};

}  // namespace hone
