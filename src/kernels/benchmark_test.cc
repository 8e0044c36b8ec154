#include "kernels/benchmark.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/dispatch/dispatch.h"

namespace hone {
namespace {

TEST(Benchmark, EveryOpRunsAndEqualsItsReference) {
    const Context context(2);
    std::set<std::string> ops, kernels, chosen;
    for (const BenchRow& row : BenchKernels(context, true)) {
        ops.insert(row.op);
        kernels.insert(row.op + " " + row.kernel);
        if (row.chosen) chosen.insert(row.op);
        EXPECT_GT(row.seconds, 0) << row.op;
        EXPECT_GT(row.rate, 0) << row.op;
        EXPECT_LT(row.error, 0.02) << row.op << " " << row.kernel << " " << row.shape;
        EXPECT_TRUE(row.unit == "GFLOP/s" || row.unit == "GB/s") << row.unit;
    }
    EXPECT_EQ(ops.size(), 24u);
    EXPECT_EQ(chosen, ops);
    EXPECT_TRUE(kernels.count("attention backward reference"));
    EXPECT_EQ(kernels.count("attention backward avx512_bf16") == 1, LacksAvx512Bf16().empty());
}

}  // namespace
}  // namespace hone
