#include "kernels/int8/int8.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "kernels/int8/int8_kernels.h"
#include "tensor/partition.h"

namespace hone {
namespace {

int64_t RoundUp4(int64_t value) { return CeilDivide(value, 4) * 4; }

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel.
constexpr int64_t kRowsPerTask = 192;

// Magnitudes below count as this one: its 127th part and that one's inverse are normal numbers.
constexpr float kSmallest = 1e-35f;

// The scale of a row whose largest magnitude has these bits, and its inverse; for a row that is
// not finite NaN and zero.
struct Scale {
    float scale = std::numeric_limits<float>::quiet_NaN(), inverse = 0;
    explicit Scale(uint32_t bits) {
        const float largest = std::bit_cast<float>(bits);
        if (!(largest <= std::numeric_limits<float>::max())) return;
        scale = std::max(largest, kSmallest) / 127;
        inverse = 127 / std::max(largest, kSmallest);
    }
};

std::vector<Int8Segment> Segments(const std::vector<int64_t>& counts) {
    std::vector<Int8Segment> segments;
    Int8Segment next;
    for (int64_t count : counts) {
        next.count = count;
        segments.push_back(next);
        next.column += count;
        next.k += RoundUp4(count);
    }
    return segments;
}

int64_t KOf(const std::vector<Int8Segment>& segments) {
    return segments.back().k + RoundUp4(segments.back().count);
}

// One row to `bytes`; returns its scale.
template <typename T>
float QuantizeRow(const Int8RowFunctions<T>& path, std::span<const Int8Segment> segments,
                  const T* x, const float* factor, uint8_t* bytes) {
    const auto factor_at = [&](int64_t column) { return factor ? factor + column : nullptr; };
    uint32_t largest = 0;
    for (const Int8Segment& segment : segments)
        largest = std::max(
            largest, path.largest(segment.count, x + segment.column, factor_at(segment.column)));
    const Scale scale(largest);
    for (const Int8Segment& segment : segments) {
        uint8_t* to = bytes + segment.k;
        const int64_t all = RoundUp4(segment.count);
        if (scale.inverse == 0) {
            std::memset(to, kInt8Zero, static_cast<size_t>(all));
            continue;
        }
        path.codes(segment.count, x + segment.column, factor_at(segment.column), scale.inverse, to);
        std::memset(to + segment.count, kInt8Zero, static_cast<size_t>(all - segment.count));
    }
    return scale.scale;
}

// One panel times a chunk of the rows.
template <typename T>
void RunTask(const Int8TileFunctions<T>& path, const Int8Operand& b, const GemmArgs<T>& args,
             const Int8Scratch& scratch, int64_t task) {
    const auto num_panels = static_cast<int64_t>(b.panels.size());
    const auto index = static_cast<size_t>(task % num_panels);
    const Panel& panel = b.panels[index];
    const int64_t step = path.rows(panel.stored),
                  chunk_rows = RunOfTiles(args.m, kRowsPerTask, step);
    const int64_t begin = task / num_panels * chunk_rows,
                  end = std::min(args.m, begin + chunk_rows);
    Int8TileArgs<T> t;
    t.k = b.k;
    t.bytes_stride = b.k;
    t.codes = b.codes + panel.offset;
    t.scales = b.scales ? b.scales + panel.column : nullptr;
    t.starts = b.starts + panel.column;
    t.tile.width = panel.width;
    t.tile.stored = panel.stored;
    t.tile.bias = args.bias ? args.bias + panel.column : nullptr;
    t.tile.c_stride = args.c_stride;
    t.tile.output = args.output;
    const size_t c_element = args.output == GemmOutput::kStore ? sizeof(T) : sizeof(float);
    for (int64_t row = begin; row < end; row += t.tile.rows) {
        t.tile.rows =
            static_cast<int>(SetExtension(args, index, row, std::min(step, end - row), t.tile));
        t.bytes = scratch.codes + row * b.k;
        t.row_scales = scratch.row_scales + row;
        t.tile.c = static_cast<char*>(args.c) + (row * args.c_stride + panel.column) * c_element;
        path.run(t);
    }
}

template <typename T>
void Product(const Context& context, const Int8Operand& b, std::span<const Int8Segment> segments,
             const float* factor, const GemmArgs<T>& args, const Int8Scratch& scratch) {
    HONE_CHECK(args.b == nullptr && args.b_data == nullptr);
    HONE_CHECK(args.extension.empty() || args.extension.size() == b.panels.size());
    const Int8RowFunctions<T>& rows = Int8RowKernels<T>().Choose({});
    ForRows(context, args.m, b.k, [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row)
            scratch.row_scales[row] = QuantizeRow(rows, segments, args.a + row * args.a_stride,
                                                  factor, scratch.codes + row * b.k);
    });
    const Int8TileFunctions<T>& path = Int8TileKernels<T>().Choose({});
    context.ParallelFor(CeilDivide(args.m, kRowsPerTask) * static_cast<int64_t>(b.panels.size()),
                        [&](int64_t task, int) { RunTask(path, b, args, scratch, task); });
}

}  // namespace

