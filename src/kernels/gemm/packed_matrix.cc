#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/packing/packing.h"

namespace hone {

template <typename T>
PackedMatrix<T> PackedMatrix<T>::Layout(int64_t k, const std::vector<int64_t>& group_columns) {
    HONE_CHECK(k > 0);
    PackedMatrix layout;
    layout.given_k_ = k;
    layout.k_ = sizeof(T) == 2 ? (k + 1) / 2 * 2 : k;
    for (int64_t columns : group_columns) {
        for (int64_t done = 0; done < columns; done += kPanelColumns) {
            Panel panel;
            panel.column = layout.n_ + done;
            panel.width = static_cast<int32_t>(std::min<int64_t>(kPanelColumns, columns - done));
            panel.stored = (panel.width + 15) / 16 * 16;
            panel.offset = layout.elements_;
            layout.elements_ += layout.k_ * panel.stored;
            layout.panels_.push_back(panel);
        }
        layout.n_ += columns;
    }
    return layout;
}

template <typename T>
PackedMatrix<T>::PackedMatrix(int64_t k, const std::vector<int64_t>& group_columns, bool lasting)
    : PackedMatrix(Layout(k, group_columns)) {
    const size_t bytes = static_cast<size_t>(elements_) * sizeof(T);
    data_ = lasting ? Buffer::Shared(bytes) : Buffer(bytes);
}

template <typename T>
size_t PackedMatrix<T>::PanelOf(int64_t column) const {
    auto after =
        std::upper_bound(panels_.begin(), panels_.end(), column,
                         [](int64_t value, const Panel& panel) { return value < panel.column; });
    return static_cast<size_t>(after - panels_.begin()) - 1;
}

template <typename T>
int64_t PackedMatrix<T>::CodesOffset(const Panel& panel) const {
    return QuantPanelBytes(storage_, k_, panel.offset / k_);
}

template <typename T>
void PackedMatrix<T>::SetColumns(int64_t column, int64_t count, const float* src) {
    HONE_CHECK(column >= 0 && column + count <= n_);
    const PackFunctions<T>& pack = PackKernels<T>().Choose({});
    for (size_t index = PanelOf(column); count > 0; ++index) {
        const Panel& panel = panels_[index];
        const int64_t local = column - panel.column, here = std::min(count, panel.width - local);
        pack.columns_f32(src, given_k_, here, panel.stored,
                         data_.as<T>() + panel.offset + PackedIndex<T>(0, local, panel.stored));
        column += here;
        count -= here;
        src += here * given_k_;
    }
}

template <typename T>
void PackedMatrix<T>::SetRows(int64_t row, int64_t count, const float* src, int64_t stride) {
    HONE_CHECK(row >= 0 && row + count <= k_);
    const PackFunctions<T>& pack = PackKernels<T>().Choose({});
    // A pair of rows is packed at once; the neighbour of half a pair may be set at the same time.
    constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
    const int64_t before = std::min(count, row % kPair), pairs = (count - before) / kPair * kPair;
    for (const Panel& panel : panels_) {
        T* out = data_.as<T>() + panel.offset;
        const float* from = src + panel.column;
        auto half = [&](int64_t i) {
            T* to = out + PackedIndex<T>(row + i, 0, panel.stored);
            for (int64_t column = 0; column < panel.width; ++column)
                to[column * kPair] = FromFloat<T>(from[i * stride + column]);
        };
        if (before > 0) half(0);
        pack.rows_f32(from + before * stride, stride, pairs, panel.width, panel.stored,
                      out + PackedIndex<T>(row + before, 0, panel.stored));
        if (before + pairs < count) half(count - 1);
    }
}

template <typename T>
float PackedMatrix<T>::At(int64_t row, int64_t column) const {
    const Panel& panel = panels_[PanelOf(column)];
    const int64_t local = column - panel.column;
    if (storage_ == WeightStorage::kNative)
        return ToFloat(panel_data(panel)[PackedIndex<T>(row, local, panel.stored)]);
    std::vector<float> values(static_cast<size_t>(k_ * panel.stored));
    DequantizePanel(storage_, k_, panel.stored, panel_codes(panel), values.data());
    return values[row * panel.stored + local];
}

template <typename T>
void PackedMatrix<T>::Quantize(WeightStorage storage, const Context& context) {
    if (storage == WeightStorage::kNative) return;
    HONE_CHECK(storage_ == WeightStorage::kNative &&
               (storage == WeightStorage::kInt8 || storage == WeightStorage::kInt4));
    storage_ = storage;
    codes_ = Buffer::Shared(static_cast<size_t>(QuantPanelBytes(storage, k_, elements_ / k_)));
    context.ParallelFor(static_cast<int64_t>(panels_.size()), [&](int64_t index, int) {
        const Panel& panel = panels_[index];
        std::vector<float> values(static_cast<size_t>(k_ * panel.stored));
        for (int64_t row = 0; row < k_; ++row)
            for (int64_t column = 0; column < panel.stored; ++column)
                values[row * panel.stored + column] =
                    ToFloat(panel_data(panel)[PackedIndex<T>(row, column, panel.stored)]);
        QuantizePanel(storage, k_, panel.stored, values.data(),
                      codes_.as<uint8_t>() + CodesOffset(panel));
    });
    data_ = Buffer();
}

template <typename T>
void TransposePanels(const Context& context, const PackedMatrix<T>& b, size_t first, size_t last,
                     const PackedMatrix<T>& layout, T* panels) {
    constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
    const int64_t begin = b.panels()[first].column;
    // Where a panel begins or ends within a pair, its neighbour has the other half: element by
    // element, and first the zeros.
    const bool whole_pairs =
        std::all_of(b.panels().begin() + static_cast<int64_t>(first),
                    b.panels().begin() + static_cast<int64_t>(last),
                    [&](const Panel& panel) { return (panel.column - begin) % kPair == 0; });
    if (!whole_pairs) std::fill_n(panels, layout.elements(), T{});
    const PackFunctions<T>& pack = PackKernels<T>().Choose({});
    context.ParallelFor(static_cast<int64_t>(last - first), [&](int64_t task, int) {
        const Panel& panel = b.panels()[first + static_cast<size_t>(task)];
        const int64_t row = panel.column - begin;
        for (const Panel& out : layout.panels()) {
            const T* from = b.panel_data(panel) + PackedIndex<T>(out.column, 0, panel.stored);
            T* to = panels + out.offset;
            if (whole_pairs) {
                pack.panel_transposed(from, panel.stored, panel.width, out.width, out.stored,
                                      to + PackedIndex<T>(row, 0, out.stored));
                continue;
            }
            for (int64_t i = 0; i < panel.width; ++i)
                for (int64_t column = 0; column < out.width; ++column)
                    to[PackedIndex<T>(row + i, column, out.stored)] =
                        from[PackedIndex<T>(column, i, panel.stored)];
        }
    });
}

template void TransposePanels(const Context&, const PackedMatrix<float>&, size_t, size_t,
                              const PackedMatrix<float>&, float*);
template void TransposePanels(const Context&, const PackedMatrix<bf16>&, size_t, size_t,
                              const PackedMatrix<bf16>&, bf16*);
template class PackedMatrix<float>;
template class PackedMatrix<bf16>;

}  // namespace hone
