// Frozen weights in NF4, QLoRA's four bits (Dettmers et al. 2023, arXiv:2305.14314), with the
// values that bitsandbytes' quantize_4bit(quant_type="nf4") gives,
// https://github.com/bitsandbytes-foundation; or, in the same blocks, in its quant_type="fp4".
//
// The numbers of a weight [rows, columns], row after row, are cut into blocks of 64. A block stores
// its largest magnitude, absmax, and a code of 4 bits for each number:
//   value = FourBitValues(kind)[code] * absmax
// With double quantisation the absmax are stored in 8 bits. 256 of them are a block with a scale:
//   absmax = Nf4DynamicMap()[code8] * largest of the 256 |absmax - mean| + mean
// The 32 bytes of a block are two halves of 16. Byte i of half g holds number 32 g + i in its low
// four bits and number 32 g + 16 + i in its high ones. The last block is filled up with zeros.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/dispatch/dispatch.h"
#include "kernels/gemm/gemm.h"
#include "kernels/nf4/four_bits.h"
#include "tensor/buffer.h"

namespace hone {

inline constexpr int64_t kNf4Block = 64;
inline constexpr int64_t kNf4BlockBytes = kNf4Block / 2;
// How many 8-bit absmax share a scale.
inline constexpr int64_t kNf4ScaleBlock = 256;

// Quantiles of the normal distribution, scaled to -1..1, with an exact zero (appendix E).
inline constexpr float kNf4Values[16] = {-1.0f,        -0.69619280f, -0.52507305f, -0.39491749f,
                                         -0.28444138f, -0.18477343f, -0.09105004f, 0.0f,
                                         0.07958030f,  0.16093020f,  0.24611230f,  0.33791524f,
                                         0.44070983f,  0.56261700f,  0.72295684f,  1.0f};

// bitsandbytes' FP4: 0, 1/16, 2, 3, 4, 6, 8 and 12, over 12, of both signs. It has two zeros, so of
// sixteen codes here the last is as the one before it, and none becomes it but by rounding.
inline constexpr float kFp4Values[16] = {
    -1.0f,         -0.66666667f, -0.5f, -0.33333333f, -0.25f, -0.16666667f, -0.0052083333f, 0.0f,
    0.0052083333f, 0.16666667f,  0.25f, 0.33333333f,  0.5f,   0.66666667f,  1.0f,           1.0f};

// The value of each code, ascending.
inline const float* FourBitValues(FourBits kind) {
    return kind == FourBits::kNf4 ? kNf4Values : kFp4Values;
}

// The 256 numbers of the dynamic 8-bit type, ascending (Dettmers et al. 2022, arXiv:2110.02861).
std::span<const float, 256> Nf4DynamicMap();

// A weight [rows, columns] in NF4 or FP4.
class Nf4Matrix {
  public:
    Nf4Matrix() = default;
    Nf4Matrix(int64_t rows, int64_t columns, bool double_quant, FourBits kind = FourBits::kNf4);

    int64_t rows() const { return rows_; }
    int64_t columns() const { return columns_; }
    FourBits kind() const { return kind_; }
    size_t bytes() const { return codes_.bytes() + absmax_.bytes() + scales_.size() * 4; }

    // Sets rows [row, row + count) from src [count, columns]. `row` is a multiple of 64, and so is
    // `count`, unless the rows are the last ones. Different rows may be set at the same time.
    void SetRows(int64_t row, int64_t count, const float* src);
    // Once all rows are set: quantises the absmax, where there is double quantisation.
    void Finish();

    const uint8_t* codes(int64_t block) const {
        return codes_.as<uint8_t>() + block * kNf4BlockBytes;
    }
    // The absmax of blocks [block, block + count), as they are after Finish (=).
    void Absmax(int64_t block, int64_t count, float* absmax) const;

  private:
    int64_t rows_ = 0, columns_ = 0, blocks_ = 0;
    bool double_quant_ = false;
    FourBits kind_ = FourBits::kNf4;
    Buffer codes_;
    Buffer absmax_;              // f32, or 8-bit codes after Finish with double quantisation
    std::vector<float> scales_;  // of the blocks of absmax, then the mean
};

// Unpacks the weights of layers that share an input, one below the other, into the panels of B.
// `panels` gets layout.elements() elements (=), padding included, each rounded to T.
//
// For x W^T, B is [columns, all rows], with a group of panels for each layer: the layout of
// PackedMatrix(columns, rows of each).
template <typename T>
void Nf4ToForwardPanels(const Context& context, std::span<const Nf4Matrix> weights,
                        const PackedMatrix<T>& layout, T* panels);
// For dy W, B is [all rows, columns]: the layout of PackedMatrix(all rows, {columns}).
template <typename T>
void Nf4ToBackwardPanels(const Context& context, std::span<const Nf4Matrix> weights,
                         const PackedMatrix<T>& layout, T* panels);

template <typename T>
struct Nf4Functions {
    // Unpacks whole blocks: codes [blocks][32], absmax [blocks] -> out [blocks * 64] (=). table
    // [16]: FourBitValues.
    void (*values)(int64_t blocks, const uint8_t* codes, const float* absmax, const float* table,
                   T* out);
};
// Best first; explained as op "nf4".
template <typename T>
const KernelList<AnyProblem, Nf4Functions<T>>& Nf4Kernels();
template <typename T>
Nf4Functions<T> Nf4Highway();

}  // namespace hone
