#include "kernels/embedding/embedding.h"

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

template <typename T>
class EmbeddingTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(EmbeddingTest, Types);

TYPED_TEST(EmbeddingTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto& reference = EmbeddingKernels<T>().reference();
    for (const auto& kernel : testkit::Runnable(EmbeddingKernels<T>())) {
        for (const uint64_t seed : TestSeeds(30)) {
            Random random(seed);
            const int64_t M = random.Between(1, 20), C = random.Size(150),
                          V = random.Between(1, 10);
            SCOPED_TRACE(fmt::format("{} seed={} M={} C={} V={}", kernel.name, seed, M, C, V));
            const auto table = random.Values<T>(V * C);
            std::vector<float> row(C), dtable(V * C, 1.0f);
            Guarded<float> got_row(C), got_dtable(V * C, 1.0f);
            reference.row(C, table.data(), row.data());
            kernel.functions.row(C, table.data(), got_row.data());
            ExpectSameBits(got_row, row, "row");
            std::vector<int32_t> tokens(M);
            for (int32_t& token : tokens) token = static_cast<int32_t>(random.Between(0, V - 1));
            const auto dx = random.Values<float>(M * C);
            reference.scatter(M, C, C, tokens.data(), dx.data(), dtable.data());
            kernel.functions.scatter(M, C, C, tokens.data(), dx.data(), got_dtable.data());
            ExpectSameBits(got_dtable, dtable, "dtable");
        }
    }
}

TEST(Embedding, ForwardGathersAndBackwardScattersOnAnyNumberOfThreads) {
    Random random(5);
    const int64_t M = 500, C = 130, V = 7;
    const auto table = random.Values<bf16>(V * C);
    const auto dx = random.Values<float>(M * C);
    std::vector<int32_t> tokens(M);
    for (int32_t& token : tokens) token = static_cast<int32_t>(random.Between(0, V - 1));
    std::vector<float> expected(V * C, 0.25f);
    for (int64_t r = 0; r < M; ++r)
        for (int64_t c = 0; c < C; ++c) expected[tokens[r] * C + c] += dx[r * C + c];
    for (int threads : {1, 2, 3}) {
        const Context context(threads);
        Guarded<float> x(M * C), dtable(V * C, 0.25f);
        EmbeddingForward(context, M, C, V, tokens.data(), table.data(), x.data());
        for (int64_t r = 0; r < M; ++r)
            for (int64_t c = 0; c < C; ++c)
                ASSERT_EQ(x[r * C + c], ToFloat(table[tokens[r] * C + c]));
        EmbeddingBackward(context, M, C, V, tokens.data(), dx.data(), dtable.data());
        ExpectSameBits(dtable, expected, "dtable");
    }
}

TEST(EmbeddingDeathTest, ATokenOutsideTheTableIsABug) {
    const Context context(1);
    std::vector<float> table(4), x(2), dtable(4);
    const int32_t at_limit = 1, past_limit = 2, negative = -1;
    EmbeddingForward<float>(context, 1, 2, 2, &at_limit, table.data(), x.data());
    EXPECT_DEATH(EmbeddingForward<float>(context, 1, 2, 2, &past_limit, table.data(), x.data()),
                 "token 2 of 2");
    EXPECT_DEATH(EmbeddingBackward(context, 1, 2, 2, &negative, x.data(), dtable.data()),
                 "token -1 of 2");
}

}  // namespace
}  // namespace hone
