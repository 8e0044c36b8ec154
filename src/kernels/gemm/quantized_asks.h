// Weights asked for ahead of their use, while a quantized tile works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"

namespace hone {

// How far ahead weights are asked for, into the second-level cache: hardware stops at every page, a
// panel has five.
inline constexpr int64_t kPrefetchBytes = 8192;

// In assembly: GCC 12 takes a function that only asks for memory for one without effect, and drops
// the calls.
inline void AskFor(const uint8_t* line) {
#if defined(__x86_64__)
    asm volatile("prefetcht1 %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 0, 2);
#endif
}

// What a tile asks for while it works: what follows in its panel, and the ranges that it was given.
// In small parts between products: more at once than the core can wait for would stop it.
class Asks {
  public:
    // parts: calls of Ask for each whole group of the panel.
    Asks(const QuantizedTileArgs& t, int64_t group_bytes, int parts)
        : own_(t.panel + kPrefetchBytes),
          own_asked_(own_),
          own_bytes_(t.asked_for ? 0 : group_bytes / parts),
          ranges_(t.ahead) {
        int64_t lines = 0;
        for (const auto& range : ranges_) lines += Lines(range);
        if (lines > 0) lines_ = CeilDivide(lines, std::max<int64_t>(1, t.k / kQuantGroup) * parts);
    }

    void Ask() {
        for (own_ += own_bytes_; own_asked_ < own_; own_asked_ += 64) AskFor(own_asked_);
        for (int64_t left = lines_; left > 0 && !ranges_.empty();) {
            const int64_t end = std::min(Lines(ranges_.front()), line_ + left);
            left -= end - line_;
            for (; line_ < end; ++line_) AskFor(ranges_.front().data() + line_ * 64);
            if (line_ < Lines(ranges_.front())) return;
            ranges_ = ranges_.subspan(1);
            line_ = 0;
        }
    }

  private:
    static int64_t Lines(std::span<const uint8_t> range) {
        return CeilDivide(static_cast<int64_t>(range.size()), 64);
    }
    const uint8_t *own_, *own_asked_;
    int64_t own_bytes_;  // of the panel, with each call
    std::span<const std::span<const uint8_t>> ranges_;
    int64_t line_ = 0;   // of the first range
    int64_t lines_ = 0;  // of the ranges, with each call
};

}  // namespace hone
