// Random numbers that are the same on every machine and with every compiler: splitmix64 (Steele,
// Lea and Flood, "Fast splittable pseudorandom number generators", 2014). Resumed runs and golden
// tests depend on its bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hone {

// splitmix64's finaliser: no two numbers give the same result, and each bit of x changes about half
// of its bits.
constexpr uint64_t MixBits(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

// How far splitmix64's state moves with each number.
inline constexpr uint64_t kRandomStep = 0x9e3779b97f4a7c15ULL;

// Number `index` (from 0) of the sequence that starts at `seed`, without those before it. So any
// part of a sequence can be made by itself, and a seed gives as many other seeds as are needed.
constexpr uint64_t RandomAt(uint64_t seed, uint64_t index) {
    return MixBits(seed + (index + 1) * kRandomStep);
}

// The same sequence, one number after the other.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t Next() { return MixBits(state_ += kRandomStep); }

    // In [0, 1), a multiple of 2^-53.
    double NextUnit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

    // Below `bound` (at least 1), each number equally likely. 2^64 need not be a multiple of the
    // bound: the few values that would favour some numbers are drawn again.
    uint64_t Below(uint64_t bound) {
        const uint64_t uneven = (0 - bound) % bound;
        for (;;) {
            const uint64_t value = Next();
            if (value >= uneven) return value % bound;
        }
    }

    // Every order equally likely (Fisher and Yates).
    template <typename T>
    void Shuffle(std::vector<T>* values) {
        for (size_t i = values->size(); i > 1; --i)
            std::swap((*values)[i - 1], (*values)[Below(i)]);
    }

  private:
    uint64_t state_;
};

}  // namespace hone
