#include "adapt/small_matrices.h"

#include <algorithm>

namespace hone {

void Diagonalize(int64_t n, std::vector<double>& matrix, std::vector<double>& vectors) {
    vectors.assign(static_cast<size_t>(n * n), 0.0);
    for (int64_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
    constexpr int kSweeps = 30;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
        double off = 0, whole = 0;
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j)
                (i == j ? whole : off) += matrix[i * n + j] * matrix[i * n + j];
        if (off <= 1e-26 * whole) return;
        for (int64_t p = 0; p < n; ++p)
            for (int64_t q = p + 1; q < n; ++q) {
                const double between = matrix[p * n + q];
                if (between == 0) continue;
                const double theta = (matrix[q * n + q] - matrix[p * n + p]) / (2 * between);
                const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::hypot(theta, 1));
                const double c = 1 / std::hypot(t, 1), s = t * c;
                const auto turn = [&](double& x, double& y) {
                    const double old = x;
                    x = c * old - s * y;
                    y = s * old + c * y;
                };
                for (int64_t k = 0; k < n; ++k) turn(matrix[k * n + p], matrix[k * n + q]);
                for (int64_t k = 0; k < n; ++k) turn(matrix[p * n + k], matrix[q * n + k]);
                for (int64_t k = 0; k < n; ++k) turn(vectors[p * n + k], vectors[q * n + k]);
            }
    }
}

std::vector<int64_t> LargestFirst(int64_t n, const std::vector<double>& matrix) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    std::sort(order.begin(), order.end(),
              [&](int64_t i, int64_t j) { return matrix[i * n + i] > matrix[j * n + j]; });
    return order;
}

}  // namespace hone
