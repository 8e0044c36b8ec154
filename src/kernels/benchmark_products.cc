// Benchmarks of the matrix products, of every kind of weight.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/benchmark_each.h"
#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/gemm/tile.h"
#include "kernels/gguf_blocks/gguf_blocks.h"
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/int8/int8.h"
#include "kernels/int8/int8_kernels.h"
#include "kernels/nf4/nf4.h"
#include "kernels/packing/packing.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// The forward product of a layer's q, k and v, 1024 tokens at a time, and its panels on their way
// to the backward one.
template <typename T>
void BenchTiles(const Context& context, bool smoke, const std::string& type,
                std::vector<BenchRow>& rows) {
    const int64_t m = smoke ? 7 : 1024, k = smoke ? 40 : 576, n = smoke ? 70 : 960;
    const auto a = Values<T>(m * k);
    const auto weight = Values<float>(n * k);
    PackedMatrix<T> b(k, {n});
    b.SetColumns(0, n, weight.data());
    BenchEach(
        smoke, GemmKernels<T>(), {},
        {"gemm", fmt::format("{} {} x {} x {}", type, m, k, n), "GFLOP/s",
         2.0 * static_cast<double>(m * k * n)},
        std::vector<T>(m * n),
        [&](const auto& functions, std::vector<T>& c) {
            GemmArgs<T> args;
            args.m = m;
            args.a = a.data();
            args.a_stride = k;
            args.b = &b;
            args.c = c.data();
            args.c_stride = n;
            GemmWith<T>(context, functions, std::span(&args, 1));
        },
        rows);
    const auto layout = PackedMatrix<T>::Layout(n, {k});
    BenchEach(
        smoke, PackKernels<T>(), {},
        {"packing", fmt::format("{} {} x {}", type, k, n), "GB/s",
         2.0 * static_cast<double>(b.elements() * static_cast<int64_t>(sizeof(T)))},
        std::vector<T>(layout.elements()),
        [&](const auto& functions, std::vector<T>& panels) {
            context.ParallelFor(static_cast<int64_t>(b.panels().size()), [&](int64_t i, int) {
                const Panel& panel = b.panels()[static_cast<size_t>(i)];
                for (const Panel& out : layout.panels())
                    functions.panel_transposed(
                        b.panel_data(panel) + PackedIndex<T>(out.column, 0, panel.stored),
                        panel.stored, panel.width, out.width, out.stored,
                        &panels[out.offset + PackedIndex<T>(panel.column, 0, out.stored)]);
            });
        },
        rows);
}

}  // namespace

std::vector<BenchRow> BenchGemm(const Context& context, bool smoke) {
    std::vector<BenchRow> rows;
    BenchTiles<bf16>(context, smoke, "bf16", rows);
    BenchTiles<float>(context, smoke, "f32", rows);
    return rows;
}

// The gradient of an adapter's A, rank 16, whose layer has 1536 inputs.
std::vector<BenchRow> BenchGradients(const Context& context, bool smoke) {
    const int64_t tokens = smoke ? 9 : 1024, wide = smoke ? 100 : 1536, thin = 16;
    const auto left = Values<bf16>((tokens + 1) * thin), x = Values<bf16>(tokens * wide);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, ThinGradKernels<bf16>(), {},
        {"thin_grad", fmt::format("bf16 {} x {} x {}", thin, tokens, wide), "GFLOP/s",
         2.0 * static_cast<double>(thin * tokens * wide)},
        std::vector<float>(CeilDivide(wide, kThinColumns) * thin * kThinColumns),
        [&](const auto& functions, std::vector<float>& sums) {
            context.ParallelFor(CeilDivide(wide, kThinColumns), [&](int64_t task, int) {
                const int64_t column = task * kThinColumns;
                functions.run({.tokens = tokens,
                               .left = left.data(),
                               .thin = thin,
                               .stored = thin,
                               .x = &x[column],
                               .x_stride = wide,
                               .columns = std::min(kThinColumns, wide - column),
                               .sums = &sums[task * thin * kThinColumns]});
            });
        },
        rows);
    return rows;
}

