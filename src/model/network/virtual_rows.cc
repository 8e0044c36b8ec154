#include "model/network/virtual_rows.h"

#include <algorithm>

#include "tensor/dtype.h"

namespace hone {

void AppendVirtualTokens(int64_t count, Batch& batch, std::vector<int32_t>& first_rows) {
    if (count == 0) return;
    first_rows.push_back(static_cast<int32_t>(batch.size()));
    for (int32_t i = 0; i < count; ++i) {
        batch.tokens.push_back(-1 - i);
        batch.positions.push_back(i);
    }
}

Batch WithVirtualTokens(const Batch& batch, int64_t count, std::vector<int32_t>& first_rows) {
    Batch whole;
    first_rows.clear();
    whole.rows = batch.rows;
    whole.document_starts.push_back(0);
    for (int64_t d = 0; d < batch.num_documents(); ++d) {
        AppendVirtualTokens(count, whole, first_rows);
        for (int32_t t = batch.document_starts[d]; t < batch.document_starts[d + 1]; ++t) {
            whole.tokens.push_back(batch.tokens[t]);
            whole.positions.push_back(static_cast<int32_t>(batch.positions[t] + count));
        }
        whole.document_starts.push_back(static_cast<int32_t>(whole.size()));
    }
    return whole;
}

template <typename Element>
void KeepOwnRows(const Batch& batch, int64_t count, int64_t C, Element* x) {
    for (int64_t d = 0; count > 0 && d < batch.num_documents(); ++d) {
        Element* to = x + batch.document_starts[d] * C;
        const int64_t length = batch.document_starts[d + 1] - batch.document_starts[d];
        const Element* from = to + (d + 1) * count * C;
        std::copy(from, from + length * C, to);
    }
}

template <typename Element>
void SpreadOwnRows(const Batch& batch, int64_t count, int64_t C, Element* x) {
    for (int64_t d = batch.num_documents() - 1; count > 0 && d >= 0; --d) {
        const Element* from = x + batch.document_starts[d] * C;
        const Element* end = x + batch.document_starts[d + 1] * C;
        Element* document = x + (batch.document_starts[d] + d * count) * C;
        std::copy_backward(from, end, document + count * C + (end - from));
        std::fill_n(document, count * C, Element{});
    }
}

template void KeepOwnRows(const Batch&, int64_t, int64_t, float*);
template void SpreadOwnRows(const Batch&, int64_t, int64_t, float*);
template void SpreadOwnRows(const Batch&, int64_t, int64_t, bf16*);

}  // namespace hone
