#include "kernels/benchmark.h"

#include <algorithm>

#include "kernels/activation/activation.h"
#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/benchmark_each.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/dropout/dropout.h"
#include "kernels/embedding/embedding.h"
#include "kernels/reduce/reduce.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rope/rope.h"
#include "tensor/partition.h"

namespace hone {

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
                    functions.row({n, D, D}, &x[r * stride], &cosine[r * D / 2], &sine[r * D / 2],
                                  1.0f);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchActivation(const Context& context, bool smoke) {
    const int64_t M = smoke ? 5 : 2048, F = 1536;
    const auto gate_up = Values<bf16>(M * 2 * F), dact = Values<bf16>(M * F);
    const std::string shape = fmt::format("bf16 {} x {}", M, F);
    const double elements = static_cast<double>(M * F);
    std::vector<bf16> act(M * F);
    std::vector<BenchRow> rows;
    BenchEach(
        smoke, ActivationKernels<bf16>(), {}, {"activation forward", shape, "GB/s", elements * 6},
        act,
        [&](const auto& functions, std::vector<bf16>& out) {
            ForRows(context, M, F, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.forward({}, F, &gate_up[r * 2 * F], &out[r * F]);
            });
        },
        rows);
    BenchEach(
        smoke, ActivationKernels<bf16>(), {}, {"activation backward", shape, "GB/s", elements * 12},
        std::vector<bf16>(M * 2 * F),
        [&](const auto& functions, std::vector<bf16>& dgate_up) {
            ForRows(context, M, F, [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r)
                    functions.backward({}, F, &gate_up[r * 2 * F], &dact[r * F],
                                       &dgate_up[r * 2 * F], &act[r * F]);
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
                        [&](int64_t i, int64_t count) { functions.add(count, &x[i], &y[i]); });
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
                functions.drop({.n = count,
                                .index = static_cast<uint32_t>(i),
                                .first_key = 1,
                                .second_key = 2,
                                .threshold = 0x20000000u,
                                .scale = 1.14f},
                               &x[i], &y[i]);
            });
        },
        rows);
    return rows;
}

std::vector<BenchRow> BenchKernels(const Context& context, bool smoke) {
    std::vector<BenchRow> rows;
    for (auto* bench : {BenchAttention, BenchRmsNorm, BenchRope, BenchActivation, BenchCrossEntropy,
                        BenchEmbedding, BenchAdamW, BenchReduce, BenchDropout, BenchGemm,
                        BenchGradients, BenchQuantizedGemm, BenchNf4, BenchGgufBlocks, BenchInt8})
        for (BenchRow& row : bench(context, smoke)) rows.push_back(std::move(row));
    return rows;
}

}  // namespace hone
