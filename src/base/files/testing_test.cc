#include "base/files/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Sets HONE_TEST_SEED, or removes it, and puts back what it was.
class SeedVariable {
  public:
    explicit SeedVariable(const char* value) {
        if (const char* before = std::getenv(kName)) before_ = before;
        Set(value);
    }
    ~SeedVariable() { Set(before_ ? before_->c_str() : nullptr); }

  private:
    static constexpr char kName[] = "HONE_TEST_SEED";
    static void Set(const char* value) {
        if (value == nullptr) {
            unsetenv(kName);
        } else {
            setenv(kName, value, 1);
        }
    }
    std::optional<std::string> before_;
};

TEST(TestFolder, IsEmptyAndGoesAway) {
    std::string path;
    {
        const TestFolder folder, other;
        path = folder.path();
        EXPECT_NE(path, other.path());
        EXPECT_TRUE(std::filesystem::is_empty(path));
        EXPECT_EQ(folder.Write("deep/er/file", "text"), path + "/deep/er/file");
        EXPECT_EQ(std::filesystem::file_size(folder / "deep/er/file"), 4u);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TestSeeds, AreAllOrTheGivenOne) {
    const SeedVariable none(nullptr);
    EXPECT_THAT(TestSeeds(3), ElementsAre(0, 1, 2));
    const SeedVariable given("18446744073709551615");
    EXPECT_THAT(TestSeeds(3), ElementsAre(UINT64_MAX));
}

TEST(TestRandom, TheGivenSeedTakesThePlaceOfTheTestsOwn) {
    const SeedVariable none(nullptr);
    const uint64_t first = TestRandom(17).Next();
    EXPECT_NE(TestRandom(18).Next(), first);
    const SeedVariable given("17");
    EXPECT_EQ(TestRandom(18).Next(), first);
    EXPECT_EQ(TestRandom(18).seed(), 17u);
}

TEST(TestRandom, AFailurePrintsTheCommandThatRepeatsIt) {
    testing::TestPartResultArray failures;
    {
        testing::ScopedFakeTestPartResultReporter reporter(&failures);
        const TestRandom random(17);
        ADD_FAILURE() << "wrong";
    }
    ASSERT_EQ(failures.size(), 1);
    const std::string message = failures.GetTestPartResult(0).message();
    EXPECT_THAT(message,
                HasSubstr(fmt::format("HONE_TEST_SEED={} ", GivenTestSeed().value_or(17))));
    EXPECT_THAT(message,
                HasSubstr("--gtest_filter=TestRandom.AFailurePrintsTheCommandThatRepeatsIt"));
}

}  // namespace
}  // namespace hone