// Codes that come from memory, as in a decode step: more panels than the caches hold.
std::vector<BenchRow> BenchQuantizedGemm(const Context& context, bool smoke) {
    const int64_t k = 576, stored = kPanelColumns, panels = smoke ? 2 : 2048;
    const QuantizedTileArgs shape{.stored = kPanelColumns, .k = k, .groups = QuantGroups(k)};
    const auto weight = Values<float>(k * stored), x = Values<float>(kMaxQuantizedRows * k);
    std::vector<int8_t> codes(x.size());
    std::vector<float> scales(kMaxQuantizedRows * shape.groups), sums(scales.size());
    for (int64_t row = 0; row < kMaxQuantizedRows; ++row)
        QuantizeRowKernels<float>().reference().row(k, &x[row * k], &codes[row * k],
                                                    &scales[row * shape.groups],
                                                    &sums[row * shape.groups]);
    std::vector<BenchRow> rows;
    for (WeightStorage storage : {WeightStorage::kInt8, WeightStorage::kInt4}) {
        const int64_t bytes = QuantPanelBytes(storage, k, stored);
        std::vector<uint8_t> b(static_cast<size_t>(panels * bytes));
        QuantizePanel(storage, k, stored, weight.data(), b.data());
        for (int64_t i = 1; i < panels; ++i) std::copy_n(b.data(), bytes, &b[i * bytes]);
        for (int count : {1, kMaxQuantizedRows}) {
            BenchEach(
                smoke, QuantizedGemmKernels(), {},
                {"quantized_gemm",
                 fmt::format("{} {} x {} x {}", storage == WeightStorage::kInt4 ? "int4" : "int8",
                             count, k, panels * stored),
                 "GB/s", static_cast<double>(b.size())},
                std::vector<float>(static_cast<size_t>(panels * count * stored)),
                [&](const auto& functions, std::vector<float>& c) {
                    context.ParallelFor(panels, [&](int64_t i, int) {
                        QuantizedTileArgs tile = shape;
                        tile.storage = storage;
                        tile.rows = count;
                        tile.codes = codes.data();
                        tile.scales = scales.data();
                        tile.sums = sums.data();
                        tile.panel = &b[i * bytes];
                        tile.c = &c[i * count * stored];
                        functions.run(tile);
                    });
                },
                rows);
        }
    }
    return rows;
}

std::vector<BenchRow> BenchNf4(const Context& context, bool smoke) {
    const int64_t blocks = smoke ? 3 : 576 * 3072 / kNf4Block, blocks_per_task = 576;
    std::mt19937 engine(1);
    std::vector<uint8_t> codes(static_cast<size_t>(blocks * kNf4BlockBytes));
    for (uint8_t& code : codes) code = static_cast<uint8_t>(engine());
    const auto absmax = Values<float>(blocks);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, Nf4Kernels<bf16>(), {},
        {"nf4", fmt::format("bf16 {}", blocks * kNf4Block), "GB/s",
         static_cast<double>(blocks * kNf4Block) * 2.5},
        std::vector<bf16>(static_cast<size_t>(blocks * kNf4Block)),
        [&](const auto& functions, std::vector<bf16>& values) {
            context.ParallelFor((blocks + blocks_per_task - 1) / blocks_per_task,
                                [&](int64_t task, int) {
                                    const int64_t begin = task * blocks_per_task;
                                    functions.values(std::min(blocks_per_task, blocks - begin),
                                                     &codes[begin * kNf4BlockBytes], &absmax[begin],
                                                     kNf4Values, &values[begin * kNf4Block]);
                                });
        },
        rows);
    return rows;
}

// Codes of any bits, and scales of one.
std::vector<BenchRow> BenchGgufBlocks(const Context& context, bool smoke) {
    using Functions = GgufBlockFunctions<bf16>;
    struct Type {
        const char* name;
        Functions::Unpack Functions::*unpack;
        int64_t elements, bytes;
        std::vector<int64_t> halves;
    };
    const Type types[] = {
        {"Q4_0", &Functions::q4_0, 32, 18, {0}},      {"Q4_1", &Functions::q4_1, 32, 20, {0, 2}},
        {"Q5_0", &Functions::q5_0, 32, 22, {0}},      {"Q8_0", &Functions::q8_0, 32, 34, {0}},
        {"Q4_K", &Functions::q4_k, 256, 144, {0, 2}}, {"Q5_K", &Functions::q5_k, 256, 176, {0, 2}},
        {"Q6_K", &Functions::q6_k, 256, 210, {208}}};
    constexpr uint16_t kOne = 0x3c00;
    std::mt19937 engine(1);
    std::vector<BenchRow> rows;
    for (const Type& type : types) {
        const int64_t elements = smoke ? 3 * 256 : 576 * 3072, blocks = elements / type.elements,
                      blocks_per_task = 36'864 / type.elements;
        std::vector<uint8_t> bytes(static_cast<size_t>(blocks * type.bytes));
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(engine());
        for (int64_t block = 0; block < blocks; ++block)
            for (int64_t half : type.halves)
                std::memcpy(&bytes[block * type.bytes + half], &kOne, sizeof kOne);
        BenchEach(
            smoke, GgufBlockKernels<bf16>(), {},
            {"gguf_blocks", fmt::format("bf16 {}, {}", elements, type.name), "GB/s",
             static_cast<double>(elements * 2 + blocks * type.bytes)},
            std::vector<bf16>(static_cast<size_t>(elements)),
            [&](const auto& functions, std::vector<bf16>& values) {
                context.ParallelFor(CeilDivide(blocks, blocks_per_task), [&](int64_t task, int) {
                    const int64_t begin = task * blocks_per_task;
                    (functions.*type.unpack)(std::min(blocks_per_task, blocks - begin),
                                             &bytes[begin * type.bytes],
                                             &values[begin * type.elements]);
                });
            },
            rows);
    }
    return rows;
}

