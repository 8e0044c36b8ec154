// One linear layer of a group, and what was attached to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config/graph.h"
#include "model/files/model_files.h"
#include "model/linear/options.h"

namespace hone {

// Parameter indices are -1 where there is nothing to train.
struct LinearMember {
    std::string name;          // what users and PEFT call it: "model.layers.0.self_attn.q_proj"
    std::string weight, bias;  // in the family's table; bias may be empty
    int64_t out = 0;
    int64_t column = 0;                   // first column in the group's output
    LowRankOptions low_rank;              // rank 0: none
    int64_t rank_column = 0;              // first column in h
    int a = -1, b = -1;                   // lora_A [rank, in], lora_B [out, rank]
    int magnitude = -1;                   // lora_magnitude_vector [out], of DoRA
    std::vector<float> fixed_a, fixed_b;  // of LowRankOptions::fixed_pair: behind A and B in h
    ScaledSide scaled_side = ScaledSide::kNone;
    int scale = -1;  // ia3_l [out, 1] or [1, in]
    int own_weight = -1, own_bias = -1;
    int tied_weight = -1;  // the parameter that own_weight becomes, where another module has it
};

// The member for a linear layer of the graph. `name` is what users call it; empty: as the table
// says.
LinearMember MakeMember(const ModelFiles& files, const LinearSpec& spec, std::string name = "");
std::vector<LinearMember> MakeMembers(const ModelFiles& files,
                                      const std::vector<LinearSpec>& specs);

// Columns of h that a delta has.
int64_t DeltaColumns(const LowRankOptions& options);

// B of the member's delta as products take it, from b [out, rank]: [out, DeltaColumns] of scale *
// B, then of a fixed pair -scale * B0.
std::vector<float> ScaledB(const LinearMember& member, const float* b);

}  // namespace hone
