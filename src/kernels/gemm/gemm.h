// Matrix products on packed right-hand sides: C = A B. LoRA's low-rank delta is an extension of K.
//
// B [K, N] is packed once, in panels of up to 64 columns. Layers that share an input (q, k and v)
// share a B; the columns of each are a group, and a group starts with a panel of its own. For two
// layers with 130 and 70 outputs:
//
//            0         64        128   130       194   200 = N
//            +---------+---------+-----+---------+-----+
//            | panel 0 | panel 1 |  2  | panel 3 |  4  |   K rows
//            +---------+---------+-----+---------+-----+
//   width        64        64       2      64       6
//   stored       64        64      16      64      16      width rounded up to 16
//
// Columns beyond the width are zeros.
//
// The panels lie in memory one after the other, each in the order in which the inner loop of the
// product reads it. With bRC for the number in row R of K and column C of the panel:
//
//   float [K][stored]              bf16 [K / 2][stored][2]
//     b00 b01 b02 b03 ...            b00 b10  b01 b11  b02 b12 ...     two rows of K side by side,
//     b10 b11 b12 b13 ...            b20 b30  b21 b31  b22 b32 ...     as the dot product of bf16
//     b20 b21 b22 b23 ...            ...                               reads them; an odd K gets a
//     ...                                                              row of zeros
//
// Sums are f32. One thread adds the products of an element in the order of K, so the result has the
// same bits on any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/context.h"
#include "tensor/dtype.h"

namespace hone {

inline constexpr int kPanelColumns = 64;

struct Panel {
    int64_t column = 0;  // its first column in B and C
    int32_t width = 0;   // columns, 1..64
    int32_t stored = 0;  // width rounded up to 16
    int64_t offset = 0;  // first element in the packed data
};

// How a matrix is stored.
enum class WeightStorage {
    kNative,  // as T
    // Quantized, in groups of 32 along K per column (quantized_gemm.h). The fields are those of
    // GGUF's Q8_0 and Q4_1 (https://github.com/ggml-org/ggml), whose values they hold without loss.
    kInt8,  // scale * code
    kInt4,  // minimum + scale * code
    // Quantized, for frozen weights in training.
    kNf4,           // each product first unpacks the weights into a panel (kernels/nf4)
    kGgufBlocks,    // the same with the blocks of a GGUF file as they are (kernels/gguf_blocks)
    kInt8Channels,  // products in integers, a scale for each output channel and one for each row of
                    // activations (kernels/int8)
};

// B [K, N] in panels. Columns are given as groups that start panels of their own (the layers that
// share an input).
template <typename T>
class PackedMatrix {
  public:
    PackedMatrix() = default;
    // lasting: the elements do not change as long as the model exists (Buffer::Shared), and are
    // not quantized.
    PackedMatrix(int64_t k, const std::vector<int64_t>& group_columns, bool lasting = false);
    // The same panels without elements, for GemmArgs::b_data.
    static PackedMatrix Layout(int64_t k, const std::vector<int64_t>& group_columns);

    // For bf16 rounded up to an even number: the rows of A must be readable, and finite, up to it.
    int64_t k() const { return k_; }
    int64_t n() const { return n_; }
    const std::vector<Panel>& panels() const { return panels_; }
    // Of all panels, padding included.
    int64_t elements() const { return elements_; }
    // The panel as T; only of a native matrix.
    const T* panel_data(const Panel& panel) const { return data_.as<T>() + panel.offset; }
    WeightStorage storage() const { return storage_; }
    // The panel as quantized_panel.h lays it out; only of a quantized matrix.
    const uint8_t* panel_codes(const Panel& panel) const {
        return codes_.as<uint8_t>() + CodesOffset(panel);
    }
    size_t bytes() const { return data_.bytes() + codes_.bytes(); }
    // All that a product reads of it.
    std::span<const uint8_t> memory() const {
        const Buffer& buffer = storage_ == WeightStorage::kNative ? data_ : codes_;
        return {buffer.as<uint8_t>(), buffer.bytes()};
    }

    // Once all columns are set: quantizes the elements. Nothing can be set afterwards.
    void Quantize(WeightStorage storage, const Context& context);

