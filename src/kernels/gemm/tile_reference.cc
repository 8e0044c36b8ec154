// The product as its definition says it; every other path is tested against this one.
#include "kernels/gemm/tile.h"

namespace hone {
namespace {

float Packed(const float* b, int stored, int64_t k, int column) { return b[k * stored + column]; }
float Packed(const bf16* b, int stored, int64_t k, int column) {
    return ToFloat(b[(k / 2 * stored + column) * 2 + k % 2]);
}

template <typename T>
float Left(const TileArgs<T>& t, int row, int64_t k) {
    if (t.a_stored > 0) return Packed(t.a, t.a_stored, k, row);
    return ToFloat(t.a[row * t.a_stride + k]);
}

template <typename T>
void Run(const TileArgs<T>& t) {
    float sums[kMaxBlockRows * kPanelColumns];
    for (int row = 0; row < t.rows; ++row) {
        for (int column = 0; column < t.width; ++column) {
            float sum = 0;
            for (int64_t k = 0; k < t.k; ++k)
                sum += Left(t, row, k) * Packed(t.b, t.stored, k, column);
            for (int64_t k = 0; k < t.h_k; ++k)
                sum += ToFloat(t.h[row * t.h_stride + k]) * Packed(t.h_b, t.stored, k, column);
            sum *= t.scale;
            if (t.bias != nullptr) sum += t.bias[column];
            sums[row * kPanelColumns + column] = sum;
        }
    }
    StoreTile(t, sums);
}

template <typename T>
void RunAll(std::span<const TileArgs<T>> tiles) {
    for (const TileArgs<T>& tile : tiles) Run(tile);
}

}  // namespace

template <typename T>
TileFunctions<T> ReferenceTile() {
    return {RunAll<T>, [](int) { return 4; }};
}
template TileFunctions<float> ReferenceTile();
template TileFunctions<bf16> ReferenceTile();

}  // namespace hone