Int8Matrix::Int8Matrix(int64_t in, const std::vector<int64_t>& outs)
    : in_(in), in_segments_(Segments({in})), out_segments_(Segments(outs)) {
    for (int64_t out : outs) out_ += out;
    k_ = KOf(in_segments_);
    back_k_ = KOf(out_segments_);
    HONE_CHECK(k_ <= kInt8MaxK && back_k_ <= kInt8MaxK);
    // A panel's elements are its codes.
    const auto forward = PackedMatrix<float>::Layout(k_, outs),
               backward = PackedMatrix<float>::Layout(back_k_, {in});
    panels_ = forward.panels();
    back_panels_ = backward.panels();
    back_bytes_ = backward.elements();
    codes_ = Buffer::Shared(static_cast<size_t>(forward.elements()));
    scales_.resize(static_cast<size_t>(out_));
    starts_.resize(static_cast<size_t>(out_));
    back_starts_.resize(static_cast<size_t>(in_));
}

int64_t Int8Matrix::row_bytes() const { return std::max(k_, back_k_); }

const Panel& Int8Matrix::PanelOf(int64_t row) const {
    const auto after =
        std::upper_bound(panels_.begin(), panels_.end(), row,
                         [](int64_t value, const Panel& panel) { return value < panel.column; });
    return *(after - 1);
}

int Int8Matrix::Code(int64_t row, int64_t column) const {
    const Panel& panel = PanelOf(row);
    const int8_t* codes = codes_.as<int8_t>() + panel.offset;
    return codes[(column / 4 * panel.stored + row - panel.column) * 4 + column % 4];
}

void Int8Matrix::SetRows(int64_t row, int64_t count, const float* src) {
    HONE_CHECK(row >= 0 && row + count <= out_);
    const Int8RowFunctions<float>& path = Int8RowKernels<float>().Choose({});
    std::vector<uint8_t> bytes(static_cast<size_t>(k_));
    for (int64_t i = row; i < row + count; ++i, src += in_) {
        scales_[i] = QuantizeRow<float>(path, in_segments_, src, nullptr, bytes.data());
        int32_t sum = 0;
        for (uint8_t& byte : bytes) {
            sum += byte - kInt8Zero;
            byte ^= kInt8Zero;  // the same as a signed number
        }
        starts_[i] = -kInt8Zero * sum;
        const Panel& panel = PanelOf(i);
        int8_t* to = codes_.as<int8_t>() + panel.offset + (i - panel.column) * 4;
        for (int64_t k = 0; k < k_; k += 4) std::memcpy(to + k * panel.stored, &bytes[k], 4);
    }
}

void Int8Matrix::Finish(const Context& context) {
    ForColumns(context, in_, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) {
            int32_t sum = 0;
            for (const Panel& panel : panels_) {
                const int8_t* codes = codes_.as<int8_t>() + panel.offset + i / 4 * panel.stored * 4;
                for (int32_t column = 0; column < panel.width; ++column)
                    sum += codes[column * 4 + i % 4];
            }
            back_starts_[i] = -kInt8Zero * sum;
        }
    });
}

Int8Operand Int8Matrix::forward() const {
    return {k_, panels_, codes_.as<int8_t>(), scales_.data(), starts_.data()};
}

Int8Operand Int8Matrix::backward(const int8_t* panels) const {
    return {back_k_, back_panels_, panels, nullptr, back_starts_.data()};
}

