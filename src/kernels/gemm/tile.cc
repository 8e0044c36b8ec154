#include "kernels/gemm/tile.h"

#include <algorithm>

namespace hone {

template <typename T>
int64_t SetExtension(const GemmArgs<T>& args, size_t panel, int64_t row, int64_t count,
                     TileArgs<T>& tile) {
    const auto set = [&](const PanelExtension<T>& extension, const T* h, int64_t h_stride) {
        tile.h = h + extension.h_column;
        tile.h_stride = h_stride;
        tile.h_k = extension.k;
        tile.h_b = extension.b;
    };
    tile.h_k = 0;
    if (!args.extension.empty())
        set(args.extension[panel], args.h + row * args.h_stride, args.h_stride);
    for (const RowsExtension<T>& rows : args.row_extensions) {
        if (rows.first + rows.count <= row) continue;
        if (rows.first > row) return std::min(count, rows.first - row);
        set(rows.panels[panel], rows.h + (row - rows.first) * rows.h_stride, rows.h_stride);
        return std::min(count, rows.first + rows.count - row);
    }
    return count;
}

template <typename T>
void StoreTile(const TileArgs<T>& t, const float* sums) {
    for (int row = 0; row < t.rows; ++row) {
        for (int column = 0; column < t.width; ++column) {
            const float sum = sums[row * kPanelColumns + column];
            const int64_t at = row * t.c_stride + column;
            switch (t.output) {
                case GemmOutput::kStore:
                    static_cast<T*>(t.c)[at] = FromFloat<T>(sum);
                    break;
                case GemmOutput::kStoreF32:
                    static_cast<float*>(t.c)[at] = sum;
                    break;
                case GemmOutput::kAddF32:
                    static_cast<float*>(t.c)[at] += sum;
                    break;
            }
        }
    }
}

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

template int64_t SetExtension(const GemmArgs<float>&, size_t, int64_t, int64_t, TileArgs<float>&);
template int64_t SetExtension(const GemmArgs<bf16>&, size_t, int64_t, int64_t, TileArgs<bf16>&);
template void StoreTile(const TileArgs<float>&, const float*);
template void StoreTile(const TileArgs<bf16>&, const float*);
template const KernelList<AnyProblem, TileFunctions<float>>& GemmKernels();
template const KernelList<AnyProblem, TileFunctions<bf16>>& GemmKernels();

}  // namespace hone
