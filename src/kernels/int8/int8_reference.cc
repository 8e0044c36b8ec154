// The definitions; every other path is tested against these.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/int8/int8_kernels.h"

namespace hone {
namespace {

template <typename T>
float Number(const T* x, const float* factor, int64_t i) {
    return factor ? ToFloat(x[i]) * factor[i] : ToFloat(x[i]);
}

template <typename T>
uint32_t Largest(int64_t n, const T* x, const float* factor) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; ++i)
        largest = std::max(largest, std::bit_cast<uint32_t>(Number(x, factor, i)) & 0x7fffffff);
    return largest;
}

template <typename T>
void Codes(int64_t n, const T* x, const float* factor, float inverse, uint8_t* codes) {
    for (int64_t i = 0; i < n; ++i)
        codes[i] = static_cast<uint8_t>(
            kInt8Zero + static_cast<int>(std::nearbyint(Number(x, factor, i) * inverse)));
}

void Blocks(int64_t rows, int64_t columns, const int8_t* from, int64_t from_stride, int8_t* to,
            int64_t to_stride) {
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
            for (int64_t i = 0; i < 16; ++i)
                to[column * to_stride + row * 16 + i % 4 * 4 + i / 4] =
                    from[row * from_stride + column * 16 + i];
}

template <typename T>
void Run(const Int8TileArgs<T>& t) {
    float sums[kMaxTileRows * kPanelColumns];
    for (int row = 0; row < t.tile.rows; ++row) {
        const uint8_t* bytes = t.bytes + row * t.bytes_stride;
        for (int column = 0; column < t.tile.width; ++column) {
            // Modulo 2^32, as the instructions add: on the way a sum may be out of range.
            auto sum = static_cast<uint32_t>(t.starts[column]);
            for (int64_t k = 0; k < t.k; ++k)
                sum += static_cast<uint32_t>(bytes[k] *
                                             t.codes[(k / 4 * t.tile.stored + column) * 4 + k % 4]);
            const auto whole = static_cast<float>(static_cast<int32_t>(sum));
            sums[row * kPanelColumns + column] =
                whole * (t.scales ? t.scales[column] : 1) * t.row_scales[row];
        }
    }
    FinishInt8Tile(t, GemmKernels<T>().reference(), sums);
}

}  // namespace

template <typename T>
void FinishInt8Tile(const Int8TileArgs<T>& args, const TileFunctions<T>& gemm, float* sums) {
    const TileArgs<T>& t = args.tile;
    TileArgs<T> rest = t;
    rest.c_stride = kPanelColumns;
    rest.output = GemmOutput::kAddF32;
    const int step = gemm.MostRows(t.stored);
    for (int row = 0; row < t.rows && (t.h_k > 0 || t.bias != nullptr); row += step) {
        rest.rows = std::min(step, t.rows - row);
        rest.c = sums + row * kPanelColumns;
        if (t.h_k > 0) rest.h = t.h + row * t.h_stride;
        gemm.Run(rest);
    }
    StoreTile(t, sums);
}

template <typename T>
Int8TileFunctions<T> ReferenceInt8Tile() {
    return {Run<T>, [](int) { return 4; }};
}
template <typename T>
Int8RowFunctions<T> ReferenceInt8Rows() {
    return {Largest<T>, Codes<T>};
}
Int8TransposeFunctions ReferenceInt8Transpose() { return {Blocks}; }

template void FinishInt8Tile(const Int8TileArgs<float>&, const TileFunctions<float>&, float*);
template void FinishInt8Tile(const Int8TileArgs<bf16>&, const TileFunctions<bf16>&, float*);
template Int8TileFunctions<float> ReferenceInt8Tile();
template Int8TileFunctions<bf16> ReferenceInt8Tile();
template Int8RowFunctions<float> ReferenceInt8Rows();
template Int8RowFunctions<bf16> ReferenceInt8Rows();

}  // namespace hone
