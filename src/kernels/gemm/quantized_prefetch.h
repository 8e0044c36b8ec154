// Prefetching of weights into the second-level cache, while a quantized tile works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"

namespace hone {

// How far ahead weights are prefetched. The hardware's own prefetching stops at every page of
// memory, and a panel has five.
inline constexpr int64_t kPrefetchBytes = 8192;

// In assembly, because GCC 12 drops the calls of a function that does nothing but prefetch.
inline void PrefetchLine(const uint8_t* line) {
#if defined(__x86_64__)
    asm volatile("prefetcht1 %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 0, 2);
#endif
}

// What a tile prefetches while it works: what follows in its panel, and the ranges that it was
// given. In small parts between products, because the core stops when too many prefetches are on
// their way.
class TilePrefetch {
  public:
    // parts: calls of Next for each whole group of the panel.
    TilePrefetch(const QuantizedTileArgs& t, int64_t group_bytes, int parts)
        : own_(t.panel + kPrefetchBytes),
          own_done_(own_),
          own_bytes_(t.prefetched ? 0 : group_bytes / parts),
          ranges_(t.ahead) {
        int64_t lines = 0;
        for (const auto& range : ranges_) lines += Lines(range);
        if (lines > 0) lines_ = CeilDivide(lines, std::max<int64_t>(1, t.k / kQuantGroup) * parts);
    }

    // Prefetches the next part.
    void Next() {
        for (own_ += own_bytes_; own_done_ < own_; own_done_ += 64) PrefetchLine(own_done_);
        for (int64_t left = lines_; left > 0 && !ranges_.empty();) {
            const int64_t end = std::min(Lines(ranges_.front()), line_ + left);
            left -= end - line_;
            for (; line_ < end; ++line_) PrefetchLine(ranges_.front().data() + line_ * 64);
            if (line_ < Lines(ranges_.front())) return;
            ranges_ = ranges_.subspan(1);
            line_ = 0;
        }
    }

  private:
    static int64_t Lines(std::span<const uint8_t> range) {
        return CeilDivide(static_cast<int64_t>(range.size()), 64);
    }
    const uint8_t *own_, *own_done_;
    int64_t own_bytes_;  // of the panel, with each call
    std::span<const std::span<const uint8_t>> ranges_;
    int64_t line_ = 0;   // of the first range
    int64_t lines_ = 0;  // of the ranges, with each call
};

}  // namespace hone
