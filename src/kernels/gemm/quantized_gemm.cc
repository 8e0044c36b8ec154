#include "kernels/gemm/quantized_gemm.h"

#include <algorithm>

#include "kernels/gemm/quantized_panel.h"
#include "kernels/gemm/tile.h"
#include "kernels/partition.h"
#include "kernels/reduce/reduce.h"

namespace hone {
namespace {

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel.
constexpr int64_t kRowsPerTask = 192;

// A in codes.
struct QuantizedRows {
    int64_t groups = 0;
    int8_t* codes = nullptr;  // [m][groups * 32]
    float* scales = nullptr;  // [m][groups]
    float* sums = nullptr;    // [m][groups]
};

// In the scratch of thread 0.
template <typename T>
QuantizedRows QuantizeRows(const Context& context, const GemmArgs<T>& args) {
    const int64_t k = args.b->k(), groups = QuantGroups(k), total = args.m * groups;
    char* scratch = static_cast<char*>(
        context.Scratch(0, static_cast<size_t>(total) * (kQuantGroup + 2 * sizeof(float))));
    QuantizedRows rows;
    rows.groups = groups;
    rows.scales = reinterpret_cast<float*>(scratch);
    rows.sums = rows.scales + total;
    rows.codes = reinterpret_cast<int8_t*>(rows.sums + total);
    const auto& path = QuantizeRowKernels<T>().Choose({});
    ForRows(context, args.m, k, [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row)
            path.row(k, args.a + row * args.a_stride, rows.codes + row * groups * kQuantGroup,
                     rows.scales + row * groups, rows.sums + row * groups);
    });
    return rows;
}

// What one panel's tile of sums still needs: the extension and the bias, then C.
template <typename T>
struct Epilogue {
    const GemmArgs<T>& args;
    const TileFunctions<T>& tile = GemmKernels<T>().Choose({});
    const ReduceFunctions& reduce = ReduceKernels().Choose({});

    void AddExtension(size_t index, int64_t row, int rows, float* sums) const {
        const Panel& panel = args.b->panels()[index];
        TileArgs<T> more;
        more.width = panel.width;
        more.stored = panel.stored;
        more.bias = args.bias ? args.bias + panel.column : nullptr;
        more.c_stride = kPanelColumns;
        more.output = GemmOutput::kAddF32;
        const int step = tile.rows(panel.stored);
        for (int done = 0; done < rows; done += more.rows) {
            const int64_t count = std::min(step, rows - done);
            more.rows = static_cast<int>(SetExtension(args, index, row + done, count, more));
            more.c = sums + done * kPanelColumns;
            if (more.h_k > 0 || more.bias != nullptr) tile.run(more);
        }
    }

    void operator()(size_t index, int64_t row, int rows, float* sums) const {
        const Panel& panel = args.b->panels()[index];
        AddExtension(index, row, rows, sums);
        for (int r = 0; r < rows; ++r) {
            const float* from = sums + r * kPanelColumns;
            const int64_t at = (row + r) * args.c_stride + panel.column;
            if (args.output == GemmOutput::kAddF32) {
                reduce.add_f32(panel.width, from, static_cast<float*>(args.c) + at);
            } else if (args.output == GemmOutput::kStoreF32 || sizeof(T) == sizeof(float)) {
                std::copy_n(from, panel.width, static_cast<float*>(args.c) + at);
            } else {
                reduce.to_bf16(panel.width, from, static_cast<bf16*>(args.c) + at);
            }
        }
    }
};

// What is read when a tile is done: the rows' extensions of its panel, and its share of what they
// read next, which a thread's panels ask for in the order in which it will be shared again.
class Ahead {
  public:
    template <typename T>
    Ahead(const GemmArgs<T>& args, size_t index, int64_t row, int64_t rows, int64_t groups)
        : groups_(groups) {
        const auto& panels = args.b->panels();
        int64_t begin = 0;
        for (const RowsExtension<T>& run : args.row_extensions)
            begin += static_cast<int64_t>(run.read_next.size());
        int64_t end = begin * static_cast<int64_t>(index + 1) / static_cast<int64_t>(panels.size());
        begin = begin * static_cast<int64_t>(index) / static_cast<int64_t>(panels.size());
        for (const RowsExtension<T>& run : args.row_extensions) {
            if (run.first < row + rows && row < run.first + run.count) {
                const PanelExtension<T>& panel = run.panels[index];
                Add(panel.b, panel.k * panels[index].stored * static_cast<int64_t>(sizeof(T)));
            }
            const int64_t size = static_cast<int64_t>(run.read_next.size());
            if (row == 0 && begin < std::min(size, end))
                Add(run.read_next.data() + std::max<int64_t>(begin, 0),
                    std::min(size, end) - std::max<int64_t>(begin, 0));
            begin -= size;
            end -= size;
        }
    }

