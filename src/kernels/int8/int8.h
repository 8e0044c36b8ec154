// Products with a frozen weight in 8-bit integers, for training. As SwitchBack (Wortsman et al.
// 2023, arXiv:2304.13013), except that the weight is quantized only once.
//
// A weight W [out, in] is quantized with one scale for each row (output channel):
//   W[o][i] = scale[o] * code[o][i]            code from -127 to 127
// The rows that it is multiplied with are quantized in each product, with one scale for each row
// (token):
//   x[m][i] = row_scale[m] * (byte[m][i] - 128)
// So the sums are sums of integers, and exact:
//   forward   y[m][o]  = row_scale[m] * scale[o] * sum over i of (byte[m][i] - 128) * code[o][i]
//   backward  dx[m][i] = row_scale[m] * sum over o of (byte[m][o] - 128) * code[o][i]
// In the backward product the bytes are those of dy[m][o] * scale[o]. So both use the same codes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "tensor/buffer.h"
#include "tensor/context.h"

namespace hone {

// A sum of so many products of a byte and a code, less 128 times the sum of the codes, fits 32
// bits.
inline constexpr int64_t kInt8MaxK = int64_t{1} << 17;

// Columns [column, column + count) of a row are bytes [k, k + count) of the quantized row, which is
// filled up with the byte of zero to a multiple of 4.
struct Int8Segment {
    int64_t column = 0, count = 0, k = 0;
};

// B [K, N] of a product, quantized. A panel is [K / 4][stored][4]: four rows of K of one column lie
// side by side.
struct Int8Operand {
    int64_t k = 0;                    // of the segments, a multiple of 4
    std::span<const Panel> panels;    // whose offsets count codes
    const int8_t* codes = nullptr;    // of all panels
    const float* scales = nullptr;    // [N], or null: ones
    const int32_t* starts = nullptr;  // [N]  -128 times the sum of a column's codes
};

// The frozen weights of layers that share an input, one below the other.
class Int8Matrix {
  public:
    Int8Matrix() = default;
    // `outs`: the rows of each layer. The padded sizes must not be above kInt8MaxK.
    Int8Matrix(int64_t in, const std::vector<int64_t>& outs);

    int64_t in() const { return in_; }
    int64_t out() const { return out_; }
    bool empty() const { return out_ == 0; }
    size_t bytes() const {
        return codes_.bytes() + (scales_.size() + starts_.size() + back_starts_.size()) * 4;
    }

    // Sets rows [row, row + count) from src [count, in]. Different rows may be set at the same
    // time. A row with a NaN or an infinity gets the scale NaN.
    void SetRows(int64_t row, int64_t count, const float* src);
    // Once all rows are set, and before the first product.
    void Finish(const Context& context);

    // B of x W^T: a group of panels for each layer, as in PackedMatrix(in, outs).
    Int8Operand forward() const;
    // B of (dy * scale) W. `panels`, of panel_bytes(), are made by FillBackwardPanels.
    Int8Operand backward(const int8_t* panels) const;
    // panels = the codes in the order of the backward product. Padding columns are left alone.
    void FillBackwardPanels(const Context& context, int8_t* panels) const;
    int64_t panel_bytes() const { return back_bytes_; }

    // The segments that a row of x, and a row of dy, is cut into.
    std::span<const Int8Segment> in_segments() const { return in_segments_; }
    std::span<const Int8Segment> out_segments() const { return out_segments_; }
    // The most bytes of a quantized row, in either direction.
    int64_t row_bytes() const;
    const std::vector<float>& scales() const { return scales_; }  // [out]
    int Code(int64_t row, int64_t column) const;                  // for tests

  private:
    const Panel& PanelOf(int64_t row) const;
    int64_t in_ = 0, out_ = 0, k_ = 0, back_k_ = 0, back_bytes_ = 0;
    std::vector<Int8Segment> in_segments_, out_segments_;
    std::vector<Panel> panels_, back_panels_;
    Buffer codes_;
    std::vector<float> scales_;         // [out]
    std::vector<int32_t> starts_;       // [out]
    std::vector<int32_t> back_starts_;  // [in]
};

// Memory of a product with m rows.
struct Int8Scratch {
    uint8_t* codes = nullptr;     // m * row_bytes()
    float* row_scales = nullptr;  // [m]
    int8_t* panels = nullptr;     // panel_bytes(); for the backward product alone
};

// y = x W^T: Gemm, with the weight in place of args.b and args.b_data, which are null.
template <typename T>
void Int8Forward(const Context& context, const Int8Matrix& weight, const GemmArgs<T>& args,
                 const Int8Scratch& scratch);
// dx = dy W, likewise. A row with a NaN or an infinity gives a row of NaN.
template <typename T>
void Int8Backward(const Context& context, const Int8Matrix& weight, const GemmArgs<T>& args,
                  const Int8Scratch& scratch);

}  // namespace hone
