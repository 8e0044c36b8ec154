// Cutting work into tasks by shape alone, never by the number of threads.
#pragma once

#include <algorithm>

#include "tensor/context.h"

namespace hone {

// Elements of one task of an element-wise op: small enough to balance, large enough to pay for the
// hand-over.
inline constexpr int64_t kElementsPerTask = 32768;

// body(first, count) over runs of rows of C elements that cover [0, M).
template <typename Body>
void ForRows(const Context& context, int64_t M, int64_t C, const Body& body) {
    const int64_t rows = std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, C));
    if (M <= rows) {
        if (M > 0) body(int64_t{0}, M);
        return;
    }
    context.ParallelFor((M + rows - 1) / rows,
                        [&](int64_t i, int) { body(i * rows, std::min(rows, M - i * rows)); });
}

// body(first, count) over runs of elements that cover [0, n).
template <typename Body>
void ForElements(const Context& context, int64_t n, const Body& body) {
    ForRows(context, n, 1, body);
}

// body(first, count) over runs of columns that cover [0, C): whoever sums over rows takes columns,
// so that one thread sees all rows in order.
template <typename Body>
void ForColumns(const Context& context, int64_t C, const Body& body) {
    constexpr int64_t kColumns = 64;
    context.ParallelFor((C + kColumns - 1) / kColumns, [&](int64_t i, int) {
        body(i * kColumns, std::min(kColumns, C - i * kColumns));
    });
}

}  // namespace hone
