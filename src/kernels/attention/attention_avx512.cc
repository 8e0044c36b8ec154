// The AVX512-BF16 attention as a row of the op's list. This file needs no instruction set of its
// own.
#include "kernels/attention/attention_avx512.h"

namespace hone {

#if defined(__x86_64__)
namespace {

// Up to here keys are read in place, past it they are packed.
constexpr int64_t kFewQueries = 4;

void Forward(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
             int64_t kv_head, int64_t first, int64_t count, void* scratch) {
    (count <= kFewQueries ? avx512::ForwardFew : avx512::Forward)(options, segment, kv_head, first,
                                                                  count, scratch);
}

int64_t ForwardScratch(const AttentionOptions& options, int64_t num_keys, int64_t count) {
    return (count <= kFewQueries ? avx512::ForwardFewScratch : avx512::ForwardScratch)(
        options, num_keys, count);
}

}  // namespace

AttentionFunctions<bf16> AttentionAvx512Bf16() {
    return {Forward, ForwardScratch, avx512::Backward, avx512::BackwardScratch};
}
#else
AttentionFunctions<bf16> AttentionAvx512Bf16() { return AttentionReference<bf16>(); }
#endif

}  // namespace hone
