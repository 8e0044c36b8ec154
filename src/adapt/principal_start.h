// PiSSA (Meng et al. 2024, arXiv:2404.02948): A and B start as the part of the weight that has its
// largest singular values, in place of a random A and a B of zeros.
//
// PEFT takes that part out of the base, so that the model as it starts is the base. Here the base
// stays as it is, and a fixed pair A0, B0 with the same numbers is subtracted
// (LowRankOptions::fixed_pair). The delta is scale * (B A - B0 A0) then: a plain LoRA of twice the
// rank, [A; A0] and [B, -B0], which is what is saved. It goes with the base as others do.
#pragma once

#include <string>

#include "adapt/lora.h"

namespace hone {

bool HasPrincipalStart(const LoraConfig& config);

// A, B = and the fixed pairs =, of every layer that has one.
absl::Status StartFromPrincipal(Model& model, const LoraConfig& config, const Context& context);

// LoftQ (Li et al. 2023, arXiv:2310.08659) with one iteration, over a base whose layers are held in
// NF4: scale * B A starts as the principal part of what quantisation takes from each weight. A, B
// =, of a model whose adapter was just applied; the base is as NF4 has it anyway.
absl::Status StartFromQuantizationError(Model& model, const LoraConfig& config, bool double_quant,
                                        const Context& context);

// The plain LoRA of twice the rank: its configuration, and its parameters from the model's. Other
// parameters are copied.
LoraConfig PlainConfig(const LoraConfig& config);
ParameterSet PlainParameters(Model& model);
// model.parameters().values() = from such a plain one. An error of kind kModel where its fixed half
// is of another start.
absl::Status TakePlainParameters(ParameterSet& plain, Model& model);

// The `rank` largest singular values of w [out, in] and their vectors, from which A0 = sqrt(S /
// scale) V^T [rank, in] (=) and B0 = U sqrt(S / scale) [out, rank] (=). By subspace iteration from
// fixed random numbers: always the same bits.
void PrincipalPair(int64_t out, int64_t in, int64_t rank, double scale, const float* w, float* a,
                   float* b);

}  // namespace hone
