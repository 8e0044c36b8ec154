#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/tile.h"

namespace hone {
namespace {

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel.
constexpr int64_t kRowsPerTask = 192;
int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <typename T>
void Gemm(const Context& context, const GemmArgs<T>& args) {
    const auto& panels = args.b->panels();
    HONE_CHECK(args.extension.empty() || args.extension.size() == panels.size());
    if (args.b->storage() != WeightStorage::kNative) return QuantizedGemm(context, args);
    const TileFunctions<T>& path = GemmKernels<T>().Choose({});
    const int64_t chunks = CeilDivide(args.m, kRowsPerTask);
    const int64_t chunk_rows = CeilDivide(args.m, std::max<int64_t>(chunks, 1));
    const int64_t num_panels = static_cast<int64_t>(panels.size());
    context.ParallelFor(chunks * num_panels, [&](int64_t task, int) {
        const Panel& panel = panels[task % num_panels];
        const int64_t begin = task / num_panels * chunk_rows,
                      end = std::min(args.m, begin + chunk_rows);
        TileArgs<T> tile;
        tile.width = panel.width;
        tile.stored = panel.stored;
        tile.a_stride = args.a_stride;
        tile.k = args.b->k();
        tile.b = args.b_data ? args.b_data + panel.offset : args.b->panel_data(panel);
        if (!args.extension.empty()) {
            const PanelExtension<T>& extension = args.extension[task % num_panels];
            tile.h_stride = args.h_stride;
            tile.h_k = extension.k;
            tile.h_b = extension.b;
            tile.h = args.h + extension.h_column;
        }
        tile.bias = args.bias ? args.bias + panel.column : nullptr;
        tile.c_stride = args.c_stride;
        tile.output = args.output;
        const int step = path.rows(panel.stored);
        const T* h = tile.h;
        const size_t c_element = args.output == GemmOutput::kStore ? sizeof(T) : sizeof(float);
        for (int64_t row = begin; row < end; row += step) {
            tile.rows = static_cast<int>(std::min<int64_t>(step, end - row));
            tile.a = args.a + row * args.a_stride;
            if (tile.h_k > 0) tile.h = h + row * args.h_stride;
            tile.c = static_cast<char*>(args.c) + (row * args.c_stride + panel.column) * c_element;
            path.run(tile);
        }
    });
}

template void Gemm(const Context&, const GemmArgs<float>&);
template void Gemm(const Context&, const GemmArgs<bf16>&);

}  // namespace hone
