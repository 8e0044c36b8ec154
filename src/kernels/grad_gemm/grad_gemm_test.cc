#include "kernels/grad_gemm/grad_gemm.h"

#include "kernels/dispatch/testing.h"
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/packing/packing.h"

namespace hone {
namespace {

template <typename T>
class GradGemmTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(GradGemmTest, Types);

// Gradients side by side that share what the flags say, as layers and adapters do: each equals the
// product's definition, on 1 and 2 threads with the same bits, C starting from 0.25.
template <typename T>
struct GradientCase {
    int64_t tokens, a_columns, b_columns;
    struct Product {
        int64_t a, m, b, n;  // columns of A [tokens, a_columns] and B [tokens, b_columns]
        GemmOutput output;
    };
    std::vector<Product> products;

    void Check(testkit::Random& random) const {
        SCOPED_TRACE(testing::Message()
                     << tokens << " tokens, " << a_columns << " x " << b_columns);
        auto a = random.Values<T>(tokens * a_columns), b = random.Values<T>(tokens * b_columns);
        std::vector<std::vector<float>> results[2];
        for (int threads : {1, 2}) {
            const Context context(threads);
            auto& cs = results[threads - 1];
            std::vector<GradGemmArgs<T>> gradients;
            for (const Product& p : products) {
                cs.emplace_back(p.m * (p.n + 3), 0.25f);
                gradients.push_back({.m = p.m,
                                     .n = p.n,
                                     .a = a.data() + p.a,
                                     .a_stride = a_columns,
                                     .b = b.data() + p.b,
                                     .b_stride = b_columns,
                                     .scale = 0.5f,
                                     .c = cs.back().data(),
                                     .c_stride = p.n + 3,
                                     .output = p.output});
            }
            GradGemm<T>(context, tokens, gradients);
        }
        EXPECT_EQ(results[0], results[1]) << "the number of threads changed the bits";
        for (size_t i = 0; i < products.size(); ++i) CheckProduct(products[i], a, b, results[0][i]);
    }

    void CheckProduct(const Product& p, const std::vector<T>& a, const std::vector<T>& b,
                      const std::vector<float>& c) const {
        const double before = p.output == GemmOutput::kAddF32 ? 0.25 : 0;
        for (int64_t i = 0; i < p.m; ++i)
            for (int64_t j = 0; j < p.n + 3; ++j) {
                double sum = 0;
                for (int64_t t = 0; t < tokens && j < p.n; ++t)
                    sum += static_cast<double>(ToFloat(a[t * a_columns + p.a + i])) *
                           ToFloat(b[t * b_columns + p.b + j]);
                const double expected = j < p.n ? before + 0.5 * sum : 0.25;
                ASSERT_NEAR(c[i * (p.n + 3) + j], expected, 1e-3) << i << "," << j;
            }
    }
};

TYPED_TEST(GradGemmTest, GradientsOfWeights) {
    testkit::Random random(11);
    constexpr GemmOutput kAdd = GemmOutput::kAddF32, kStore = GemmOutput::kStoreF32;
    for (int64_t tokens : {1, 2, 255, 600}) {
        // Three layers of one input, one of them with other columns of it.
        GradientCase<TypeParam>{tokens,
                                45,
                                80,
                                {{0, 18, 2, 77, kAdd},
                                 {18, 5, 2, 77, kStore},
                                 {40, 2, 2, 77, kAdd},
                                 {41, 4, 3, 70, kStore}}}
            .Check(random);
    }
    // More tokens, rows and panels than one task takes.
    GradientCase<TypeParam>{1027, 6, 25, {{1, 4, 3, 20, kAdd}, {0, 6, 3, 20, kStore}}}.Check(
        random);
    GradientCase<TypeParam>{9, 205, 900, {{2, 199, 1, 850, kAdd}, {0, 20, 0, 300, kStore}}}.Check(
        random);
    // Thin on either side up to the limit, and one past it; thin ones and others in one call.
    GradientCase<TypeParam>{1030,
                            240,
                            260,
                            {{0, kMostThin, 5, 250, kAdd},
                             {7, 210, 40, kMostThin, kStore},
                             {30, kMostThin + 1, 0, 200, kAdd},
                             {1, 1, 1, 97, kStore},
                             {3, 200, 2, 9, kAdd}}}
        .Check(random);
}

TYPED_TEST(GradGemmTest, EveryThinKernelEqualsTheReference) {
    using T = TypeParam;
    for (const auto& kernel : testkit::Runnable(ThinGradKernels<T>())) {
        for (const uint64_t seed : TestSeeds(40)) {
            testkit::Random random(seed);
            const int64_t tokens = random.Size(300), thin = random.Size(kMostThin),
                          stored = (thin + 15) / 16 * 16, columns = random.Size(kThinColumns),
                          stride = columns + random.Between(0, 9);
            SCOPED_TRACE(testing::Message()
                         << kernel.name << " seed " << seed << " tokens " << tokens << " thin "
                         << thin << " columns " << columns << " stride " << stride);
            const auto x = random.Values<T>(tokens * stride);
            const auto rows = random.Values<T>(tokens * thin);
            std::vector<T> left((tokens + 1) * stored);
            PackKernels<T>().reference().rows(rows.data(), thin, tokens, static_cast<int>(thin),
                                              static_cast<int>(stored), left.data());
            const std::vector<float> before(thin * kThinColumns, 3.0f);
            testkit::Guarded<float> got(before), want(before);
            ThinGradArgs<T> args{.tokens = tokens,
                                 .left = left.data(),
                                 .thin = thin,
                                 .stored = stored,
                                 .x = x.data(),
                                 .x_stride = stride,
                                 .columns = columns};
            args.sums = got.data();
            kernel.functions.run(args);
            args.sums = want.data();
            ThinGradKernels<T>().reference().run(args);
            testkit::ExpectClose(got, want, 1e-5f, 2e-5f, "sums");
        }
    }
}

}  // namespace
}  // namespace hone
