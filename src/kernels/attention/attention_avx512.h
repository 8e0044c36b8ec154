// The entry points of the AVX512-BF16 attention (AttentionFunctions in attention.h).
#pragma once

#include "kernels/attention/attention.h"

namespace hone::avx512 {

void Forward(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
             int64_t kv_head, int64_t first, int64_t count, void* scratch);
int64_t ForwardScratch(const AttentionOptions& options, int64_t num_keys, int64_t count);
// The same for so few queries that packing their keys would not pay.
void ForwardFew(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
                int64_t kv_head, int64_t first, int64_t count, void* scratch);
int64_t ForwardFewScratch(const AttentionOptions& options, int64_t num_keys, int64_t count);

void Backward(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
              const AttentionGradients<bf16>& gradients, int64_t kv_head, float* dq, void* scratch);
int64_t BackwardScratch(const AttentionOptions& options, int64_t num_queries, int64_t num_keys);

}  // namespace hone::avx512
