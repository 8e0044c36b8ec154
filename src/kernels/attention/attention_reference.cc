// Attention by plain loops: what every other implementation is tested against.
#include <algorithm>
#include <cmath>

#include "kernels/attention/attention.h"

namespace hone {
namespace {

// The keys [first, last] that the query at `position` sees.
struct Visible {
    int64_t first, last;
};
Visible VisibleKeys(const AttentionOptions& options, int64_t position) {
    return {options.window > 0 ? std::max<int64_t>(0, position - options.window + 1) : 0, position};
}

template <typename T>
float Dot(int64_t D, const T* a, const T* b) {
    float sum = 0;
    for (int64_t d = 0; d < D; ++d) sum += ToFloat(a[d]) * ToFloat(b[d]);
    return sum;
}

// The score, and in `slope` its derivative with respect to the dot product.
float Score(const AttentionOptions& options, float dot, float* slope) {
    *slope = options.scale;
    if (options.soft_cap == 0) return dot * options.scale;
    const float t = std::tanh(dot * options.scale / options.soft_cap);
    *slope *= 1 - t * t;
    return options.soft_cap * t;
}

template <typename T>
void Forward(const AttentionOptions& options, const AttentionSegment<T>& segment, int64_t kv_head,
             int64_t first, int64_t count, void* scratch) {
    const int64_t D = options.D, group = options.H / options.KV,
                  past = segment.num_keys - segment.num_queries;
    float* scores = static_cast<float*>(scratch);
    float slope;
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
        for (int64_t i = first; i < first + count; ++i) {
            const Visible keys = VisibleKeys(options, past + i);
            const T* q = segment.q.data + i * segment.q.stride + h * D;
            float max = -INFINITY;
            for (int64_t j = keys.first; j <= keys.last; ++j) {
                const T* k = segment.k.data + j * segment.k.stride + kv_head * D;
                scores[j] = Score(options, Dot(D, q, k), &slope);
                max = std::max(max, scores[j]);
            }
            float sum = 0;
            for (int64_t j = keys.first; j <= keys.last; ++j)
                sum += scores[j] = std::exp(scores[j] - max);
            if (segment.lse != nullptr)
                segment.lse[h * segment.lse_stride + i] = max + std::log(sum);
            T* out = segment.out.data + i * segment.out.stride + h * D;
            for (int64_t d = 0; d < D; ++d) {
                float total = 0;
                for (int64_t j = keys.first; j <= keys.last; ++j)
                    total +=
                        scores[j] * ToFloat(segment.v.data[j * segment.v.stride + kv_head * D + d]);
                out[d] = FromFloat<T>(total / sum);
            }
        }
    }
}

int64_t ForwardScratch(const AttentionOptions&, int64_t num_keys, int64_t) {
    return num_keys * static_cast<int64_t>(sizeof(float));
}

// With p = exp(score - lse), delta = dout . out: dv_j += p dout, dscore = p (dout . v_j - delta),
// dq += dscore slope k_j, dk_j += dscore slope q.
template <typename T>
void Backward(const AttentionOptions& options, const AttentionSegment<T>& segment,
              const AttentionGradients<T>& gradients, int64_t kv_head, float* dq, void* scratch) {
    const int64_t D = options.D, group = options.H / options.KV, num_keys = segment.num_keys;
    const QueryGradient sums(options, segment.num_queries);
    float* dk = static_cast<float*>(scratch);
    float* dv = dk + num_keys * D;
    std::fill(dk, dv + num_keys * D, 0.0f);
    std::fill(dq, dq + group * sums.floats(), 0.0f);
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
        for (int64_t i = 0; i < segment.num_queries; ++i) {
            const Visible keys = VisibleKeys(options, i);
            const T* q = segment.q.data + i * segment.q.stride + h * D;
            const T* dout = gradients.dout.data + i * gradients.dout.stride + h * D;
            const float delta = Dot<T>(D, dout, segment.out.data + i * segment.out.stride + h * D);
            const float lse = segment.lse[h * segment.lse_stride + i];
            float* dq_row = dq + (h - kv_head * group) * sums.floats() + i * sums.width;
            for (int64_t j = keys.first; j <= std::min(keys.last, num_keys - 1); ++j) {
                const T* k = segment.k.data + j * segment.k.stride + kv_head * D;
                const T* v = segment.v.data + j * segment.v.stride + kv_head * D;
                float slope;
                const float p = std::exp(Score(options, Dot(D, q, k), &slope) - lse);
                const float ddot = p * (Dot(D, dout, v) - delta) * slope;
                for (int64_t d = 0; d < D; ++d) {
                    dv[j * D + d] += p * ToFloat(dout[d]);
                    dk[j * D + d] += ddot * ToFloat(q[d]);
                    dq_row[d] += ddot * ToFloat(k[d]);
                }
            }
        }
    }
    for (int64_t j = 0; j < num_keys; ++j) {
        for (int64_t d = 0; d < D; ++d) {
            gradients.dk.data[j * gradients.dk.stride + kv_head * D + d] =
                FromFloat<T>(dk[j * D + d]);
            gradients.dv.data[j * gradients.dv.stride + kv_head * D + d] =
                FromFloat<T>(dv[j * D + d]);
        }
    }
}

int64_t BackwardScratch(const AttentionOptions& options, int64_t, int64_t num_keys) {
    return 2 * num_keys * options.D * static_cast<int64_t>(sizeof(float));
}

}  // namespace

template <typename T>
AttentionFunctions<T> AttentionReference() {
    return {Forward<T>, ForwardScratch, Backward<T>, BackwardScratch};
}
template AttentionFunctions<float> AttentionReference<float>();
template AttentionFunctions<bf16> AttentionReference<bf16>();

}  // namespace hone
