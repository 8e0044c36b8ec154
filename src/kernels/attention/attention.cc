#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/reduce/reduce.h"

namespace hone {
namespace {

// Queries of one task of the forward pass: enough to pay for packing the keys they see, few enough
// to share one long document among many threads.
constexpr int64_t kQueriesPerTask = 256;
// A last run of fewer is joined to the one before: an implementation may take few queries another
// way, and where a document is cut must not change a bit.
constexpr int64_t kLastQueries = 8;

std::string NeedsEights(const AttentionOptions& options) {
    if (options.D % 8 != 0) return fmt::format("the head size {} is no multiple of 8", options.D);
    if (options.D > 256) return fmt::format("the head size {} is above 256", options.D);
    return LacksSimd();
}

std::string NeedsAvx512Bf16(const AttentionOptions& options) {
    if (std::string why = LacksAvx512Bf16(); !why.empty()) return why;
    return NeedsEights(options);
}

void CheckOptions(const AttentionOptions& options) {
    HONE_CHECK(options.D > 0 && options.KV > 0 && options.H % options.KV == 0 &&
                   options.window >= 0 && options.soft_cap >= 0,
               "attention of {} heads over {} of {}", options.H, options.KV, options.D);
}

struct Task {
    size_t segment;
    int64_t kv_head, first, count;
    double cost;  // scores to compute
};

// Large ones first, so that the threads end together.
void SortByCost(std::vector<Task>& tasks) {
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Task& a, const Task& b) { return a.cost > b.cost; });
}

template <typename T>
void RunForward(const Context& context, const AttentionOptions& options,
                const std::vector<AttentionSegment<T>>& segments) {
    const auto& functions = AttentionKernels<T>().Choose(options);
    std::vector<Task> tasks;
    for (size_t s = 0; s < segments.size(); ++s) {
        const AttentionSegment<T>& segment = segments[s];
        for (int64_t first = 0, count = 0; first < segment.num_queries; first += count) {
            const int64_t left = segment.num_queries - first;
            count = left < kQueriesPerTask + kLastQueries ? left : kQueriesPerTask;
            const double keys =
                static_cast<double>(segment.num_keys - segment.num_queries + first) + 0.5 * count;
            for (int64_t head = 0; head < options.KV; ++head)
                tasks.push_back({s, head, first, count, keys * static_cast<double>(count)});
        }
    }
    SortByCost(tasks);
    context.ParallelFor(static_cast<int64_t>(tasks.size()), [&](int64_t i, int thread) {
        const Task& task = tasks[static_cast<size_t>(i)];
        const AttentionSegment<T>& segment = segments[task.segment];
        const int64_t bytes = functions.forward_scratch(options, segment.num_keys, task.count);
        functions.forward(options, segment, task.kv_head, task.first, task.count,
                          context.Scratch(thread, static_cast<size_t>(bytes)));
    });
}

// The documents of a batch, as segments whose queries and keys are the same tokens.
template <typename T>
std::vector<AttentionSegment<T>> Documents(int64_t M, Heads<const T> q, Heads<const T> k,
                                           Heads<const T> v, std::span<const int32_t> starts,
                                           Heads<T> out, float* lse) {
    HONE_CHECK(!starts.empty() && starts.front() == 0 && starts.back() == M,
               "documents do not cover the {} tokens", M);
    std::vector<AttentionSegment<T>> segments;
    segments.reserve(starts.size());
    for (size_t i = 0; i + 1 < starts.size(); ++i) {
        const int64_t first = starts[i], length = starts[i + 1] - first;
        HONE_CHECK(length >= 0, "document {} ends before it starts", i);
        if (length == 0) continue;
        segments.push_back({{q.data + first * q.stride, q.stride},
                            {k.data + first * k.stride, k.stride},
                            {v.data + first * v.stride, v.stride},
                            {out.data + first * out.stride, out.stride},
                            lse == nullptr ? nullptr : lse + first,
                            M,
                            length,
                            length});
    }
    return segments;
}

// Some keys of a document, with all queries that see them.
struct KeyPiece {
    size_t segment;
    int64_t first, count;  // keys
    int64_t dq;            // where its sums begin, in floats
    double cost;           // scores to compute
};

