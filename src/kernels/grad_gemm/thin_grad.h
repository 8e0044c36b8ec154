// A gradient that is thin on one side, as those of an adapter's A and B are. Packing its wide side
// would cost as much as the product, so that side is read in place.
#pragma once

#include <cstdint>

#include "kernels/dispatch/dispatch.h"

namespace hone {

// A gradient with more thin columns is computed as any other.
inline constexpr int64_t kMostThin = 32;
// Wide columns of one call.
inline constexpr int64_t kThinColumns = 96;

// sums f32 [thin, kThinColumns], its first `columns` of each row (=): L^T X.
template <typename T>
struct ThinGradArgs {
    int64_t tokens = 0;
    const T* left = nullptr;  // L [tokens, thin], packed as a panel (gemm.h) of `stored` columns
    int64_t thin = 0;         // 1..kMostThin
    int64_t stored = 0;       // thin rounded up to 16
    const T* x = nullptr;     // [tokens, columns]
    int64_t x_stride = 0;     // elements from row to row
    int64_t columns = 0;      // 1..kThinColumns
    float* sums = nullptr;
};

template <typename T>
struct ThinGradFunctions {
    void (*run)(const ThinGradArgs<T>&);
    bool pays = false;  // whether it is faster than packing both sides
};
// Best first; explained as op "thin_grad".
template <typename T>
const KernelList<AnyProblem, ThinGradFunctions<T>>& ThinGradKernels();

template <typename T>
ThinGradFunctions<T> HighwayThinGrad();
ThinGradFunctions<bf16> Avx512ThinGrad();  // only where the build is for x86-64

}  // namespace hone
