#include "kernels/embedding/embedding.h"

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T>
void Row(int64_t C, const T* from, float* to) {
    for (int64_t c = 0; c < C; ++c) to[c] = ToFloat(from[c]);
}

void Scatter(int64_t M, int64_t C, int64_t columns, const int32_t* tokens, const float* dx,
             float* dtable) {
    for (int64_t r = 0; r < M; ++r)
        for (int64_t c = 0; c < columns; ++c) dtable[tokens[r] * C + c] += dx[r * C + c];
}

}  // namespace

template <typename T>
const KernelList<AnyProblem, EmbeddingFunctions<T>>& EmbeddingKernels() {
    static const KernelList<AnyProblem, EmbeddingFunctions<T>> list(
        "embedding", {{"highway", NeedsSimd<AnyProblem>, EmbeddingHighway<T>()},
                      {"reference", NeverDeclines<AnyProblem>, {Row<T>, Scatter}}});
    return list;
}

template <typename T>
void EmbeddingForward(const Context& context, int64_t M, int64_t C, int64_t V,
                      const int32_t* tokens, const T* table, float* x) {
    const auto& functions = EmbeddingKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r) {
            HONE_CHECK(tokens[r] >= 0 && tokens[r] < V, "token {} of {}", tokens[r], V);
            functions.row(C, table + tokens[r] * C, x + r * C);
        }
    });
}

void EmbeddingBackward(const Context& context, int64_t M, int64_t C, int64_t V,
                       const int32_t* tokens, const float* dx, float* dtable) {
    const auto& functions = EmbeddingKernels<float>().Choose({});
    for (int64_t r = 0; r < M; ++r)
        HONE_CHECK(tokens[r] >= 0 && tokens[r] < V, "token {} of {}", tokens[r], V);
    ForColumns(context, C, [&](int64_t first, int64_t count) {
        functions.scatter(M, C, count, tokens, dx + first, dtable + first);
    });
}

#define HONE_INSTANTIATE(T)                                                                      \
    template const KernelList<AnyProblem, EmbeddingFunctions<T>>& EmbeddingKernels<T>();         \
    template void EmbeddingForward<T>(const Context&, int64_t, int64_t, int64_t, const int32_t*, \
                                      const T*, float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