    std::span<const ReadAhead> ranges() const { return {ranges_, count_}; }

  private:
    void Add(const void* data, int64_t bytes) {
        if (count_ == std::size(ranges_) || bytes == 0) return;
        const int64_t lines = CeilDivide(bytes, 64);
        ranges_[count_++] = {static_cast<const uint8_t*>(data), lines, CeilDivide(lines, groups_)};
    }

    int64_t groups_;
    size_t count_ = 0;
    ReadAhead ranges_[2 * kMaxQuantizedRows];
};

}  // namespace

template <typename T>
void QuantizedGemm(const Context& context, const GemmArgs<T>& args) {
    const QuantizedTileFunctions& path = QuantizedGemmKernels().Choose({});
    const auto& panels = args.b->panels();
    const QuantizedRows a = QuantizeRows(context, args);
    const Epilogue<T> finish{args};
    const int64_t num_panels = static_cast<int64_t>(panels.size());
    const int64_t chunks = CeilDivide(args.m, kRowsPerTask);
    context.ParallelFor(chunks * num_panels, [&](int64_t task, int) {
        const size_t index = static_cast<size_t>(task % num_panels);
        const int64_t begin = task / num_panels * kRowsPerTask,
                      end = std::min(args.m, begin + kRowsPerTask);
        alignas(64) float sums[kMaxQuantizedRows * kPanelColumns];
        QuantizedTileArgs tile;
        tile.storage = args.b->storage();
        tile.stored = panels[index].stored;
        tile.groups = a.groups;
        tile.panel = args.b->panel_codes(panels[index]);
        tile.c = sums;
        for (int64_t row = begin; row < end; row += kMaxQuantizedRows) {
            tile.rows = static_cast<int>(std::min<int64_t>(kMaxQuantizedRows, end - row));
            tile.codes = a.codes + row * a.groups * kQuantGroup;
            tile.scales = a.scales + row * a.groups;
            tile.sums = a.sums + row * a.groups;
            const Ahead ahead(args, index, row, tile.rows, a.groups);
            tile.ahead = ahead.ranges();
            path.run(tile);
            finish(index, row, tile.rows, sums);
        }
    });
}

const KernelList<AnyProblem, QuantizedTileFunctions>& QuantizedGemmKernels() {
    static const KernelList<AnyProblem, QuantizedTileFunctions> kernels("quantized_gemm", {
#if defined(__x86_64__)
        {"avx512_vnni", [](const AnyProblem&) { return LacksAvx512Vnni(); },
         Avx512VnniQuantizedTile()},
#endif
            {"highway", NeedsSimd<AnyProblem>, HighwayQuantizedTile()},
            {"reference", NeverDeclines<AnyProblem>, ReferenceQuantizedTile()},
    });
    return kernels;
}

template <typename T>
const KernelList<AnyProblem, QuantizeRowFunctions<T>>& QuantizeRowKernels() {
    static const KernelList<AnyProblem, QuantizeRowFunctions<T>> kernels(
        "quantize_row", {{"highway", NeedsSimd<AnyProblem>, HighwayQuantizeRow<T>()},
                         {"reference", NeverDeclines<AnyProblem>, ReferenceQuantizeRow<T>()}});
    return kernels;
}

template const KernelList<AnyProblem, QuantizeRowFunctions<float>>& QuantizeRowKernels();
template const KernelList<AnyProblem, QuantizeRowFunctions<bf16>>& QuantizeRowKernels();
template void QuantizedGemm(const Context&, const GemmArgs<float>&);
template void QuantizedGemm(const Context&, const GemmArgs<bf16>&);

}  // namespace hone