    // Fills columns [column, column + count) from src [count, K] (K as given to the constructor),
    // row-major: src's row is B's column (a weight [out, in] for the forward product). Different
    // columns may be filled at the same time.
    void SetColumns(int64_t column, int64_t count, const float* src);
    // Fills rows [row, row + count) from src [count, N], row-major with `stride` floats per row (a
    // weight [out, in] for the backward product). Different rows may be filled at the same time.
    void SetRows(int64_t row, int64_t count, const float* src, int64_t stride);
    // B's element, for tests.
    float At(int64_t row, int64_t column) const;

  private:
    size_t PanelOf(int64_t column) const;
    // Where a quantized panel begins, in bytes.
    int64_t CodesOffset(const Panel& panel) const;
    int64_t given_k_ = 0, k_ = 0, n_ = 0, elements_ = 0;
    std::vector<Panel> panels_;
    Buffer data_;
    WeightStorage storage_ = WeightStorage::kNative;
    Buffer codes_;  // of a quantized matrix, in place of data_
};

// Panels [first, last) of a native B as the panels of B^T, for C = A B^T: `panels` gets
// layout.elements() elements, all of them (=), padding included. layout: K is the columns of those
// panels, its columns are B's K as given.
template <typename T>
void TransposePanels(const Context& context, const PackedMatrix<T>& b, size_t first, size_t last,
                     const PackedMatrix<T>& layout, T* panels);

// A second product for one panel of C: columns [h_column, h_column + k) of H times `b`, which is
// packed as a panel of the same width. It is added as if K went on. In LoRA's forward pass H = A x,
// in its backward pass H is the gradient of A x.
template <typename T>
struct PanelExtension {
    const T* b = nullptr;  // [k/2][stored][2] or [k][stored]
    int32_t k = 0;         // even for bf16; 0: none
    int32_t h_column = 0;
};

// The second product of one of the layers in B, where B is quantized.
struct LayerExtension {
    const uint8_t* codes = nullptr;  // kInt8 [k, width], its panels one after the other
    int32_t column = 0, width = 0;   // of C: the layer's group of columns
    int32_t k = 0;
    int32_t h_column = 0;
    int32_t h_group = 0;  // where H is quantized: the first group of these columns
    float h_scale = 1;    // by which H is multiplied
};

// Second products of a run of rows, where not all rows of a product have the same ones.
template <typename T>
struct RowsExtension {
    int64_t first = 0, count = 0;  // rows of C
    const T* h = nullptr;          // of row `first`
    int64_t h_stride = 0;
    std::span<const PanelExtension<T>> panels;  // one per panel
    // Beside a quantized B, in place of h, h_stride and panels: the product computes H itself from
    // A [K, h_columns], stored as kInt8 with its panels one after the other. `layers` are the
    // layers that H is for, in their order.
    const uint8_t* a_codes = nullptr;
    int64_t h_columns = 0;
    std::span<const LayerExtension> layers;
    // Memory that is read after this product: where B is quantized, it is prefetched meanwhile.
    std::span<const uint8_t> read_next;
};

enum class GemmOutput {
    kStore,     // C of type T  =
    kStoreF32,  // C of float   =
    kAddF32,    // C of float  +=
};

template <typename T>
struct GemmArgs {
    int64_t m = 0;
    const T* a = nullptr;  // [m, K]
    int64_t a_stride = 0;  // elements from row to row
    const PackedMatrix<T>* b = nullptr;
    const T* b_data = nullptr;  // the elements, where `b` is a Layout; else null
    const T* h = nullptr;       // [m, ...] of the extension
    int64_t h_stride = 0;
    std::span<const PanelExtension<T>> extension;  // one per panel, or empty
    // In place of h and extension: runs of rows, in their order and without overlap. Rows outside
    // of them have no extension.
    std::span<const RowsExtension<T>> row_extensions;
    const float* bias = nullptr;  // [N], added once; may be null
    void* c = nullptr;            // [m, N]; must not overlap a or h
    int64_t c_stride = 0;
    GemmOutput output = GemmOutput::kStore;
};

// C [m, N] (= or +=, as `output` says) A [m, K] B [K, N] + H B2 + bias, where H B2 is the
// extension. With a quantized B, A and H are quantized to 8 bits too, and only runs of rows have
// extensions. A row of C has the same bits whatever other rows there are.
template <typename T>
void Gemm(const Context& context, const GemmArgs<T>& args);
// Several products side by side. No B is quantized.
template <typename T>
void Gemm(const Context& context, std::span<const GemmArgs<T>> products);

}  // namespace hone