void Int8Matrix::FillBackwardPanels(const Context& context, int8_t* panels) const {
    const Int8TransposeFunctions& path = Int8TransposeKernels().Choose({});
    const auto across = static_cast<int64_t>(panels_.size());
    context.ParallelFor(across * static_cast<int64_t>(back_panels_.size()), [&](int64_t task, int) {
        const Panel& to = back_panels_[task / across];
        const Panel& from = panels_[task % across];
        // Where the panel's rows of W lie among the padded ones.
        const auto after = std::upper_bound(
            out_segments_.begin(), out_segments_.end(), from.column,
            [](int64_t column, const Int8Segment& segment) { return column < segment.column; });
        const Int8Segment& segment = *(after - 1);
        const int64_t k = segment.k + from.column - segment.column;
        path.blocks(CeilDivide(to.width, 4), CeilDivide(from.width, 4),
                    codes_.as<int8_t>() + from.offset + to.column * from.stored, from.stored * 4,
                    panels + to.offset + k * to.stored, to.stored * 4);
    });
}

template <typename T>
void Int8Forward(const Context& context, const Int8Matrix& weight, const GemmArgs<T>& args,
                 const Int8Scratch& scratch) {
    Product(context, weight.forward(), weight.in_segments(), nullptr, args, scratch);
}

template <typename T>
void Int8Backward(const Context& context, const Int8Matrix& weight, const GemmArgs<T>& args,
                  const Int8Scratch& scratch) {
    weight.FillBackwardPanels(context, scratch.panels);
    Product(context, weight.backward(scratch.panels), weight.out_segments(), weight.scales().data(),
            args, scratch);
}

template <typename T>
const KernelList<AnyProblem, Int8RowFunctions<T>>& Int8RowKernels() {
    static const KernelList<AnyProblem, Int8RowFunctions<T>> kernels(
        "int8_rows", {{"highway", NeedsSimd<AnyProblem>, HighwayInt8Rows<T>()},
                      {"reference", NeverDeclines<AnyProblem>, ReferenceInt8Rows<T>()}});
    return kernels;
}

const KernelList<AnyProblem, Int8TransposeFunctions>& Int8TransposeKernels() {
    static const KernelList<AnyProblem, Int8TransposeFunctions> kernels(
        "int8_transpose", {{"highway", NeedsSimd<AnyProblem>, HighwayInt8Transpose()},
                           {"reference", NeverDeclines<AnyProblem>, ReferenceInt8Transpose()}});
    return kernels;
}

template <typename T>
const KernelList<AnyProblem, Int8TileFunctions<T>>& Int8TileKernels() {
    static const KernelList<AnyProblem, Int8TileFunctions<T>> kernels("int8_gemm", {
#if defined(__x86_64__)
        // The adapter's part of a tile is in bf16.
        {"avx512_vnni",
         [](const AnyProblem&) {
             const std::string lacks = LacksAvx512Vnni();
             return lacks.empty() ? LacksAvx512Bf16() : lacks;
         },
         Avx512Int8Tile<T>()},
#endif
            {"highway", NeedsSimd<AnyProblem>, HighwayInt8Tile<T>()},
            {"reference", NeverDeclines<AnyProblem>, ReferenceInt8Tile<T>()},
    });
    return kernels;
}

template void Int8Forward(const Context&, const Int8Matrix&, const GemmArgs<float>&,
                          const Int8Scratch&);
template void Int8Forward(const Context&, const Int8Matrix&, const GemmArgs<bf16>&,
                          const Int8Scratch&);
template void Int8Backward(const Context&, const Int8Matrix&, const GemmArgs<float>&,
                           const Int8Scratch&);
template void Int8Backward(const Context&, const Int8Matrix&, const GemmArgs<bf16>&,
                           const Int8Scratch&);
template const KernelList<AnyProblem, Int8RowFunctions<float>>& Int8RowKernels();
template const KernelList<AnyProblem, Int8RowFunctions<bf16>>& Int8RowKernels();
template const KernelList<AnyProblem, Int8TileFunctions<float>>& Int8TileKernels();
template const KernelList<AnyProblem, Int8TileFunctions<bf16>>& Int8TileKernels();

}  // namespace hone
