// Linear algebra for matrices with few rows.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace hone {

// Rows [count, n] -> orthonormal ones that span the same (modified Gram-Schmidt). A row that is in
// the span of those before it becomes zero.
template <typename T>
void Orthonormalize(int64_t count, int64_t n, T* rows) {
    for (int64_t i = 0; i < count; ++i) {
        T* row = rows + i * n;
        const auto norm = [&] { return std::sqrt(std::inner_product(row, row + n, row, 0.0)); };
        const double before = norm();
        for (int64_t j = 0; j < i; ++j) {
            const T* other = rows + j * n;
            const auto along = static_cast<T>(std::inner_product(row, row + n, other, 0.0));
            for (int64_t k = 0; k < n; ++k) row[k] -= along * other[k];
        }
        const double after = norm();
        const auto factor = static_cast<T>(after > 1e-6 * before ? 1 / after : 0);
        for (int64_t k = 0; k < n; ++k) row[k] *= factor;
    }
}

// Eigenvectors of a symmetric matrix [n, n] by Jacobi's rotations: matrix -> its eigenvalues on the
// diagonal, vectors (=) one a row.
void Diagonalize(int64_t n, std::vector<double>& matrix, std::vector<double>& vectors);

// The places of the eigenvalues on the diagonal, the largest first.
std::vector<int64_t> LargestFirst(int64_t n, const std::vector<double>& matrix);

}  // namespace hone
