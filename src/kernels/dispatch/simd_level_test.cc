#include "kernels/dispatch/simd_level.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace hone {
namespace {

#if defined(__x86_64__)

TEST(SimdLevel, IsParsed) {
    EXPECT_EQ(*ParseSimdLevel(""), SimdLevel::kAll);
    EXPECT_EQ(*ParseSimdLevel("avx2"), SimdLevel::kAvx2);
    for (const char* bad : {"AVX2", "avx512", "avx2 ", "none"}) {
        const absl::Status status = ParseSimdLevel(bad).status();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << bad;
        EXPECT_THAT(std::string(status.message()), testing::HasSubstr("is not avx2")) << bad;
    }
}

// The variable is read when the program starts: the death test's process is a new one.
TEST(SimdLevelDeathTest, LimitsWhatIsUsed) {
    if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2 here";
#if defined(HONE_FOR_AVX512_ONLY)
    GTEST_SKIP() << "this build has no kernels for AVX2";
#endif
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const char* before = std::getenv("HONE_SIMD");
    const std::string restored = before == nullptr ? "" : before;
    setenv("HONE_SIMD", "avx2", 1);
    EXPECT_EXIT(
        {
            const bool limited = AllowedSimd() == SimdLevel::kAvx2 && LacksSimd().empty() &&
                                 !LacksAvx512Bf16().empty() && !LacksAvx512Vnni().empty() &&
                                 SimdName() == "AVX2";
            std::exit(limited ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
    setenv("HONE_SIMD", restored.c_str(), 1);
}

#else

TEST(SimdLevel, HasNothingToLimit) {
    EXPECT_EQ(*ParseSimdLevel(""), SimdLevel::kAll);
    EXPECT_EQ(KindOf(ParseSimdLevel("avx2").status()), ErrorKind::kUsage);
}

#endif

}  // namespace
}  // namespace hone
