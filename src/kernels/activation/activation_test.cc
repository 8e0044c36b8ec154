#include "kernels/activation/activation.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

std::vector<ActivationOptions> EveryOptions() {
    std::vector<ActivationOptions> all;
    for (const ActivationKind kind : {ActivationKind::kSilu, ActivationKind::kGeluTanh,
                                      ActivationKind::kGelu, ActivationKind::kRelu})
        for (const bool gated : {true, false}) all.push_back({kind, gated});
    return all;
}

template <typename T>
class ActivationTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(ActivationTest, Types);

// The kernels that can do gated silu; the other options leave some of them out.
template <typename T>
auto Kernels(const ActivationOptions& options) {
    std::vector<Kernel<ActivationOptions, ActivationFunctions<T>>> able;
    for (const auto& kernel : testkit::Runnable(ActivationKernels<T>()))
        if (kernel.declines(options).empty()) able.push_back(kernel);
    return able;
}

TYPED_TEST(ActivationTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto& reference = ActivationKernels<T>().reference();
    for (const ActivationOptions& options : EveryOptions()) {
        // Phi is within 2e-7 absolute, and it is multiplied by its argument and by the ups, each up
        // to 160 here.
        const bool phi = options.kind == ActivationKind::kGelu;
        const float floor = phi ? 1e-4f : 1e-30f, slope_floor = phi ? 1e-4f : 1e-6f;
        for (const auto& kernel : Kernels<T>(options)) {
            for (const uint64_t seed : TestSeeds(40)) {
                Random random(seed);
                const int64_t F = random.Size(200), columns = options.columns(F);
                SCOPED_TRACE(fmt::format("{} kind={} gated={} seed={} F={}", kernel.name,
                                         static_cast<int>(options.kind), options.gated, seed, F));
                const auto in = random.Values<T>(columns, seed % 4 == 0 ? 40.0f : 2.0f),
                           dact = random.Values<T>(F);
                std::vector<T> act(F), again(F), din(columns);
                reference.forward(options, F, in.data(), act.data());
                reference.backward(options, F, in.data(), dact.data(), din.data(), again.data());
                ExpectSameBits(again, act, "the reference's own recomputation");

                Guarded<T> got_act(F), in_place(in), got_again(dact);
                kernel.functions.forward(options, F, in.data(), got_act.data());
                kernel.functions.backward(options, F, in_place.data(), got_again.data(),
                                          in_place.data(), got_again.data());
                // The tanh of an argument that is rounded differently, far in its tail, where the
                // value is as good as an exponential: the error there is that of the argument.
                const bool tail = options.kind == ActivationKind::kGeluTanh;
                const float tolerance = 2 * testkit::kRounding<T> + (tail ? 2e-5f : 3e-6f);
                ExpectClose(got_act, act, tolerance, floor, "act");
                ExpectSameBits(got_again, got_act, "act recomputed");
                ExpectClose(in_place, din, tolerance, slope_floor, "din");
            }
        }
    }
}

TEST(Activation, BackwardIsTheSlopeOfForward) {
    const Context context(1);
    for (const ActivationOptions& options : EveryOptions()) {
        SCOPED_TRACE(
            fmt::format("kind={} gated={}", static_cast<int>(options.kind), options.gated));
        Random random(1);
        const int64_t M = 2, F = 19, columns = options.columns(F);
        auto in = random.Values<float>(M * columns);
        // Away from the corner of relu, whose slope there is anything.
        for (float& value : in) value += value < 0 ? -0.02f : 0.02f;
        const auto dact = random.Values<float>(M * F);
        std::vector<float> act(M * F), din(M * columns);
        const auto loss = [&] {
            ActivationForward(context, options, M, F, in.data(), act.data());
            double sum = 0;
            for (int64_t i = 0; i < M * F; ++i) sum += static_cast<double>(act[i]) * dact[i];
            return sum;
        };
        ActivationBackward<float>(context, options, M, F, in.data(), dact.data(), din.data(),
                                  nullptr);
        for (int64_t i = 0; i < M * columns; ++i)
            EXPECT_NEAR(testkit::FiniteDifference(&in[i], 1e-2f, loss), din[i], 1e-3) << i;
    }
}

// torch.nn.functional.gelu(z), gelu(z, approximate="tanh"), silu(z), relu(z).
TEST(Activation, KnownValues) {
    const Context context(1);
    const std::vector<float> z = {-3, -0.5f, 0, 1, 4};
    const auto values = [&](ActivationKind kind) {
        std::vector<float> act(z.size());
        ActivationForward<float>(context, {kind, false}, 1, static_cast<int64_t>(z.size()),
                                 z.data(), act.data());
        return act;
    };
    ExpectClose(values(ActivationKind::kGelu),
                std::vector<float>{-0.00404951f, -0.15426877f, 0, 0.84134471f, 3.99987316f}, 2e-6f,
                1e-6f, "gelu");
    ExpectClose(values(ActivationKind::kGeluTanh),
                std::vector<float>{-0.00363742f, -0.15428599f, 0, 0.84119201f, 3.99992967f}, 2e-6f,
                1e-6f, "gelu_tanh");
    ExpectClose(values(ActivationKind::kSilu),
                std::vector<float>{-0.14227763f, -0.18877034f, 0, 0.73105860f, 3.92805529f}, 2e-6f,
                1e-6f, "silu");
    ExpectClose(values(ActivationKind::kRelu), std::vector<float>{0, 0, 0, 1, 4}, 0, 0, "relu");
}

TYPED_TEST(ActivationTest, NotANumberStaysOne) {
    using T = TypeParam;
    for (const ActivationOptions& options : EveryOptions()) {
        for (const auto& kernel : Kernels<T>(options)) {
            std::vector<T> in(64, FromFloat<T>(1)), act(32);
            in[3] = FromFloat<T>(NAN);
            if (options.gated) in[32 + 20] = FromFloat<T>(NAN);
            kernel.functions.forward(options, 32, in.data(), act.data());
            for (int i = 0; i < 32; ++i)
                EXPECT_EQ(std::isnan(ToFloat(act[i])), i == 3 || (options.gated && i == 20))
                    << kernel.name << i;
        }
    }
}

}  // namespace
}  // namespace hone
