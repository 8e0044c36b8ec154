#include "kernels/dispatch/dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace hone {
namespace {

using testing::HasSubstr;

struct Problem {
    int size;
};
struct Functions {
    int (*run)();
};

std::string NeedsEven(const Problem& problem) {
    return problem.size % 2 == 0 ? "" : fmt::format("{} is odd", problem.size);
}

KernelList<Problem, Functions> List(std::string_view op) {
    return KernelList<Problem, Functions>(
        op, {{"even", NeedsEven, {[] { return 2; }}},
             {"any", NeverDeclines<Problem>, {[] { return 1; }}},
             {"reference", NeverDeclines<Problem>, {[] { return 0; }}}});
}

TEST(Dispatch, TheFirstThatDoesNotDeclineIsChosen) {
    const auto list = List("op");
    EXPECT_EQ(list.Choose({4}).run(), 2);
    EXPECT_EQ(list.Choose({5}).run(), 1);
    EXPECT_EQ(list.reference().run(), 0);
    const OpInfo info = list.Explain({7}, "seven");
    EXPECT_EQ(info.chosen, "any");
    EXPECT_EQ(info.problem, "seven");
    EXPECT_EQ(info.kernels[0].declines, "7 is odd");
    EXPECT_EQ(info.kernels[1].declines, "");
}

// The variable is read once, so each case is a process of its own.
TEST(DispatchDeathTest, OneCanBeForced) {
    const auto run = [](const char* value, int size) {
        setenv("HONE_KERNEL", value, 1);
        std::exit(100 + List("op").Choose({size}).run());
    };
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(run("other:x,op:reference", 4), testing::ExitedWithCode(100), "");
    EXPECT_EXIT(run("op:even", 4), testing::ExitedWithCode(102), "");
    EXPECT_EXIT(run("op:even", 5), testing::ExitedWithCode(2),
                "op:even, which cannot be used: 5 is odd");
    EXPECT_EXIT(run("op:none", 4), testing::ExitedWithCode(2), "there is no such implementation");
}

TEST(Dispatch, OverridesAreParsed) {
    auto parsed = ParseKernelOverride("gemm:reference,attention:highway");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, (KernelOverride{{"gemm", "reference"}, {"attention", "highway"}}));
    EXPECT_TRUE(ParseKernelOverride("")->empty());
    for (const char* bad : {"gemm", "gemm:", ":reference", "gemm:reference,,", "a:b,c"}) {
        const absl::Status status = ParseKernelOverride(bad).status();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << bad;
        EXPECT_THAT(std::string(status.message()), HasSubstr("op:name")) << bad;
    }
}

TEST(Dispatch, OverridesAreCheckedAgainstWhatExists) {
    EXPECT_TRUE(CheckKernelOverride("").ok());
    EXPECT_TRUE(CheckKernelOverride("rmsnorm:reference,attention:reference").ok());
    EXPECT_THAT(std::string(CheckKernelOverride("rmsnorm").message()), HasSubstr("op:name"));
    EXPECT_THAT(std::string(CheckKernelOverride("norm:reference").message()),
                HasSubstr("no operation \"norm\""));
    EXPECT_THAT(std::string(CheckKernelOverride("rmsnorm:fast").message()),
                HasSubstr("it has highway, reference"));
    EXPECT_EQ(ExitCode(CheckKernelOverride("rmsnorm:fast")), 2);
    // On a machine without the instructions the same request is refused with the reason.
    EXPECT_EQ(CheckKernelOverride("attention:avx512_bf16").ok(), LacksAvx512Bf16().empty());
}

TEST(Dispatch, EveryOpIsExplained) {
    std::set<std::string> names;
    for (const OpInfo& op : ListKernels()) {
        names.insert(op.op);
        EXPECT_FALSE(op.chosen.empty()) << op.op;
        EXPECT_EQ(op.kernels.back().name, "reference");
        EXPECT_EQ(op.kernels.back().declines, "");
        EXPECT_THAT(ExplainKernels(), HasSubstr(fmt::format("{} ({}): ", op.op, op.problem)));
    }
    for (const char* op :
         {"activation", "adamw", "attention", "cross_entropy", "distillation", "dropout", "embedding",
          "gemm", "layernorm", "quantize_row", "quantized_gemm", "reduce", "rmsnorm", "rope"})
        EXPECT_TRUE(names.count(op)) << op;
}

}  // namespace
}  // namespace hone
