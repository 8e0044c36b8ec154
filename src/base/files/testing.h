// What the tests of all rooms share: a folder that goes away with the test, faults of files, and
// random numbers whose seed a failure prints.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/file.h"
#include "base/status.h"

namespace hone {

// An empty folder of this test's own, deleted with the object.
class TestFolder {
  public:
    TestFolder() : path_(testing::TempDir() + "hone-test-XXXXXX") {
        HONE_CHECK(mkdtemp(path_.data()) != nullptr, "{}: errno {}", path_, errno);
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return fmt::format("{}/{}", path_, name); }
    // Writes a file, in new folders where the name has some, and returns its path.
    std::string Write(std::string_view name, std::string_view bytes) const {
        const std::string path = *this / name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream file(path, std::ios::binary);
        file << bytes;
        EXPECT_TRUE(file.flush().good()) << path;
        return path;
    }

  private:
    std::string path_;
};

// Removes a fault when it goes, also when a test fails.
struct FaultGuard {
    explicit FaultGuard(FileFault fault) { SetFileFault(std::move(fault)); }
    ~FaultGuard() { SetFileFault(nullptr); }
};

// HONE_TEST_SEED, where it is set.
inline std::optional<uint64_t> GivenTestSeed() {
    const char* text = std::getenv("HONE_TEST_SEED");
    if (text == nullptr) return std::nullopt;
    char* end = nullptr;
    const uint64_t seed = std::strtoull(text, &end, 10);
    HONE_CHECK(end != text && *end == '\0', "HONE_TEST_SEED=\"{}\" is no number", text);
    return seed;
}

// The seeds of a test that repeats its work with random input: 0 to count - 1, but no more of them
// than HONE_TEST_SEEDS says; or HONE_TEST_SEED alone.
inline std::vector<uint64_t> TestSeeds(uint64_t count) {
    if (const auto given = GivenTestSeed()) return {*given};
    if (const char* most = std::getenv("HONE_TEST_SEEDS"))
        count = std::min<uint64_t>(count, std::strtoull(most, nullptr, 10));
    std::vector<uint64_t> seeds(count);
    for (uint64_t i = 0; i < count; ++i) seeds[i] = i;
    return seeds;
}

// The random numbers of a test. They start from `seed`, or from HONE_TEST_SEED where it is set. A
// failure while the object lives prints the command that repeats the test with its seed.
class TestRandom {
  public:
    explicit TestRandom(uint64_t seed, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE())
        : seed_(GivenTestSeed().value_or(seed)), trace_(file, line, Repeat()), engine_(seed_) {}

    uint64_t seed() const { return seed_; }
    uint64_t Next() { return engine_(); }
    // From low to high, both included.
    int64_t Between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
    }
    float Normal() { return normal_(engine_); }

  private:
    std::string Repeat() const {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        return fmt::format("repeat with HONE_TEST_SEED={} {} --gtest_filter={}.{}", seed_,
                           program_invocation_name, test ? test->test_suite_name() : "*",
                           test ? test->name() : "*");
    }

    uint64_t seed_;
    testing::ScopedTrace trace_;
    std::mt19937_64 engine_;
    std::normal_distribution<float> normal_;
};

}  // namespace hone
