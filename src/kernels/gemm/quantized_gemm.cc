#include "kernels/gemm/quantized_gemm.h"

#include <algorithm>

#include "kernels/gemm/quantized_panel.h"
#include "kernels/reduce/reduce.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel.
constexpr int64_t kRowsPerTask = 192;

// Quantized rows.
struct QuantizedRows {
    int64_t groups = 0;       // of a row
    int8_t* codes = nullptr;  // [rows][groups * 32]
    float* scales = nullptr;  // [rows][groups]
    float* sums = nullptr;    // [rows][groups]

    static size_t Bytes(int64_t rows, int64_t groups) {
        return static_cast<size_t>(rows * groups) * (kQuantGroup + 2 * sizeof(float));
    }
    QuantizedRows(int64_t rows, int64_t groups, void* memory) : groups(groups) {
        scales = static_cast<float*>(memory);
        sums = scales + rows * groups;
        codes = reinterpret_cast<int8_t*>(sums + rows * groups);
    }
    template <typename T>
    void Set(int64_t row, int64_t group, int64_t k, const T* x) const {
        const int64_t at = row * groups + group;
        QuantizeRowKernels<T>().Choose({}).row(k, x, codes + at * kQuantGroup, scales + at,
                                               sums + at);
    }
    // As a tile's A, from that row and group on.
    void Give(QuantizedTileArgs& tile, int64_t row, int64_t group) const {
        const int64_t at = row * groups + group;
        tile.groups = groups;
        tile.codes = codes + at * kQuantGroup;
        tile.scales = scales + at;
        tile.sums = sums + at;
    }
};

template <typename T>
class QuantizedProduct {
  public:
    QuantizedProduct(const Context& context, const GemmArgs<T>& args)
        : args_(args), panels_(args.b->panels()) {
        HONE_CHECK(args.extension.empty());
        int64_t h_groups = 0;
        for (const RowsExtension<T>& run : args.row_extensions) {
            HONE_CHECK(run.a_codes != nullptr && !run.layers.empty());
            const LayerExtension& last = run.layers.back();
            h_groups = std::max(h_groups, last.h_group + QuantGroups(last.k));
            h_columns_ = std::max(h_columns_, run.h_columns);
            next_bytes_ += static_cast<int64_t>(run.read_next.size());
        }
        const int64_t groups = QuantGroups(args.b->k());
        const size_t a_bytes = QuantizedRows::Bytes(args.m, groups),
                     h_bytes = QuantizedRows::Bytes(args.m, h_groups);
        char* scratch = static_cast<char*>(context.Scratch(
            0, a_bytes + h_bytes + static_cast<size_t>(args.m * h_columns_) * sizeof(float)));
        a_ = {args.m, groups, scratch};
        h_ = {args.m, h_groups, scratch + a_bytes};
        h_values_ = reinterpret_cast<float*>(scratch + a_bytes + h_bytes);
    }

    // Quantizes up to kMaxQuantizedRows rows, and multiplies them with the A's of their extensions.
    void Prepare(int64_t first, int64_t count) const {
        for (int64_t row = first; row < first + count; ++row)
            a_.Set(row, 0, args_.b->k(), args_.a + row * args_.a_stride);
        ForRuns(first, count, [&](const RowsExtension<T>& run, int64_t begin, int64_t end) {
            MakeHidden(run, begin, end - begin);
        });
    }

    // Up to kMaxQuantizedRows rows of C in one panel.
    void RunTile(size_t index, int64_t row, int64_t rows) const {
        const Panel& panel = panels_[index];
        alignas(64) float sums[kMaxQuantizedRows * kPanelColumns] = {};
        if (args_.bias != nullptr)
            for (int64_t r = 0; r < rows; ++r)
                std::copy_n(args_.bias + panel.column, panel.width, sums + r * kPanelColumns);
        std::span<const uint8_t> ahead[kMostAhead];
        QuantizedTileArgs tile;
        tile.storage = args_.b->storage();
        tile.rows = static_cast<int>(rows);
        tile.stored = panel.stored;
        tile.k = args_.b->k();
        tile.panel = args_.b->panel_codes(panel);
        tile.c = sums;
        tile.ahead = {ahead, ListAhead(index, row, rows, ahead)};
        a_.Give(tile, row, 0);
        path_.run(tile);
        tile.storage = WeightStorage::kInt8;
        tile.prefetched = true;
        tile.ahead = {};
        ForRuns(row, rows, [&](const RowsExtension<T>& run, int64_t begin, int64_t end) {
            const LayerExtension* layer = LayerOf(run, panel);
            if (layer == nullptr) return;
            tile.rows = static_cast<int>(end - begin);
            tile.k = layer->k;
            tile.panel = PanelOf(*layer, panel).data();
            tile.c = sums + (begin - row) * kPanelColumns;
            h_.Give(tile, begin, layer->h_group);
            path_.run(tile);
        });
        Store(panel, row, rows, sums);
    }

  private:
    static constexpr size_t kMostAhead = 2 * kMaxQuantizedRows;

    // body(run, begin, end) for the runs that have rows [begin, end) of these.
    template <typename Body>
    void ForRuns(int64_t first, int64_t count, const Body& body) const {
        for (const RowsExtension<T>& run : args_.row_extensions) {
            const int64_t begin = std::max(first, run.first),
                          end = std::min(first + count, run.first + run.count);
            if (begin < end) body(run, begin, end);
        }
    }