// Cuts the keys of long documents into pieces of about the same cost: a model has few key heads,
// and one document must keep many threads busy. Each piece has its own sums of the queries'
// gradient.
template <typename T>
std::vector<KeyPiece> CutKeys(const AttentionOptions& options,
                              const std::vector<AttentionSegment<T>>& segments) {
    constexpr int64_t kKeysPerPiece = 1024, kMaxPieces = 4;
    std::vector<KeyPiece> pieces;
    int64_t floats = 0;
    for (size_t s = 0; s < segments.size(); ++s) {
        const int64_t length = segments[s].num_keys;
        const int64_t count = std::clamp<int64_t>(length / kKeysPerPiece, 1, kMaxPieces);
        const bool banded = options.window > 0 && options.window < length;
        for (int64_t i = 0, first = 0; i < count; ++i) {
            // The queries that see a key are those after it, or as many as the window is long.
            const double share = static_cast<double>(i + 1) / static_cast<double>(count);
            const double cut = banded ? share : 1 - std::sqrt(1 - share);
            const int64_t end =
                i + 1 == count ? length
                               : static_cast<int64_t>(cut * static_cast<double>(length)) / 64 * 64;
            pieces.push_back(
                {s, first, end - first, floats,
                 static_cast<double>(end - first) * static_cast<double>(2 * length - first - end)});
            floats += QueryGradient(options, length - first).floats() * options.H;
            first = end;
        }
    }
    return pieces;
}

// The segment from the piece's first key on.
template <typename T>
AttentionSegment<T> From(AttentionSegment<T> segment, const KeyPiece& piece) {
    segment.q.data += piece.first * segment.q.stride;
    segment.k.data += piece.first * segment.k.stride;
    segment.v.data += piece.first * segment.v.stride;
    segment.out.data += piece.first * segment.out.stride;
    segment.lse += piece.first;
    segment.num_queries -= piece.first;
    segment.num_keys = piece.count;
    return segment;
}

// dq (=) of one document: the sums of its pieces, in their order.
template <typename T>
void AddPieces(const Context& context, const AttentionOptions& options, int64_t num_queries,
               std::span<const KeyPiece> pieces, float* sums, Heads<T> dq) {
    constexpr int64_t kRows = 64;
    const auto& reduce = ReduceKernels().Choose({});
    context.ParallelFor((num_queries + kRows - 1) / kRows, [&](int64_t task, int) {
        for (int64_t row = task * kRows; row < std::min(num_queries, (task + 1) * kRows); ++row) {
            for (int64_t h = 0; h < options.H; ++h) {
                float* total = nullptr;
                for (const KeyPiece& piece : pieces) {
                    if (piece.first > row) break;
                    const QueryGradient head(options, num_queries - piece.first);
                    float* sum =
                        sums + piece.dq + h * head.floats() + (row - piece.first) * head.width;
                    if (total == nullptr) {
                        total = sum;
                    } else {
                        reduce.add(options.D, sum, total);
                    }
                }
                T* to = dq.data + row * dq.stride + h * options.D;
                if constexpr (sizeof(T) == 2) {
                    reduce.to_bf16(options.D, total, to);
                } else {
                    std::copy_n(total, options.D, to);
                }
            }
        }
    });
}

}  // namespace

template <>
const KernelList<AttentionOptions, AttentionFunctions<float>>& AttentionKernels() {
    static const KernelList<AttentionOptions, AttentionFunctions<float>> list(
        "attention", {{"highway", NeedsEights, AttentionHighway<float>()},
                      {"reference", NeverDeclines<AttentionOptions>, AttentionReference<float>()}});
    return list;
}

template <>
const KernelList<AttentionOptions, AttentionFunctions<bf16>>& AttentionKernels() {
    static const KernelList<AttentionOptions, AttentionFunctions<bf16>> list(
        "attention", {{"avx512_bf16", NeedsAvx512Bf16, AttentionAvx512Bf16()},
                      {"highway", NeedsEights, AttentionHighway<bf16>()},
                      {"reference", NeverDeclines<AttentionOptions>, AttentionReference<bf16>()}});
    return list;
}

template <typename T>
void AttentionForward(const Context& context, const AttentionOptions& options, int64_t M,
                      Heads<const T> q, Heads<const T> k, Heads<const T> v,
                      std::span<const int32_t> document_starts, Heads<T> out, float* lse) {
    CheckOptions(options);
    RunForward(context, options, Documents(M, q, k, v, document_starts, out, lse));
}

