// Cutting work into tasks by shape alone, never by the number of threads.
#pragma once

#include <algorithm>

#include "tensor/context.h"

namespace hone {

constexpr int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Rows of a run where `total` are cut into as few runs of at most `most` as will do: about as long
// as each other, and whole tiles of `step` rows, so that only the last run ends within one. `most`
// is a multiple of `step`.
constexpr int64_t RunOfTiles(int64_t total, int64_t most, int64_t step) {
    const int64_t even = CeilDivide(total, std::max<int64_t>(1, CeilDivide(total, most)));
    return CeilDivide(even, step) * step;
}

// Elements of one task of an element-wise op: small enough to balance, large enough to pay for the
// hand-over.
inline constexpr int64_t kElementsPerTask = 32768;

// The same of an op that works through rows, which does more for each element; a few rows, those of
// the streams that are decoded together, are shared too.
inline constexpr int64_t kRowElementsPerTask = 4096;

// body(first, count) over runs of rows of C elements, as long as each other, that cover [0, M).
template <typename Body>
void ForRows(const Context& context, int64_t M, int64_t C, const Body& body) {
    const int64_t rows = std::max<int64_t>(1, kRowElementsPerTask / std::max<int64_t>(1, C));
    const int64_t tasks = CeilDivide(M, rows);
    context.ParallelFor(tasks, [&](int64_t i, int) {
        const int64_t first = M * i / tasks;
        body(first, M * (i + 1) / tasks - first);
    });
}

// body(first, count) over runs of kElementsPerTask elements, the last may be shorter, that cover
// [0, n).
template <typename Body>
void ForElements(const Context& context, int64_t n, const Body& body) {
    context.ParallelFor(CeilDivide(n, kElementsPerTask), [&](int64_t i, int) {
        const int64_t first = i * kElementsPerTask;
        body(first, std::min(kElementsPerTask, n - first));
    });
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
