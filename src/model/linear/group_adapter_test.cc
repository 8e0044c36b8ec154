#include "model/linear/group_adapter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

// In codes a delta stays near itself, also one that is hardly trained: its values are below what
// the scales of codes resolve.
TEST(GroupAdapter, InCodesADeltaStaysNearItself) {
    testkit::Random random(1);
    const Context context(2);
    const int64_t m = 3, in = 96, rank = 6;
    const std::vector<int64_t> outs = {80, 40, 70};
    PackedMatrix<float> base(in, outs);
    base.SetColumns(0, base.n(), std::vector<float>(base.n() * in).data());
    base.Quantize(WeightStorage::kInt4, context);
    const auto x = random.Values<float>(m * in);
    for (float magnitude : {1.0f, 1e-7f, 0.0f}) {
        std::vector<std::vector<float>> a, b;
        std::vector<LowRankDelta> deltas(outs.size());
        for (size_t i = 0; i < outs.size(); ++i) {
            a.push_back(random.Values<float>(rank * in));
            b.push_back(random.Values<float>(outs[i] * rank));
            for (float& value : b[i]) value *= magnitude;
            deltas[i] = {"", {.rank = rank, .scale = 2}, a[i], b[i]};
        }
        const std::vector<const LowRankDelta*> given = {&deltas[0], nullptr, &deltas[2]};
        const GroupAdapter<float> adapter(in, outs, given, /*codes=*/true);
        EXPECT_EQ(adapter.rank_columns(), 2 * rank);
        const AdapterRows<float> rows{0, m, &adapter};
        const auto extensions =
            AdapterExtensions<float>(context, x.data(), in, {&rows, 1}, nullptr, 0);
        std::vector<float> y(m * base.n());
        Gemm(context, GemmArgs<float>{.m = m,
                                      .a = x.data(),
                                      .a_stride = in,
                                      .b = &base,
                                      .row_extensions = extensions,
                                      .c = y.data(),
                                      .c_stride = base.n()});
        double error = 0, power = 0;
        for (int64_t row = 0; row < m; ++row) {
            int64_t column = 0;
            for (size_t i = 0; i < outs.size(); ++i) {
                for (int64_t out = 0; out < outs[i]; ++out, ++column) {
                    double sum = 0;
                    for (int64_t r = 0; given[i] != nullptr && r < rank; ++r)
                        for (int64_t k = 0; k < in; ++k)
                            sum += 2.0 * b[i][out * rank + r] * a[i][r * in + k] * x[row * in + k];
                    const double got = y[row * base.n() + column];
                    error += (got - sum) * (got - sum);
                    power += sum * sum;
                }
            }
        }
        EXPECT_LE(std::sqrt(error), 0.015 * std::sqrt(power)) << magnitude;
    }
}

}  // namespace
}  // namespace hone