    static const LayerExtension* LayerOf(const RowsExtension<T>& run, const Panel& panel) {
        for (const LayerExtension& layer : run.layers)
            if (layer.column <= panel.column && panel.column < layer.column + layer.width)
                return &layer;
        return nullptr;
    }
    // All panels of a layer before its last are full.
    static std::span<const uint8_t> PanelOf(const LayerExtension& layer, const Panel& panel) {
        constexpr auto kStorage = WeightStorage::kInt8;
        return {layer.codes + QuantPanelBytes(kStorage, layer.k, panel.column - layer.column),
                static_cast<size_t>(QuantPanelBytes(kStorage, layer.k, panel.stored))};
    }

    // Quantizes up to kMaxQuantizedRows rows of H.
    void MakeHidden(const RowsExtension<T>& run, int64_t row, int64_t rows) const {
        QuantizedTileArgs tile;
        tile.storage = WeightStorage::kInt8;
        tile.prefetched = true;
        tile.rows = static_cast<int>(rows);
        tile.k = args_.b->k();
        a_.Give(tile, row, 0);
        for (int64_t column = 0; column < run.h_columns; column += kPanelColumns) {
            const int64_t width = std::min<int64_t>(kPanelColumns, run.h_columns - column);
            alignas(64) float sums[kMaxQuantizedRows * kPanelColumns];
            std::fill_n(sums, rows * kPanelColumns, 0.0f);
            tile.stored = static_cast<int>(CeilDivide(width, 16) * 16);
            tile.panel = run.a_codes + QuantPanelBytes(WeightStorage::kInt8, tile.k, column);
            tile.c = sums;
            path_.run(tile);
            for (int64_t r = 0; r < rows; ++r)
                std::copy_n(sums + r * kPanelColumns, width,
                            h_values_ + (row + r) * h_columns_ + column);
        }
        for (const LayerExtension& layer : run.layers) {
            for (int64_t r = row; r < row + rows; ++r) {
                h_.Set(r, layer.h_group, layer.k, h_values_ + r * h_columns_ + layer.h_column);
                float* scales = h_.scales + r * h_.groups + layer.h_group;
                for (int64_t g = 0; g < QuantGroups(layer.k); ++g) scales[g] *= layer.h_scale;
            }
        }
    }

    // The memory that is read after this tile, which it prefetches: the B's of its rows'
    // extensions, and its share of what is read after the product. The panels of a thread prefetch
    // what the same thread will read. Returns the number of ranges.
    size_t ListAhead(size_t index, int64_t row, int64_t rows,
                     std::span<const uint8_t> (&ahead)[kMostAhead]) const {
        size_t count = 0;
        ForRuns(row, rows, [&](const RowsExtension<T>& run, int64_t, int64_t) {
            const LayerExtension* layer = LayerOf(run, panels_[index]);
            if (layer != nullptr) ahead[count++] = PanelOf(*layer, panels_[index]);
        });
        if (row > 0) return count;
        const int64_t panels = static_cast<int64_t>(panels_.size()),
                      number = static_cast<int64_t>(index);
        int64_t begin = next_bytes_ * number / panels, end = next_bytes_ * (number + 1) / panels;
        for (const RowsExtension<T>& run : args_.row_extensions) {
            const int64_t size = static_cast<int64_t>(run.read_next.size()),
                          from = std::max<int64_t>(begin, 0), to = std::min(end, size);
            if (from < to && count < kMostAhead)
                ahead[count++] = run.read_next.subspan(static_cast<size_t>(from),
                                                       static_cast<size_t>(to - from));
            begin -= size;
            end -= size;
        }
        return count;
    }

    void Store(const Panel& panel, int64_t row, int64_t rows, const float* sums) const {
        for (int64_t r = 0; r < rows; ++r) {
            const float* from = sums + r * kPanelColumns;
            const int64_t at = (row + r) * args_.c_stride + panel.column;
            if (args_.output == GemmOutput::kAddF32) {
                reduce_.add(panel.width, from, static_cast<float*>(args_.c) + at);
            } else if (args_.output == GemmOutput::kStoreF32 || sizeof(T) == sizeof(float)) {
                std::copy_n(from, panel.width, static_cast<float*>(args_.c) + at);
            } else {
                reduce_.to_bf16(panel.width, from, static_cast<bf16*>(args_.c) + at);
            }
        }
    }

    const GemmArgs<T>& args_;
    const std::vector<Panel>& panels_;
    const QuantizedTileFunctions& path_ = QuantizedGemmKernels().Choose({});
    const ReduceFunctions& reduce_ = ReduceKernels().Choose({});
    QuantizedRows a_{0, 0, nullptr}, h_{0, 0, nullptr};
    float* h_values_ = nullptr;  // [m, h_columns] H before it is quantized
    int64_t h_columns_ = 0;
    int64_t next_bytes_ = 0;  // of all read_next
};

}  // namespace

template <typename T>
void QuantizedGemm(const Context& context, const GemmArgs<T>& args) {
    const QuantizedProduct<T> product(context, args);
    // Few rows one by one, many by tiles.
    const int64_t rows = std::clamp<int64_t>(args.m / 16, 1, kMaxQuantizedRows);
    context.ParallelFor(CeilDivide(args.m, rows), [&](int64_t task, int) {
        product.Prepare(task * rows, std::min(rows, args.m - task * rows));
    });
    const int64_t panels = static_cast<int64_t>(args.b->panels().size());
    context.ParallelFor(CeilDivide(args.m, kRowsPerTask) * panels, [&](int64_t task, int) {
        const int64_t begin = task / panels * kRowsPerTask,
                      end = std::min(args.m, begin + kRowsPerTask);
        for (int64_t row = begin; row < end; row += kMaxQuantizedRows)
            product.RunTile(static_cast<size_t>(task % panels), row,
                            std::min<int64_t>(kMaxQuantizedRows, end - row));
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
