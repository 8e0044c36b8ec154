// Matrix products on packed right-hand sides: C = A B, with the low-rank delta of LoRA as an
// extension of K.
//
// B is packed once, in panels of up to 64 columns, each laid out in the order in which the inner
// loop reads it:
//   float:  [K][W]          W = the panel's width rounded up to 16
//   bf16:   [K / 2][W][2]   pairs along K, as the dot-product instruction takes them; an odd K gets
//   a row of zeros
// Columns past the width are zeros. Sums are f32, taken in the order of K by one thread per
// element: the result is the same bits on any number of threads.
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

// How a packed matrix keeps its elements: as T, or in codes that products take as they are
// (quantized_gemm.h). Codes come in groups of 32 along K, per column: int8 as scale * code, int4 as
// minimum + scale * code (the fields of GGUF's Q8_0 and Q4_1, https://github.com/ggml-org/ggml,
// whose values they hold without loss).
// Two are for frozen weights that are trained through: with kNf4 products take them from a panel
// that is made of the codes each time (kernels/nf4), with kInt8Channels they are in integers, one
// scale an output channel and one a row of activations (kernels/int8).
enum class WeightStorage { kNative, kInt8, kInt4, kNf4, kInt8Channels };

// B [K, N] in panels. Columns are given as groups that start panels of their own (the layers that
// share an input).
template <typename T>
class PackedMatrix {
  public:
    PackedMatrix() = default;
    // lasting: the elements stay as they are as long as the model does (Buffer::Shared), and are
    // not replaced by codes.
    PackedMatrix(int64_t k, const std::vector<int64_t>& group_columns, bool lasting = false);
    // The same panels without elements: GemmArgs::b_data has them.
    static PackedMatrix Layout(int64_t k, const std::vector<int64_t>& group_columns);

    // For bf16 rounded up to an even number: A's rows must then be readable, and finite, up to it.
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

    // Once all columns are set: replaces the elements by codes of that storage. Nothing can be set
    // afterwards.
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
    // Where a panel's codes begin, in bytes.
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

// K goes on with a second product: C's panel p also gets H[:, column, column + k) times `b`, packed
// like a panel of the same width. LoRA forward: H = A x. LoRA backward: H = the gradient of A x.
template <typename T>
struct PanelExtension {
    const T* b = nullptr;  // [k/2][stored][2] or [k][stored]
    int32_t k = 0;         // even for bf16; 0: none
    int32_t h_column = 0;
};

// The second product of one of the layers in B, where B is in codes.
struct LayerExtension {
    const uint8_t* codes = nullptr;  // kInt8 [k, width], its panels one after the other
    int32_t column = 0, width = 0;   // C's; the layer's columns are a group of B's panels
    int32_t k = 0;
    int32_t h_column = 0;
    int32_t h_group = 0;  // H in codes: the first group of these columns
    float h_scale = 1;    // by which H is multiplied
};

// The same for a run of rows, where not all rows of a product have the same second product.
template <typename T>
struct RowsExtension {
    int64_t first = 0, count = 0;  // rows of C
    const T* h = nullptr;          // of row `first`
    int64_t h_stride = 0;
    std::span<const PanelExtension<T>> panels;  // one per panel
    // Beside a B in codes, in place of those three: A [K, h_columns] in kInt8, its panels one after
    // the other, of which the product makes H itself, and the layers that H is for, in their order.
    const uint8_t* a_codes = nullptr;
    int64_t h_columns = 0;
    std::span<const LayerExtension> layers;
    // Memory that is read after this product: where B is in codes, asked for while it works.
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
    const T* b_data = nullptr;  // the elements of a `b` that is a layout alone; else null
    const T* h = nullptr;       // [m, ...] of the extension
    int64_t h_stride = 0;
    std::span<const PanelExtension<T>> extension;  // one per panel, or empty
    // In place of h and extension: runs in the order of their rows, none of which is in two; a row
    // in none has no extension.
    std::span<const RowsExtension<T>> row_extensions;
    const float* bias = nullptr;  // [N], added once; may be null
    void* c = nullptr;            // [m, N]; must not overlap a or h
    int64_t c_stride = 0;
    GemmOutput output = GemmOutput::kStore;
};

// C [m, N] (=, += by `output`) A [m, K] B [K, N] + H B2 + bias. With a quantized B, A and H are
// rounded to 8 bits too, and only runs of rows have extensions. A row of C is the same bits
// whatever other rows there are.
template <typename T>
void Gemm(const Context& context, const GemmArgs<T>& args);
// Several products with B's that are not quantized, side by side.
template <typename T>
void Gemm(const Context& context, std::span<const GemmArgs<T>> products);

}  // namespace hone
