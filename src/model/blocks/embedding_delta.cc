#include "model/blocks/embedding_delta.h"

#include <algorithm>

#include "tensor/partition.h"

namespace hone {

void EmbeddingDelta::AddParameters(ParameterSet& parameters) {
    a_ = parameters.Add(module_ + ".lora_embedding_A", {rank_, rows_}, true);
    b_ = parameters.Add(module_ + ".lora_embedding_B", {C_, rank_}, true);
}

void EmbeddingDelta::Pack(ParameterSet& parameters) {
    const float* b = parameters.value(b_);
    up_.resize(static_cast<size_t>(rank_ * C_));
    for (int64_t c = 0; c < C_; ++c)
        for (int64_t r = 0; r < rank_; ++r) up_[r * C_ + c] = scale_ * b[c * rank_ + r];
}

void EmbeddingDelta::AddTo(ParameterSet& parameters, int32_t row, float* values) const {
    const float* a = parameters.value(a_) + row;
    for (int64_t r = 0; r < rank_; ++r) {
        const float factor = a[r * rows_];
        const float* up = up_.data() + r * C_;
        for (int64_t c = 0; c < C_; ++c) values[c] += factor * up[c];
    }
}

void EmbeddingDelta::Backward(const Context& context, std::span<const int32_t> rows,
                              const float* dx, ParameterSet& parameters) const {
    const int64_t M = static_cast<int64_t>(rows.size());
    const float *a = parameters.value(a_), *b = parameters.value(b_);
    // [M, rank]: the columns of A that the tokens took, and their gradients.
    std::vector<float> taken(static_cast<size_t>(M * rank_)), slopes(taken);
    constexpr int64_t kTokens = 32, kColumns = 16;
    context.ParallelFor(CeilDivide(M, kTokens), [&](int64_t task, int) {
        for (int64_t i = task * kTokens; i < std::min(M, (task + 1) * kTokens); ++i) {
            if (rows[i] < 0) continue;
            float *column = taken.data() + i * rank_, *slope = slopes.data() + i * rank_;
            for (int64_t r = 0; r < rank_; ++r) column[r] = a[r * rows_ + rows[i]];
            for (int64_t c = 0; c < C_; ++c)
                for (int64_t r = 0; r < rank_; ++r) slope[r] += dx[i * C_ + c] * b[c * rank_ + r];
        }
    });
    float *da = parameters.gradient(a_), *db = parameters.gradient(b_);
    context.ParallelFor(rank_, [&](int64_t r, int) {
        for (int64_t i = 0; i < M; ++i)
            if (rows[i] >= 0) da[r * rows_ + rows[i]] += scale_ * slopes[i * rank_ + r];
    });
    context.ParallelFor(CeilDivide(C_, kColumns), [&](int64_t task, int) {
        const int64_t end = std::min(C_, (task + 1) * kColumns);
        for (int64_t i = 0; i < M; ++i) {
            if (rows[i] < 0) continue;
            for (int64_t c = task * kColumns; c < end; ++c) {
                const float slope = scale_ * dx[i * C_ + c];
                for (int64_t r = 0; r < rank_; ++r)
                    db[c * rank_ + r] += slope * taken[i * rank_ + r];
            }
        }
    });
}

}  // namespace hone
