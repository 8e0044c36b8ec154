#include "kernels/benchmark.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "base/clock.h"
#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/dropout/dropout.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/int8/int8.h"
#include "kernels/int8/int8_kernels.h"
#include "kernels/nf4/nf4.h"
#include "kernels/partition.h"
#include "kernels/reduce/reduce.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"

namespace hone {
namespace {

template <typename T>
std::vector<T> Values(int64_t n) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    std::vector<T> values(static_cast<size_t>(n));
    for (T& value : values) value = FromFloat<T>(normal(engine));
    return values;
}

// Seconds of the best run of at least three and about a fifth of a second; one run when `smoke`.
template <typename Run>
double BestSeconds(bool smoke, const Run& run) {
    double best = INFINITY;
    const double start = NowSeconds();
    for (int i = 0; i < (smoke ? 1 : 3) || (!smoke && NowSeconds() - start < 0.2); ++i) {
        const double before = NowSeconds();
        run();
        best = std::min(best, NowSeconds() - before);
    }
    return best;
}

template <typename T>
double Error(const std::vector<T>& actual, const std::vector<T>& expected) {
    double worst = 0, largest = 1e-30;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double difference =
            std::abs(static_cast<double>(ToFloat(actual[i])) - ToFloat(expected[i]));
        worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
        largest = std::max(largest, std::abs(static_cast<double>(ToFloat(expected[i]))));
    }
    return worst / largest;
}

// What one benchmark measures: `amount` is FLOP or bytes of one run.
struct Work {
    std::string op, shape, unit;
    double amount;
};

// Times run(functions, &result) for every implementation of the list; result is a vector that is
// reset to `start` first and compared with the reference's afterwards.
template <typename Problem, typename Functions, typename T, typename Run>
void BenchEach(bool smoke, const KernelList<Problem, Functions>& list, const Problem& problem,
               const Work& work, const std::vector<T>& start, const Run& run,
               std::vector<BenchRow>& rows) {
    std::vector<T> expected = start;
    run(list.reference(), expected);
    std::string declined;
    for (const auto& kernel : list.kernels()) {
        if (std::string why = kernel.declines(problem); !why.empty()) {
            declined += fmt::format("{}{}: {}", declined.empty() ? "" : "; ", kernel.name, why);
            continue;
        }
        std::vector<T> result = start;
        run(kernel.functions, result);
        const double error = Error(result, expected);
        const double seconds = BestSeconds(smoke, [&] { run(kernel.functions, result); });
        rows.push_back({work.op, std::string(kernel.name), work.shape, seconds,
                        work.amount / seconds / 1e9, work.unit, error, declined});
    }
}

}  // namespace

