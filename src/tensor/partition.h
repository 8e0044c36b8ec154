// Cutting work into tasks by shape alone, never by the number of threads.
#pragma once

#include <algorithm>

#include "tensor/context.h"

namespace hone {

constexpr int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Cuts `total` rows into as few runs of at most `most` rows as possible, of about the same length;
// returns that length. It is a multiple of `step`, the rows of a tile, so that only the last run
// may end within a tile. `most` is a multiple of `step`.
constexpr int64_t RunOfTiles(int64_t total, int64_t most, int64_t step) {
    const int64_t even = CeilDivide(total, std::max<int64_t>(1, CeilDivide(total, most)));
    return CeilDivide(even, step) * step;
}

// Elements of one task of an element-wise op: few enough to balance the threads, enough to pay for
// handing a task over.
inline constexpr int64_t kElementsPerTask = 32768;

// The same for an op that works on rows, which does more for each element. Small enough that even
// the few rows of streams that are decoded together are shared between threads.
inline constexpr int64_t kRowElementsPerTask = 4096;

// Calls body(first, count) for runs of rows that cover [0, M), of about the same length; a row has
// C elements.
template <typename Body>
void ForRows(const Context& context, int64_t M, int64_t C, const Body& body) {
    const int64_t rows = std::max<int64_t>(1, kRowElementsPerTask / std::max<int64_t>(1, C));
    const int64_t tasks = CeilDivide(M, rows);
    context.ParallelFor(tasks, [&](int64_t i, int) {
        const int64_t first = M * i / tasks;
        body(first, M * (i + 1) / tasks - first);
    });
}

// Calls body(first, count) for runs of kElementsPerTask elements that cover [0, n); the last may be
// shorter.
template <typename Body>
void ForElements(const Context& context, int64_t n, const Body& body) {
    context.ParallelFor(CeilDivide(n, kElementsPerTask), [&](int64_t i, int) {
        const int64_t first = i * kElementsPerTask;
        body(first, std::min(kElementsPerTask, n - first));
    });
}

// Calls body(first, count) for runs of columns that cover [0, C). For sums over rows: one thread
// sees all rows of its columns, in order.
template <typename Body>
void ForColumns(const Context& context, int64_t C, const Body& body) {
    constexpr int64_t kColumns = 64;
    context.ParallelFor((C + kColumns - 1) / kColumns, [&](int64_t i, int) {
        body(i * kColumns, std::min(kColumns, C - i * kColumns));
    });
}

}  // namespace hone
