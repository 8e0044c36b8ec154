// The random order of an epoch: the same for a seed on every machine and compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hone {

// splitmix64 (Steele, Lea and Flood 2014).
class ShuffleRandom {
  public:
    explicit ShuffleRandom(uint64_t seed) : state_(seed) {}

    uint64_t Next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    // Below `bound`, each number equally likely: 2^64 is no multiple of it, so the odd values are
    // drawn again.
    uint64_t Below(uint64_t bound) {
        const uint64_t odd = (0 - bound) % bound;
        for (;;) {
            const uint64_t value = Next();
            if (value >= odd) return value % bound;
        }
    }

    // Fisher and Yates.
    template <typename T>
    void Shuffle(std::vector<T>* values) {
        for (size_t i = values->size(); i > 1; --i)
            std::swap((*values)[i - 1], (*values)[Below(i)]);
    }

  private:
    uint64_t state_;
};

}  // namespace hone
