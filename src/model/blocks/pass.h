// What a block is given besides its own weights: the batch, and memory that all blocks share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "model/blocks/bottleneck.h"
#include "model/linear/linear_group.h"
#include "tensor/buffer.h"
#include "tensor/context.h"

namespace hone {

// Sizes that the shared memory must cover: each block raises those that it needs.
struct BlockSizes {
    int64_t M = 0;              // tokens
    int64_t C = 0;              // residual stream
    int64_t in = 0;             // widest input of a linear group
    int64_t attention = 0;      // H * D
    int64_t qkv = 0;            // (H + 2 KV) * D
    int64_t heads = 0;          // of queries or keys that have a norm
    int64_t F = 0;              // MLP
    int64_t mlp_in = 0;         // what its activation reads
    int64_t rank_columns = 0;   // widest h
    int64_t saved_columns = 0;  // most that a group saves of a token
    int64_t scaled_out = 0;     // widest output that is scaled (LinearGroup::scaled)
    int64_t scaled_in = 0;      // widest input that is scaled (LinearGroup::scales_input)
    int64_t panels = 0;         // of the largest group (LinearGroup::panel_elements)
    int64_t row_codes = 0;      // widest row of activations in 8 bits
    int64_t bottleneck = 0;     // widest of them; 0: there are none
    bool dropout = false;
    bool backward = false;
    bool mlp_in_shared = false;  // the layers keep no mlp_in of their own
    bool residual = false;       // outputs do not go straight into the residual stream
    bool parallel = false;       // two halves of a layer have one input

    template <typename T>
    void Cover(const LinearGroup<T>& group) {
        in = std::max(in, group.in());
        rank_columns = std::max(rank_columns, group.rank_columns());
        saved_columns = std::max(saved_columns, group.saved_columns());
        if (group.scaled()) scaled_out = std::max(scaled_out, group.padded_out());
        if (group.scales_input()) scaled_in = std::max(scaled_in, group.in());
        panels = std::max(panels, group.frozen().panel_elements(backward));
        row_codes = std::max(row_codes, group.frozen().row_codes());
        dropout |= group.dropout() > 0;
    }
};

// Pieces for M tokens; what one block leaves here, the next overwrites.
template <typename T>
struct Workspace {
    T* y = nullptr;           // [M, C] normalised input of a block
    T* act = nullptr;         // [M, F]
    float* dy = nullptr;      // [M, C] gradient of y
    float* dy_mlp = nullptr;  // [M, C] the MLP's share, where it has attention's input
    float* out = nullptr;     // [M, C] of a half of a layer, before it joins the residual stream
    T* dout = nullptr;        // [M, C]
    float* dheads = nullptr;  // [M, heads]
    T* dattention = nullptr;  // [M, H * D]
    T* dqkv = nullptr;        // [M, qkv]
    T* dmlp_in = nullptr;     // [M, mlp_in]
    T* dact = nullptr;        // [M, F]
    T* mlp_in = nullptr;      // [M, mlp_in]
    BottleneckScratch<T> bottleneck;
    LinearScratch<T> linear;

    void Take(Arena& arena, const BlockSizes& sizes) {
        const int64_t M = sizes.M;
        y = arena.Take<T>(M * sizes.C);
        act = arena.Take<T>(M * sizes.F);
        if (sizes.dropout) linear.dropped = arena.Take<T>(M * sizes.in);
        if (sizes.scaled_in > 0) linear.scaled_in = arena.Take<T>(M * sizes.scaled_in);
        if (sizes.mlp_in_shared) mlp_in = arena.Take<T>(M * sizes.mlp_in);
        if (sizes.residual) out = arena.Take<float>(M * sizes.C);
        if (sizes.panels > 0) linear.panels = arena.Take<T>(sizes.panels);
        if (sizes.row_codes > 0) {
            linear.codes = arena.Take<uint8_t>(M * sizes.row_codes);
            linear.row_scales = arena.Take<float>(M);
        }
        if (sizes.bottleneck > 0)
            bottleneck.Take(arena, M, sizes.C, sizes.bottleneck, sizes.backward);
        if (!sizes.backward) return;
        dy = arena.Take<float>(M * sizes.C);
        if (sizes.parallel) dy_mlp = arena.Take<float>(M * sizes.C);
        if (sizes.residual) dout = arena.Take<T>(M * sizes.C);
        if (sizes.heads > 0) dheads = arena.Take<float>(M * sizes.heads);
        linear.dh = arena.Take<T>(M * std::max<int64_t>(sizes.rank_columns, 1));
        if (sizes.dropout) linear.dx = arena.Take<float>(M * sizes.in);
        if (sizes.scaled_out > 0) linear.scaled = arena.Take<T>(M * sizes.scaled_out);
        const size_t mark = arena.mark();  // attention's and the MLP's gradients never live at once
        dattention = arena.Take<T>(M * sizes.attention);
        dqkv = arena.Take<T>(M * sizes.qkv);
        const size_t attention_end = arena.mark();
        arena.Seek(mark);
        dact = arena.Take<T>(M * sizes.F);
        dmlp_in = arena.Take<T>(M * sizes.mlp_in);
        arena.Seek(std::max(attention_end, arena.mark()));
    }
};

// Rows of a pass that go through the same adapter; `groups` by the numbers of the linear groups.
template <typename T>
struct PassAdapter {
    int64_t first = 0, count = 0;
    std::span<const GroupAdapter<T>> groups;
};

// A table of rotary positions, and which of its rows each token has.
struct PassRotary {
    int64_t dims = 0;               // elements of a head that turn
    const float* cosine = nullptr;  // [rows, dims / 2]
    const float* sine = nullptr;
    const int32_t* rows = nullptr;  // [M]
};

// Learned keys and values, in place of those that each document's first tokens would have (prefix
// tuning).
struct PassPrefix {
    int64_t count = 0;                    // tokens; 0: none
    std::span<const int32_t> first_rows;  // of the documents that begin in this pass
    int parameter = -1;                   // [count, layers, keys and values, KV, D]
    const float* values = nullptr;        // of the parameter
};

template <typename T>
struct Pass {
    const Context& context;
    int64_t M = 0;
    std::span<const int32_t> positions;        // [M]
    std::span<const int32_t> document_starts;  // [D + 1]
    std::span<const PassRotary> rotary;        // by the numbers of ModelGraph::rotary
    Workspace<T>& workspace;
    bool training = false;  // dropout is on
    uint64_t seed = 0;      // of this micro-batch; each linear group mixes in its number
    PassPrefix prefix;
    std::vector<PassAdapter<T>> adapters;  // beside the base, in the order of their rows

    uint64_t SeedOf(const LinearGroup<T>& group) const { return RandomAt(seed, group.number); }

    // The rows that have an adapter in that group.
    std::vector<AdapterRows<T>> AdaptersOf(const LinearGroup<T>& linear) const {
        const uint64_t group = linear.number;
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