template <typename T>
void AttentionBackward(const Context& context, const AttentionOptions& options, int64_t M,
                       Heads<const T> q, Heads<const T> k, Heads<const T> v,
                       std::span<const int32_t> document_starts, Heads<const T> out,
                       const float* lse, Heads<const T> dout, Heads<T> dq, Heads<T> dk,
                       Heads<T> dv) {
    CheckOptions(options);
    const auto& functions = AttentionKernels<T>().Choose(options);
    // The backward pass only reads out and lse.
    const auto segments =
        Documents(M, q, k, v, document_starts, Heads<T>{const_cast<T*>(out.data), out.stride},
                  const_cast<float*>(lse));
    const std::vector<KeyPiece> pieces = CutKeys(options, segments);
    int64_t floats = 0, scratch_bytes = 0;
    for (const KeyPiece& piece : pieces) {
        const int64_t queries = segments[piece.segment].num_queries - piece.first;
        floats = std::max(floats, piece.dq + QueryGradient(options, queries).floats() * options.H);
        scratch_bytes =
            std::max(scratch_bytes, functions.backward_scratch(options, queries, piece.count));
    }
    // Thread 0's scratch holds all sums; behind them, as in the other threads' own, what a task
    // needs.
    const size_t sums_bytes = static_cast<size_t>(floats) * sizeof(float);
    float* sums =
        static_cast<float*>(context.Scratch(0, sums_bytes + static_cast<size_t>(scratch_bytes)));
    std::vector<Task> tasks;
    for (size_t p = 0; p < pieces.size(); ++p)
        for (int64_t head = 0; head < options.KV; ++head)
            tasks.push_back({p, head, 0, 0, pieces[p].cost});
    SortByCost(tasks);
    context.ParallelFor(static_cast<int64_t>(tasks.size()), [&](int64_t i, int thread) {
        const Task& task = tasks[static_cast<size_t>(i)];
        const KeyPiece& piece = pieces[task.segment];
        const AttentionSegment<T> segment = From(segments[piece.segment], piece);
        const int64_t row = segment.lse - lse;  // of the piece's first token
        const AttentionGradients<T> gradients{{dout.data + row * dout.stride, dout.stride},
                                              {dk.data + row * dk.stride, dk.stride},
                                              {dv.data + row * dv.stride, dv.stride}};
        const QueryGradient heads(options, segment.num_queries);
        float* dq_sums = sums + piece.dq + task.kv_head * (options.H / options.KV) * heads.floats();
        void* scratch = thread == 0 ? static_cast<void*>(sums + floats)
                                    : context.Scratch(thread, static_cast<size_t>(scratch_bytes));
        functions.backward(options, segment, gradients, task.kv_head, dq_sums, scratch);
    });
    for (size_t p = 0; p < pieces.size();) {
        const AttentionSegment<T>& segment = segments[pieces[p].segment];
        size_t end = p + 1;
        while (end < pieces.size() && pieces[end].segment == pieces[p].segment) ++end;
        const int64_t row = segment.lse - lse;
        AddPieces<T>(context, options, segment.num_queries, std::span(pieces).subspan(p, end - p),
                     sums, {dq.data + row * dq.stride, dq.stride});
        p = end;
    }
}

template <typename T>
void AttentionCached(const Context& context, const AttentionOptions& options, Heads<const T> q,
                     std::span<const CachedSequence<T>> sequences, Heads<T> out) {
    CheckOptions(options);
    // Each key head with its query heads is attention by itself.
    AttentionOptions one = options;
    one.H = options.H / options.KV;
    one.KV = 1;
    std::vector<AttentionSegment<T>> segments;
    segments.reserve(sequences.size() * static_cast<size_t>(options.KV));
    for (const CachedSequence<T>& sequence : sequences) {
        HONE_CHECK(sequence.num_new <= sequence.num_keys, "{} new tokens among {} keys",
                   sequence.num_new, sequence.num_keys);
        for (int64_t head = 0; head < options.KV; ++head) {
            const int64_t query = head * one.H * options.D, key = head * sequence.head_stride;
            segments.push_back({{q.data + sequence.first_row * q.stride + query, q.stride},
                                {sequence.k + key, options.D},
                                {sequence.v + key, options.D},
                                {out.data + sequence.first_row * out.stride + query, out.stride},
                                nullptr,
                                0,
                                sequence.num_new,
                                sequence.num_keys});
        }
    }
    RunForward(context, one, segments);
}

#define HONE_INSTANTIATE(T)                                                                    \
    template void AttentionForward<T>(const Context&, const AttentionOptions&, int64_t,        \
                                      Heads<const T>, Heads<const T>, Heads<const T>,          \
                                      std::span<const int32_t>, Heads<T>, float*);             \
    template void AttentionBackward<T>(const Context&, const AttentionOptions&, int64_t,       \
                                       Heads<const T>, Heads<const T>, Heads<const T>,         \
                                       std::span<const int32_t>, Heads<const T>, const float*, \
                                       Heads<const T>, Heads<T>, Heads<T>, Heads<T>);          \
    template void AttentionCached<T>(const Context&, const AttentionOptions&, Heads<const T>,  \
                                     std::span<const CachedSequence<T>>, Heads<T>);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
