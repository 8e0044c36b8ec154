#include "kernels/rope/rope.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class RopeTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(RopeTest, Types);

TYPED_TEST(RopeTest, EveryKernelEqualsTheReferenceAndLeavesTheGapsAlone) {
    using T = TypeParam;
    for (const auto& kernel : testkit::Runnable(RopeKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            Random random(seed);
            const int64_t n = random.Between(1, 5), D = 2 * random.Size(70);
            const int64_t rotated = seed % 3 == 0 ? 2 * random.Between(1, D / 2) : D;
            SCOPED_TRACE(
                fmt::format("{} seed={} n={} D={} rotated={}", kernel.name, seed, n, D, rotated));
            const RopeHeads heads{n, D, rotated};
            const auto cosine = random.Values<float>(rotated / 2),
                       sine = random.Values<float>(rotated / 2);
            std::vector<T> expected = random.Values<T>(n * D);
            Guarded<T> x(expected);
            const float direction = seed % 2 == 0 ? 1.0f : -1.0f;
            RopeKernels<T>().reference().row(heads, expected.data(), cosine.data(), sine.data(),
                                             direction);
            kernel.functions.row(heads, x.data(), cosine.data(), sine.data(), direction);
            ExpectClose(x, expected, 2 * testkit::kRounding<T>, 1e-6f, "x");
        }
    }
}

TYPED_TEST(RopeTest, InverseTurnsBackWithinRowsOfAFusedBuffer) {
    using T = TypeParam;
    const Context context(2);
    Random random(3);
    const int64_t M = 37, n = 3, D = 64, stride = 5 * D;
    const RopeTable table{.max_positions = 50, .D = D};
    std::vector<float> cosine(50 * D / 2), sine(50 * D / 2);
    BuildRopeTable(table, cosine.data(), sine.data());
    std::vector<int32_t> positions(M);
    for (int64_t r = 0; r < M; ++r) positions[r] = static_cast<int32_t>((r * 7) % 50);
    const auto original = random.Values<T>(M * stride);
    auto x = original;
    RopeForward(context, M, {n, D, D}, x.data() + D, stride, positions.data(), cosine.data(),
                sine.data());
    float moved = 0;
    for (int64_t r = 0; r < M; ++r) {
        for (int64_t i = 0; i < stride; ++i) {
            const bool inside = i >= D && i < D + n * D;
            const float before = ToFloat(original[r * stride + i]),
                        after = ToFloat(x[r * stride + i]);
            if (!inside) {
                EXPECT_EQ(before, after) << r << " " << i;
            }
            moved = std::max(moved, std::abs(after - before));
        }
    }
    EXPECT_GT(moved, 0.5f);
    RopeInverse(context, M, {n, D, D}, x.data() + D, stride, positions.data(), cosine.data(),
                sine.data());
    ExpectClose(x, original, 4 * testkit::kRounding<T>, 4 * testkit::kRounding<T>, "turned back");
}

// Values of transformers' LlamaRotaryEmbedding (theta 10000, D 8, position 5; llama3: theta 500000,
// factor 8, low 1, high 4, original 8192).
TEST(RopeTable, KnownFrequencies) {
    const int64_t D = 8;
    std::vector<float> cosine(6 * D / 2), sine(6 * D / 2);
    BuildRopeTable({.max_positions = 6, .D = D}, cosine.data(), sine.data());
    for (int i = 0; i < 4; ++i) {
        EXPECT_NEAR(cosine[5 * 4 + i], std::cos(5 * std::pow(10.0, -i)), 1e-6);
        EXPECT_NEAR(sine[5 * 4 + i], std::sin(5 * std::pow(10.0, -i)), 1e-6);
    }
    BuildRopeTable(
        {.max_positions = 6, .D = D, .scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 4}},
        cosine.data(), sine.data());
    for (int i = 0; i < 4; ++i)
        EXPECT_NEAR(sine[5 * 4 + i], std::sin(1.25 * std::pow(10.0, -i)), 1e-6);
}

TEST(RopeTable, Llama3KeepsHighDividesLowAndRampsBetween) {
    const int64_t D = 128, P = 2;
    std::vector<float> cosine(P * D / 2), sine(P * D / 2);
    BuildRopeTable({.max_positions = P,
                    .D = D,
                    .theta = 500000,
                    .scaling = {.kind = RopeScaling::Kind::kLlama3,
                                .factor = 8,
                                .low_freq_factor = 1,
                                .high_freq_factor = 4,
                                .original_max_position_embeddings = 8192}},
                   cosine.data(), sine.data());
    int kept = 0, divided = 0, between = 0;
    for (int i = 0; i < D / 2; ++i) {
        const double frequency = std::pow(500000.0, -2.0 * i / D), wave = 2 * M_PI / frequency;
        const double got = std::asin(std::min(1.0f, sine[D / 2 + i]));  // at position 1
        if (i == 0) continue;  // sin(1) alone is outside asin's easy range
        if (wave < 8192 / 4.0) {
            ++kept;
            EXPECT_NEAR(got / frequency, 1, 1e-4) << i;
        } else if (wave > 8192) {
            ++divided;
            EXPECT_NEAR(got / frequency, 0.125, 1e-5) << i;
        } else {
            ++between;
            const double smooth = (8192 / wave - 1) / 3;
            EXPECT_NEAR(got / frequency, (1 - smooth) / 8 + smooth, 1e-4) << i;
        }
    }
    EXPECT_GT(kept, 10);
    EXPECT_GT(divided, 10);
    EXPECT_GT(between, 3);
}

}  // namespace
}  // namespace hone
