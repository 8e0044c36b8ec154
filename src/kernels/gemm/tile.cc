#include "kernels/gemm/tile.h"

namespace hone {

template <typename T>
const KernelList<AnyProblem, TileFunctions<T>>& GemmKernels() {
    static const KernelList<AnyProblem, TileFunctions<T>> kernels("gemm", {
#if defined(__x86_64__)
        // One file holds both types' tiles and is compiled for the bf16 instructions.
        {"avx512_bf16", [](const AnyProblem&) { return LacksAvx512Bf16(); }, Avx512Tile<T>()},
#endif
            {"highway", NeedsSimd<AnyProblem>, HighwayTile<T>()},
            {"reference", NeverDeclines<AnyProblem>, ReferenceTile<T>()},
    });
    return kernels;
}

template const KernelList<AnyProblem, TileFunctions<float>>& GemmKernels();
template const KernelList<AnyProblem, TileFunctions<bf16>>& GemmKernels();

}  // namespace hone