std::vector<BenchRow> BenchRmsNorm(const Context& context, bool smoke) {
    const int64_t M = smoke ? 5 : 2048, C = 576;
    const auto x = Values<float>(M * C), weight = Values<float>(C), dy = Values<float>(M * C);
    const auto xhat = Values<bf16>(M * C), y = std::vector<bf16>(M * C);
    std::vector<bf16> xhat_out(M * C), dx_t(M * C);
    std::vector<float> rstd(M, 0.5f);
    const std::string shape = fmt::format("bf16 {} x {}", M, C);
    const double elements = static_cast<double>(M * C);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, RmsNormKernels<bf16>(), {}, {"rmsnorm forward", shape, "GB/s", elements * 8}, y,
        [&](const auto& functions, std::vector<bf16>& out) {
            ForRows(context, M, C, [&](int64_t r, int64_t n) {
                functions.forward(n, C, &x[r * C], weight.data(), 1e-5f, &xhat_out[r * C],
                                  &out[r * C], &rstd[r]);
            });
        },
        rows);
    BenchEach(
        smoke, RmsNormKernels<bf16>(), {}, {"rmsnorm backward", shape, "GB/s", elements * 16},
        std::vector<float>(M * C),
        [&](const auto& functions, std::vector<float>& dx) {
            ForRows(context, M, C, [&](int64_t r, int64_t n) {
                functions.backward(n, C, &dy[r * C], &xhat[r * C], weight.data(), &rstd[r],
                                   &dx[r * C], &dx_t[r * C]);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchRope(const Context& context, bool smoke) {
    const int64_t M = smoke ? 5 : 2048, n = 12, D = 64, stride = 15 * D;
    const auto cosine = Values<float>(M * D / 2), sine = Values<float>(M * D / 2);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, RopeKernels<bf16>(), {},
        {"rope", fmt::format("bf16 {} x {} heads of {}", M, n, D), "GB/s",
         static_cast<double>(M * n * D) * 4},
        Values<bf16>(M * stride),
        [&](const auto& functions, std::vector<bf16>& x) {
            ForRows(context, M, n * D, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.row(n, D, &x[r * stride], &cosine[r * D / 2], &sine[r * D / 2], 1.0f);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchSwiglu(const Context& context, bool smoke) {
    const int64_t M = smoke ? 5 : 2048, F = 1536;
    const auto gate_up = Values<bf16>(M * 2 * F), dact = Values<bf16>(M * F);
    const std::string shape = fmt::format("bf16 {} x {}", M, F);
    const double elements = static_cast<double>(M * F);
    std::vector<bf16> act(M * F);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, SwigluKernels<bf16>(), {}, {"swiglu forward", shape, "GB/s", elements * 6}, act,
        [&](const auto& functions, std::vector<bf16>& out) {
            ForRows(context, M, F, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.forward(F, &gate_up[r * 2 * F], &out[r * F]);
            });
        },
        rows);
    BenchEach(
        smoke, SwigluKernels<bf16>(), {}, {"swiglu backward", shape, "GB/s", elements * 12},
        std::vector<bf16>(M * 2 * F),
        [&](const auto& functions, std::vector<bf16>& dgate_up) {
            ForRows(context, M, F, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.backward(F, &gate_up[r * 2 * F], &dact[r * F], &dgate_up[r * 2 * F],
                                       &act[r * F]);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchAttention(const Context& context, bool smoke) {
    const int64_t documents = smoke ? 1 : 4, length = smoke ? 70 : 512, M = documents * length;
    const AttentionOptions options{.H = 9, .KV = 3, .D = 64, .scale = 0.125f};
    const int64_t stride = (options.H + 2 * options.KV) * options.D, width = options.H * options.D;
    const auto qkv = Values<bf16>(M * stride), dout = Values<bf16>(M * width);
    const Heads<const bf16> q{qkv.data(), stride}, k{qkv.data() + width, stride},
        v{qkv.data() + width + options.KV * options.D, stride};
    const std::string shape = fmt::format("bf16 {} x {}, {} heads over {} of {}", documents, length,
                                          options.H, options.KV, options.D);
    // Causal: half of the two products of length x length.
    const double flop = 2.0 * static_cast<double>(M * (length + 1) * width);
    std::vector<float> lse(options.H * M);
    std::vector<bf16> out(M * width);
    const auto segment = [&](std::vector<bf16>& to, int64_t document) {
        const auto at = [&](auto heads) {
            return decltype(heads){heads.data + document * length * heads.stride, heads.stride};
        };
        return AttentionSegment<bf16>{
            at(q), at(k),  at(v), at(Heads<bf16>{to.data(), width}), lse.data() + document * length,
            M,     length, length};
    };
    const auto forward = [&](const AttentionFunctions<bf16>& functions, std::vector<bf16>& to) {
        const size_t bytes =
            static_cast<size_t>(functions.forward_scratch(options, length, length));
        context.ParallelFor(documents * options.KV, [&](int64_t i, int thread) {
            functions.forward(options, segment(to, i / options.KV), i % options.KV, 0, length,
                              context.Scratch(thread, bytes));
        });
    };
    const auto backward = [&](const AttentionFunctions<bf16>& functions, std::vector<bf16>& dqkv) {
        const int64_t group = options.H / options.KV;
        const QueryGradient head(options, length);
        const size_t sums_bytes = static_cast<size_t>(group * head.floats()) * sizeof(float);
        const size_t bytes =
            sums_bytes + static_cast<size_t>(functions.backward_scratch(options, length, length));
        context.ParallelFor(documents * options.KV, [&](int64_t i, int thread) {
            const int64_t row = i / options.KV * length, kv_head = i % options.KV;
            bf16* d = dqkv.data() + row * stride;
            char* scratch = static_cast<char*>(context.Scratch(thread, bytes));
            float* dq = reinterpret_cast<float*>(scratch);
            functions.backward(options, segment(out, i / options.KV),
                               {{dout.data() + row * width, width},
                                {d + width, stride},
                                {d + width + options.KV * options.D, stride}},
                               kv_head, dq, scratch + sums_bytes);
            for (int64_t h = 0; h < group; ++h)
                for (int64_t r = 0; r < length; ++r)
                    ReduceKernels().Choose({}).to_bf16(
                        options.D, dq + h * head.floats() + r * head.width,
                        d + r * stride + (kv_head * group + h) * options.D);
        });
    };
    std::vector<BenchRow> rows;
    const auto& list = AttentionKernels<bf16>();
    BenchEach(smoke, list, options, {"attention forward", shape, "GFLOP/s", flop}, out, forward,
              rows);
    forward(list.reference(), out);
    BenchEach(smoke, list, options, {"attention backward", shape, "GFLOP/s", 2.5 * flop},
              std::vector<bf16>(M * stride), backward, rows);
    return rows;
}

std::vector<BenchRow> BenchCrossEntropy(const Context& context, bool smoke) {
    const int64_t M = smoke ? 3 : 128, V = smoke ? 1000 : 49152;
    std::vector<BenchRow> rows;
    // From logits to f32 gradients; later runs start from those, which takes the same time.
    BenchEach(
        smoke, CrossEntropyKernels(), {},
        {"cross_entropy", fmt::format("f32 {} x {}", M, V), "GB/s",
         static_cast<double>(M * V) * 12},
        Values<float>(M * V),
        [&](const auto& functions, std::vector<float>& logits) {
            context.ParallelFor(M, [&](int64_t r, int) {
                const CrossEntropyStats stats = functions.stats(V, &logits[r * V], 0);
                functions.gradient_f32(V, &logits[r * V], 0, static_cast<float>(stats.log_sum), r,
                                       1);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchEmbedding(const Context& context, bool smoke) {
    const int64_t M = smoke ? 5 : 2048, C = 576, V = smoke ? 10 : 4096;
    const auto table = Values<bf16>(V * C);
    std::vector<int32_t> tokens(M);
    for (int64_t r = 0; r < M; ++r) tokens[r] = static_cast<int32_t>(r * 7919 % V);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, EmbeddingKernels<bf16>(), {},
        {"embedding forward", fmt::format("bf16 {} x {}", M, C), "GB/s",
         static_cast<double>(M * C) * 6},
        std::vector<float>(M * C),
        [&](const auto& functions, std::vector<float>& x) {
            ForRows(context, M, C, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.row(C, &table[tokens[r] * C], &x[r * C]);
            });
        },
        rows);
    const auto dx = Values<float>(M * C);
    BenchEach(
        smoke, EmbeddingKernels<float>(), {},
        {"embedding backward", fmt::format("f32 {} x {}", M, C), "GB/s",
         static_cast<double>(M * C) * 12},
        std::vector<float>(V * C),
        [&](const auto& functions, std::vector<float>& dtable) {
            ForColumns(context, C, [&](int64_t c, int64_t count) {
                functions.scatter(M, C, count, tokens.data(), &dx[c], &dtable[c]);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchAdamW(const Context& context, bool smoke) {
    const int64_t n = smoke ? 1000 : 4'884'480;  // LoRA of rank 16 on every linear layer
    const auto gradient = Values<float>(n);
    const AdamWFactors factors{1.0f, 0.999f, 0.999f, 1e-8f, 0.1f, 0.001f, 1e-3f, 1.5f};
    std::vector<float> start(3 * n);  // values, m, v
    std::copy(gradient.begin(), gradient.end(), start.begin());
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, AdamWKernels(), {},
        {"adamw", fmt::format("f32 {}", n), "GB/s", static_cast<double>(n) * 28}, start,
        [&](const auto& functions, std::vector<float>& state) {
            ForElements(context, n, [&](int64_t i, int64_t count) {
                functions.range(count, factors, &gradient[i], &state[i], &state[n + i],
                                &state[2 * n + i]);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchReduce(const Context& context, bool smoke) {
    const int64_t n = smoke ? 1000 : 2048 * 1536;
    const auto x = Values<float>(n);
    const std::string shape = fmt::format("f32 {}", n);
    const double elements = static_cast<double>(n);
    std::vector<BenchRow> rows;
    const auto& list = ReduceKernels();
    BenchEach(
        smoke, list, {}, {"sum of squares", shape, "GB/s", elements * 4},
        std::vector<float>((n + kElementsPerTask - 1) / kElementsPerTask),
        [&](const auto& functions, std::vector<float>& sums) {
            ForElements(context, n, [&](int64_t i, int64_t count) {
                sums[i / kElementsPerTask] =
                    static_cast<float>(functions.sum_of_squares(count, &x[i]));
            });
        },
        rows);
    BenchEach(
        smoke, list, {}, {"add", shape, "GB/s", elements * 12}, std::vector<float>(n),
        [&](const auto& functions, std::vector<float>& y) {
            ForElements(context, n,
                        [&](int64_t i, int64_t count) { functions.add_f32(count, &x[i], &y[i]); });
        },
        rows);
    BenchEach(
        smoke, list, {}, {"cast to bf16", shape, "GB/s", elements * 6}, std::vector<bf16>(n),
        [&](const auto& functions, std::vector<bf16>& y) {
            ForElements(context, n,
                        [&](int64_t i, int64_t count) { functions.to_bf16(count, &x[i], &y[i]); });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchDropout(const Context& context, bool smoke) {
    const int64_t n = smoke ? 1000 : 2048 * 576;
    const auto x = Values<bf16>(n);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, DropoutKernels<bf16>(), {},
        {"dropout", fmt::format("bf16 {}", n), "GB/s", static_cast<double>(n) * 4}, x,
        [&](const auto& functions, std::vector<bf16>& y) {
            ForElements(context, n, [&](int64_t i, int64_t count) {
                functions.range(count, static_cast<uint32_t>(i), {1, 2}, 0x20000000u, 1.14f, &x[i],
                                &y[i]);
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
                                                     &values[begin * kNf4Block]);
                                });
        },
        rows);
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

std::vector<BenchRow> BenchKernels(const Context& context, bool smoke) {
    std::vector<BenchRow> rows;
    for (auto* bench :
         {BenchAttention, BenchRmsNorm, BenchRope, BenchSwiglu, BenchCrossEntropy, BenchEmbedding,
          BenchAdamW, BenchReduce, BenchDropout, BenchQuantizedGemm, BenchNf4, BenchInt8})
        for (BenchRow& row : bench(context, smoke)) rows.push_back(std::move(row));
    return rows;
}

}  // namespace hone
