// Causal scaled dot-product attention over documents, tiled so that no T x T matrix exists (Dao et
// al., "FlashAttention", 2022; "FlashAttention-2", 2023), with grouped queries, a sliding window
// and a soft cap.
//
// T is float or bf16. Scores, the softmax and all sums are f32; with bf16 the probabilities and the
// gradients of the scores are rounded to bf16 where they enter a product. Work is cut by shapes
// alone and sums run in a fixed order: the same bits on any number of threads.
#pragma once

#include <span>

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct AttentionOptions {
    int64_t H = 0;  // query heads
    int64_t KV =
        0;  // key and value heads; H is a multiple of KV, query head h reads key head h / (H / KV)
    int64_t D = 0;       // size of a head
    float scale = 1;     // of the scores, usually 1 / sqrt(D)
    int64_t window = 0;  // a query sees itself and the window - 1 tokens before it; 0: no limit
    float soft_cap = 0;  // score = soft_cap * tanh(score / soft_cap); 0: none
};

// Rows of a tensor of heads: row r starts at data + r * stride, its heads follow one another, D
// elements each.
template <typename T>
struct Heads {
    T* data = nullptr;
    int64_t stride = 0;
};

// q, k, v rows [M] -> out rows [M] (=), lse f32 [H, M] (=; natural logarithm of the sum of
// exp(score); nullptr: not wanted). document_starts: D + 1 numbers from 0 to M; a token sees the
// tokens of its document up to itself. out aliases nothing.
template <typename T>
void AttentionForward(const Context& context, const AttentionOptions& options, int64_t M,
                      Heads<const T> q, Heads<const T> k, Heads<const T> v,
                      std::span<const int32_t> document_starts, Heads<T> out, float* lse);

// From the forward pass's inputs and outputs and dout: dq, dk, dv (=). dq, dk, dv may be parts of
// one buffer, none of which aliases an input.
template <typename T>
void AttentionBackward(const Context& context, const AttentionOptions& options, int64_t M,
                       Heads<const T> q, Heads<const T> k, Heads<const T> v,
                       std::span<const int32_t> document_starts, Heads<const T> out,
                       const float* lse, Heads<const T> dout, Heads<T> dq, Heads<T> dk,
                       Heads<T> dv);

// Keys that implementations take together: those of a prompt's tokens begin at a multiple of that.
// So without its first keys, where no query sees these and their number is a multiple, a sequence
// of a decoding batch has the same bits.
inline constexpr int64_t kAttentionTile = 64;

// One sequence of a decoding batch: its num_new tokens' queries are rows [first_row, first_row +
// num_new) of q and out; its keys and values, those of the new tokens included, are the first
// num_keys rows of its cache. The cache keeps each head by itself, its rows one after the other:
// a head is read on its own, and from memory.
template <typename T>
struct CachedSequence {
    int64_t first_row = 0;
    int64_t num_new = 0;
    int64_t num_keys = 0;     // >= num_new; the last num_new of them are the new tokens
    const T* k = nullptr;     // [KV, head_stride], of each head the first num_keys * D elements
    const T* v = nullptr;     // likewise
    int64_t head_stride = 0;  // elements from head to head
};

// Attention of new tokens over their caches -> out (=).
template <typename T>
void AttentionCached(const Context& context, const AttentionOptions& options, Heads<const T> q,
                     std::span<const CachedSequence<T>> sequences, Heads<T> out);

// --- For implementations.

// A run of consecutive tokens of one document and the keys that they may see: query i has position
// num_keys - num_queries + i among the keys.
template <typename T>
struct AttentionSegment {
    Heads<const T> q, k, v;  // from the segment's first query and the document's first key on
    Heads<T> out;
    float* lse = nullptr;  // of the first query; head h's at lse + h * lse_stride
    int64_t lse_stride = 0;
    int64_t num_queries = 0;
    int64_t num_keys = 0;
};

// From the segment's first token on.
template <typename T>
struct AttentionGradients {
    Heads<const T> dout;
    Heads<T> dk, dv;
};

// The gradient of the queries of one head is summed in f32. It has a row for each query, their
// number rounded up to 64, and each row has D elements, rounded up to 16.
struct QueryGradient {
    int64_t rows, width;
    QueryGradient(const AttentionOptions& options, int64_t num_queries)
        : rows((num_queries + 63) / 64 * 64), width((options.D + 15) / 16 * 16) {}
    int64_t floats() const { return rows * width; }
};

template <typename T>
struct AttentionFunctions {
    // The query heads of one key head, for queries [first, first + count) of the segment. `scratch`
    // has the bytes that forward_scratch says for the segment's keys and the query count.
    void (*forward)(const AttentionOptions& options, const AttentionSegment<T>& segment,
                    int64_t kv_head, int64_t first, int64_t count, void* scratch);
    int64_t (*forward_scratch)(const AttentionOptions& options, int64_t num_keys, int64_t count);
    // The backward pass of one key head of a run of tokens: the segment's queries and keys start at
    // the same token, and its keys are all of its tokens or the first of them, a multiple of 64.
    // dk and dv of these keys (=), and their share of the gradient of the queries, dq f32
    // [H / KV, QueryGradient] (=; 64-byte aligned; rows and columns past the end too).
    void (*backward)(const AttentionOptions& options, const AttentionSegment<T>& segment,
                     const AttentionGradients<T>& gradients, int64_t kv_head, float* dq,
                     void* scratch);
    int64_t (*backward_scratch)(const AttentionOptions& options, int64_t num_queries,
                                int64_t num_keys);
};
// Lists by T; a kernel that needs D to divide by something declines others.
template <typename T>
const KernelList<AttentionOptions, AttentionFunctions<T>>& AttentionKernels();
template <>
const KernelList<AttentionOptions, AttentionFunctions<float>>& AttentionKernels();
template <>
const KernelList<AttentionOptions, AttentionFunctions<bf16>>& AttentionKernels();

template <typename T>
AttentionFunctions<T> AttentionReference();
template <typename T>
AttentionFunctions<T> AttentionHighway();
template <>
AttentionFunctions<float> AttentionHighway();
template <>
AttentionFunctions<bf16> AttentionHighway();
AttentionFunctions<bf16> AttentionAvx512Bf16();  // only where LacksAvx512Bf16() is empty

}  // namespace hone
