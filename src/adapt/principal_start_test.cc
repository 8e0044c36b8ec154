#include "adapt/principal_start.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"

namespace hone {
namespace {

// w = sum over r of values[r] * u_r v_r^T, with orthonormal u and v.
std::vector<float> WithSingularValues(int64_t out, int64_t in, const std::vector<double>& values) {
    std::vector<float> w(static_cast<size_t>(out * in));
    // Columns of the discrete cosine transform are orthogonal.
    const auto cosine = [](int64_t n, int64_t r, int64_t i) {
        const double norm = std::sqrt((r == 0 ? 1.0 : 2.0) / static_cast<double>(n));
        return norm * std::cos(M_PI * static_cast<double>(r) * (static_cast<double>(i) + 0.5) /
                               static_cast<double>(n));
    };
    for (size_t r = 0; r < values.size(); ++r)
        for (int64_t j = 0; j < out; ++j)
            for (int64_t i = 0; i < in; ++i)
                w[j * in + i] +=
                    static_cast<float>(values[r] * cosine(out, r, j) * cosine(in, r, i));
    return w;
}

// scale * B0 A0 is the part with the largest values, A0's and B0's rows share each evenly.
TEST(PrincipalStart, ThePairIsThePartWithTheLargestSingularValues) {
    const std::vector<double> values = {9, 7, 4, 2, 1, 0.5, 0.25};
    for (const auto& [out, in] : {std::pair<int64_t, int64_t>{30, 50}, {50, 30}, {8, 40}}) {
        const int64_t rank = 3;
        const double scale = 2;
        const std::vector<float> w = WithSingularValues(out, in, values),
                                 part = WithSingularValues(out, in, {9, 7, 4});
        std::vector<float> a(rank * in), b(out * rank);
        PrincipalPair(out, in, rank, scale, w.data(), a.data(), b.data());
        for (int64_t j = 0; j < out; ++j)
            for (int64_t i = 0; i < in; ++i) {
                double product = 0;
                for (int64_t r = 0; r < rank; ++r)
                    product += scale * b[j * rank + r] * a[r * in + i];
                EXPECT_NEAR(product, part[j * in + i], 2e-5) << out << " " << j << " " << i;
            }
        for (int64_t r = 0; r < rank; ++r) {
            double squares_a = 0, squares_b = 0;
            for (int64_t i = 0; i < in; ++i) squares_a += std::pow(a[r * in + i], 2);
            for (int64_t j = 0; j < out; ++j) squares_b += std::pow(b[j * rank + r], 2);
            EXPECT_NEAR(squares_a, values[r] / scale, 1e-4);
            EXPECT_NEAR(squares_b, values[r] / scale, 1e-4);
        }
    }
}

// A weight of a lower rank than is asked for leaves the rest zero.
TEST(PrincipalStart, NothingIsMadeOfNothing) {
    const std::vector<float> w = WithSingularValues(20, 24, {3, 2});
    std::vector<float> a(4 * 24), b(20 * 4);
    PrincipalPair(20, 24, 4, 1, w.data(), a.data(), b.data());
    for (float number : a) EXPECT_TRUE(std::isfinite(number));
    for (int64_t j = 0; j < 20; ++j) {
        double product = 0;
        for (int64_t r = 0; r < 4; ++r) product += b[j * 4 + r] * a[r * 24 + 5];
        EXPECT_NEAR(product, w[j * 24 + 5], 1e-5);
    }
    PrincipalPair(20, 24, 4, 1, std::vector<float>(20 * 24).data(), a.data(), b.data());
    for (float number : a) EXPECT_EQ(number, 0);
}

TEST(PrincipalStart, ThePlainConfigurationHasTheSameScale) {
    LoraConfig config;
    config.r = 8;
    config.lora_alpha = 12;
    config.init_lora_weights = "pissa";
    config.rank_pattern = {{"q_proj", 2}};
    config.alpha_pattern = {{"q_proj", 3}};
    EXPECT_EQ(PlainConfig(config).r, 16);
    EXPECT_EQ(PlainConfig(config).lora_alpha, 24);
    EXPECT_EQ(PlainConfig(config).rank_pattern[0].second, 4);
    EXPECT_EQ(PlainConfig(config).alpha_pattern[0].second, 6);
    EXPECT_FALSE(HasPrincipalStart(PlainConfig(config)));
    config.use_rslora = true;
    EXPECT_NEAR(PlainConfig(config).lora_alpha / std::sqrt(16), 12 / std::sqrt(8), 1e-12);
}

}  // namespace
}  // namespace hone
