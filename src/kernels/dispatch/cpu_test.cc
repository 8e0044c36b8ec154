#include "kernels/dispatch/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

namespace hone {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Cpu, HasANameThatCanBePrinted) {
    const std::string name = CpuName();
    EXPECT_FALSE(name.empty());
    for (const char letter : name) EXPECT_TRUE(std::isprint(static_cast<unsigned char>(letter)));
    EXPECT_NE(name.front(), ' ');
    EXPECT_NE(name.back(), ' ');
}

#if defined(__x86_64__)
TEST(Cpu, InstructionSetsAreThoseOfTheCpu) {
    const std::string sets = " " + CpuInstructionSets() + " ";
    const auto listed = [](bool has, const char* name) -> testing::Matcher<std::string> {
        if (has) return HasSubstr(name);
        return Not(HasSubstr(name));
    };
    EXPECT_THAT(sets, listed(__builtin_cpu_supports("sse4.2"), " SSE4.2 "));
    EXPECT_THAT(sets, listed(__builtin_cpu_supports("avx2"), " AVX2 "));
    EXPECT_THAT(sets, listed(__builtin_cpu_supports("avx512f"), " AVX512F "));
}
#endif

}  // namespace
}  // namespace hone
