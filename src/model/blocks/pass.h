// What a block is given besides its own weights: the batch, and memory that all blocks share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "model/blocks/linear_group.h"
#include "tensor/buffer.h"
#include "tensor/context.h"

namespace hone {

// Sizes that the shared memory must cover.
struct BlockSizes {
    int64_t M = 0;             // tokens
    int64_t C = 0;             // residual stream
    int64_t in = 0;            // widest input of a linear group
    int64_t attention = 0;     // H * D
    int64_t qkv = 0;           // (H + 2 KV) * D
    int64_t F = 0;             // MLP
    int64_t rank_columns = 0;  // widest h
    int64_t panels = 0;        // of the largest group (LinearGroup::panel_elements)
    int64_t row_codes = 0;     // widest row of activations in 8 bits
    bool dropout = false;
    bool backward = false;
    bool gate_up = false;  // the layers keep none of their own
};

// Pieces for M tokens; what one block leaves here, the next overwrites.
template <typename T>
struct Workspace {
    T* y = nullptr;           // [M, C] normalised input of a block
    T* act = nullptr;         // [M, F]
    float* dy = nullptr;      // [M, C] gradient of y
    T* dattention = nullptr;  // [M, H * D]
    T* dqkv = nullptr;        // [M, qkv]
    T* dgate_up = nullptr;    // [M, 2 F]
    T* dact = nullptr;        // [M, F]
    T* gate_up = nullptr;     // [M, 2 F]
    LinearScratch<T> linear;

    void Take(Arena& arena, const BlockSizes& sizes) {
        const int64_t M = sizes.M;
        y = arena.Take<T>(M * sizes.C);
        act = arena.Take<T>(M * sizes.F);
        if (sizes.dropout) linear.dropped = arena.Take<T>(M * sizes.in);
        if (sizes.gate_up) gate_up = arena.Take<T>(M * 2 * sizes.F);
        if (sizes.panels > 0) linear.panels = arena.Take<T>(sizes.panels);
        if (sizes.row_codes > 0) {
            linear.codes = arena.Take<uint8_t>(M * sizes.row_codes);
            linear.row_scales = arena.Take<float>(M);
        }
        if (!sizes.backward) return;
        dy = arena.Take<float>(M * sizes.C);
        linear.dh = arena.Take<T>(M * std::max<int64_t>(sizes.rank_columns, 1));
        if (sizes.dropout) linear.dx = arena.Take<float>(M * sizes.in);
        const size_t mark = arena.mark();  // attention's and the MLP's gradients never live at once
        dattention = arena.Take<T>(M * sizes.attention);
        dqkv = arena.Take<T>(M * sizes.qkv);
        const size_t attention_end = arena.mark();
        arena.Seek(mark);
        dact = arena.Take<T>(M * sizes.F);
        dgate_up = arena.Take<T>(M * 2 * sizes.F);
        arena.Seek(std::max(attention_end, arena.mark()));
    }
};

// Rows of a pass that go through the same adapter; `groups` by the numbers of the linear groups.
template <typename T>
struct PassAdapter {
    int64_t first = 0, count = 0;
    std::span<const GroupAdapter<T>> groups;
};

template <typename T>
struct Pass {
    const Context& context;
    int64_t M = 0;
    std::span<const int32_t> positions;        // [M]
    std::span<const int32_t> document_starts;  // [D + 1]
    const float* rope_cosine = nullptr;        // [positions, D / 2]
    const float* rope_sine = nullptr;
    Workspace<T>& workspace;
    bool training = false;  // dropout is on
    uint64_t seed = 0;      // of this micro-batch; each linear group mixes in its own number
    std::vector<PassAdapter<T>> adapters;  // beside the base, in the order of their rows

    // The rows that have an adapter in that group.
    std::vector<AdapterRows<T>> AdaptersOf(uint64_t group) const {
        std::vector<AdapterRows<T>> rows;
        rows.reserve(adapters.size());
        for (const PassAdapter<T>& run : adapters)
            if (const GroupAdapter<T>& adapter = run.groups[group]; adapter.rank_columns() > 0)
                rows.push_back({run.first, run.count, &adapter,
                                group + 1 < run.groups.size() ? &adapter + 1 : nullptr});
        return rows;
    }
};

}  // namespace hone
