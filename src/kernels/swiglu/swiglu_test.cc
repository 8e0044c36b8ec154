#include "kernels/swiglu/swiglu.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testing::ExpectClose;
using testing::ExpectSameBits;
using testing::Guarded;
using testing::Random;

template <typename T>
class SwigluTest : public ::testing::Test {};
using Types = ::testing::Types<float, bf16>;
TYPED_TEST_SUITE(SwigluTest, Types);

TYPED_TEST(SwigluTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto& reference = SwigluKernels<T>().reference();
    for (const auto& kernel : testing::Runnable(SwigluKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t F = random.Size(200);
            SCOPED_TRACE(fmt::format("{} seed={} F={}", kernel.name, seed, F));
            const auto gate_up = random.Values<T>(2 * F, seed % 4 == 0 ? 40.0f : 2.0f),
                       dact = random.Values<T>(F);
            std::vector<T> act(F), again(F), dgate_up(2 * F);
            reference.forward(F, gate_up.data(), act.data());
            reference.backward(F, gate_up.data(), dact.data(), dgate_up.data(), again.data());
            ExpectSameBits(again, act, "the reference's own recomputation");

            Guarded<T> got_act(F), in_place(gate_up), got_again(dact);
            kernel.functions.forward(F, gate_up.data(), got_act.data());
            kernel.functions.backward(F, in_place.data(), got_again.data(), in_place.data(),
                                      got_again.data());
            const float tolerance = 2 * testing::kRounding<T> + 3e-6f;
            ExpectClose(got_act, act, tolerance, 1e-30f, "act");
            ExpectSameBits(got_again, got_act, "act recomputed");
            ExpectClose(in_place, dgate_up, tolerance, 1e-6f, "dgate_up");
        }
    }
}

TEST(Swiglu, BackwardIsTheSlopeOfForward) {
    const Context context(1);
    Random random(1);
    const int64_t M = 2, F = 19;
    auto gate_up = random.Values<float>(M * 2 * F);
    const auto dact = random.Values<float>(M * F);
    std::vector<float> act(M * F), dgate_up(M * 2 * F);
    const auto loss = [&] {
        SwigluForward(context, M, F, gate_up.data(), act.data());
        double sum = 0;
        for (int64_t i = 0; i < M * F; ++i) sum += static_cast<double>(act[i]) * dact[i];
        return sum;
    };
    SwigluBackward<float>(context, M, F, gate_up.data(), dact.data(), dgate_up.data(), nullptr);
    for (int64_t i = 0; i < M * 2 * F; ++i)
        EXPECT_NEAR(testing::FiniteDifference(&gate_up[i], 1e-2f, loss), dgate_up[i], 1e-3) << i;
}

TYPED_TEST(SwigluTest, NotANumberStaysOne) {
    using T = TypeParam;
    for (const auto& kernel : testing::Runnable(SwigluKernels<T>())) {
        std::vector<T> gate_up(64, FromFloat<T>(1)), act(32);
        gate_up[3] = FromFloat<T>(NAN);
        gate_up[32 + 20] = FromFloat<T>(NAN);
        kernel.functions.forward(32, gate_up.data(), act.data());
        for (int i = 0; i < 32; ++i)
            EXPECT_EQ(std::isnan(ToFloat(act[i])), i == 3 || i == 20) << kernel.name << i;
    }
}

}  // namespace
}  // namespace hone
