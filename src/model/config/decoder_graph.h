// From a family's table to its graph.
#pragma once

#include <functional>

#include "model/config/arch.h"
#include "model/config/graph.h"

namespace hone {

// What the config's numbers and the names in the table say, then the family's own `wire`. Of each
// layer, where the config has them:
//
//   attention_norm, attention.{q, k, v} or attention.qkv, attention.{q_norm, k_norm}, attention.o,
//   attention_post_norm, mlp_norm, mlp.{gate, up} or mlp.gate_up (a gated MLP) or mlp.up, mlp.down,
//   mlp_post_norm
//
// and beside them embedding, positions, norm, head. NAME.bias is NAME's bias; a norm that has one
// is a layer norm, and one without is of the root mean square.
ModelGraph MakeGraph(const ArchSpec& arch, const ModelConfig& config);

// For a family's `wire`.
void ForEachNorm(ModelGraph& graph, const std::function<void(NormSpec&)>& change);
// A `wire`: the tensors of all norms hold their weights less one.
void WirePlusOneNorms(const ModelConfig& config, ModelGraph& graph);

}  // namespace hone