// The forward product of a layer's q, k and v, 1024 tokens at a time, from rows to C; and the
// codes' way to the backward one.
std::vector<BenchRow> BenchInt8(const Context& context, bool smoke) {
    const int64_t m = smoke ? 7 : 1024, k = smoke ? 40 : 576, n = smoke ? 70 : 960;
    const auto x = Values<bf16>(m * k);
    const auto values = Values<float>(n * k);
    Int8Matrix weight(k, {n});
    weight.SetRows(0, n, values.data());
    weight.Finish(context);
    std::vector<uint8_t> bytes(static_cast<size_t>(m * weight.row_bytes()));
    std::vector<float> scales(m);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, Int8RowKernels<bf16>(), {},
        {"int8_rows", fmt::format("bf16 {} x {}", m, k), "GB/s", static_cast<double>(m * k) * 3},
        std::vector<float>(m * k),
        [&](const auto& functions, std::vector<float>& codes) {
            ForRows(context, m, k, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r) {
                    const uint32_t bits = functions.largest(k, &x[r * k], nullptr);
                    functions.codes(k, &x[r * k], nullptr, 127 / std::bit_cast<float>(bits),
                                    &bytes[r * k]);
                    codes[r * k] = bytes[r * k];
                }
            });
        },
        rows);
    const Int8Operand b = weight.forward();
    std::fill(scales.begin(), scales.end(), 0.01f);
    BenchEach(
        smoke, Int8TileKernels<bf16>(), {},
        {"int8_gemm", fmt::format("bf16 {} x {} x {}", m, k, n), "GFLOP/s",
         2.0 * static_cast<double>(m * k * n)},
        std::vector<bf16>(m * n),
        [&](const auto& functions, std::vector<bf16>& c) {
            context.ParallelFor(static_cast<int64_t>(b.panels.size()), [&](int64_t i, int) {
                const Panel& panel = b.panels[i];
                Int8TileArgs<bf16> t{.k = b.k, .bytes_stride = b.k};
                t.codes = b.codes + panel.offset;
                t.scales = b.scales + panel.column;
                t.starts = b.starts + panel.column;
                t.tile.width = panel.width;
                t.tile.stored = panel.stored;
                t.tile.c_stride = n;
                for (int64_t row = 0; row < m; row += t.tile.rows) {
                    t.tile.rows =
                        static_cast<int>(std::min<int64_t>(functions.rows(panel.stored), m - row));
                    t.bytes = &bytes[row * b.k];
                    t.row_scales = &scales[row];
                    t.tile.c = &c[row * n + panel.column];
                    functions.run(t);
                }
            });
        },
        rows);
    BenchEach(
        smoke, Int8TransposeKernels(), {},
        {"int8_transpose", fmt::format("{} x {}", b.k, n), "GB/s",
         static_cast<double>(b.k * n) * 2},
        Values<float>(1),
        [&](const auto& functions, std::vector<float>& last) {
            std::vector<int8_t> to(static_cast<size_t>(b.k * kPanelColumns));
            for (const Panel& panel : b.panels) {
                functions.blocks(b.k / 4, panel.stored / 4, b.codes + panel.offset,
                                 panel.stored * 4, to.data(), b.k * 4);
                last[0] = to.back();
            }
        },
        rows);
    return rows;
}

}  // namespace hone
