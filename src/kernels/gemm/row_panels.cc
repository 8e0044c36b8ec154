#include "kernels/gemm/row_panels.h"

#include <algorithm>
#include <cstring>

#include "tensor/partition.h"

namespace hone {
namespace {

// Some rows of the source, unpacked in a thread's scratch; rows past the last are zeros.
template <typename T>
class UnpackedRows {
  public:
    // Room for `count` rows.
    UnpackedRows(const Context& context, int thread, const PackedRows<T>& source, int64_t count)
        : source_(source), stride_(CeilDivide(source.columns + 1, 64) * 64) {
        char* memory = static_cast<char*>(context.Scratch(
            thread, source.scratch_bytes + static_cast<size_t>(count * stride_) * sizeof(T)));
        scratch_ = memory;
        values_ = reinterpret_cast<T*>(memory + source.scratch_bytes);
    }

    const T* row(int64_t slot) const { return values_ + slot * stride_; }

    // Row `row` of the source into row(slot), and a zero behind it.
    void Read(int64_t row, int64_t slot) {
        T* out = values_ + slot * stride_;
        if (row < source_.rows)
            source_.read(row, scratch_, out);
        else
            std::fill_n(out, source_.columns, T{});
        out[source_.columns] = T{};
    }

  private:
    const PackedRows<T>& source_;
    int64_t stride_;
    void* scratch_;
    T* values_;
};

// Panels are made of 32-bit words, one float or two bf16 that are neighbours along K.
uint32_t Word(const void* from) {
    uint32_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

constexpr int64_t kColumnsAtOnce = 16;  // a cache line of words

// Row-major rows to columns of a panel: out[word of K][column] of `stored` columns.
template <typename T>
void Transpose(const UnpackedRows<T>& rows, int64_t words, int64_t stored, uint32_t* out) {
    constexpr int64_t kWordElements = 4 / sizeof(T);
    for (int64_t begin = 0; begin < words; begin += 16) {
        const int64_t end = std::min(words, begin + 16);
        for (int64_t word = begin; word < end; ++word)
            for (int64_t i = 0; i < kColumnsAtOnce; ++i)
                out[word * stored + i] = Word(rows.row(i) + word * kWordElements);
    }
}

void PutRows(int64_t width, const float* first, const float*, uint32_t* out) {
    std::memcpy(out, first, static_cast<size_t>(width) * sizeof(float));
}
void PutRows(int64_t width, const bf16* first, const bf16* second, uint32_t* out) {
    for (int64_t i = 0; i < width; ++i)
        out[i] = first[i].bits | static_cast<uint32_t>(second[i].bits) << 16;
}

}  // namespace

template <typename T>
void RowsToForwardPanels(const Context& context, const PackedRows<T>& source,
                         const PackedMatrix<T>& layout, T* panels) {
    const int64_t words = layout.k() * static_cast<int64_t>(sizeof(T)) / 4;
    context.ParallelFor(
        static_cast<int64_t>(layout.panels().size()), [&](int64_t task, int thread) {
            const Panel& panel = layout.panels()[task];
            UnpackedRows<T> rows(context, thread, source, kColumnsAtOnce);
            for (int64_t begin = 0; begin < panel.stored; begin += kColumnsAtOnce) {
                for (int64_t i = 0; i < kColumnsAtOnce; ++i) {
                    const bool there = begin + i < panel.width;
                    rows.Read(there ? panel.column + begin + i : source.rows, i);
                }
                Transpose(rows, words, panel.stored,
                          reinterpret_cast<uint32_t*>(panels + panel.offset) + begin);
            }
        });
}

template <typename T>
void RowsToBackwardPanels(const Context& context, const PackedRows<T>& source,
                          const PackedMatrix<T>& layout, T* panels) {
    constexpr int64_t kRowsPerWord = 4 / sizeof(T);
    constexpr int64_t kWordsPerTask = 16;
    const int64_t words = layout.k() / kRowsPerWord;
    context.ParallelFor(CeilDivide(words, kWordsPerTask), [&](int64_t task, int thread) {
        UnpackedRows<T> rows(context, thread, source, kRowsPerWord);
        const int64_t end = std::min(words, (task + 1) * kWordsPerTask);
        for (int64_t word = task * kWordsPerTask; word < end; ++word) {
            for (int64_t i = 0; i < kRowsPerWord; ++i) rows.Read(word * kRowsPerWord + i, i);
            for (const Panel& panel : layout.panels()) {
                uint32_t* out =
                    reinterpret_cast<uint32_t*>(panels + panel.offset) + word * panel.stored;
                PutRows(panel.width, rows.row(0) + panel.column,
                        rows.row(kRowsPerWord - 1) + panel.column, out);
                std::fill(out + panel.width, out + panel.stored, 0u);
            }
        }
    });
}

template void RowsToForwardPanels(const Context&, const PackedRows<float>&,
                                  const PackedMatrix<float>&, float*);
template void RowsToForwardPanels(const Context&, const PackedRows<bf16>&,
                                  const PackedMatrix<bf16>&, bf16*);
template void RowsToBackwardPanels(const Context&, const PackedRows<float>&,
                                   const PackedMatrix<float>&, float*);
template void RowsToBackwardPanels(const Context&, const PackedRows<bf16>&,
                                   const PackedMatrix<bf16>&, bf16*);

}  // namespace hone
