// What users call the ways in which a model that is not trained is held: --weights of the commands
// that ask it, --teacher_weights of training.
#pragma once

#include <string_view>
#include <vector>

#include "model/linear/options.h"

namespace hone {

// The first is the default.
inline std::vector<std::string_view> WeightNames() {
    return {"bf16", "f32", "int8", "int4", "nf4", "fp4"};
}

// That of one of these names.
inline LoadOptions LoadingNamed(std::string_view weights) {
    LoadOptions options;
    if (weights == "f32") options.compute = ComputeType::kF32;
    if (weights == "int8") options.storage = WeightStorage::kInt8;
    if (weights == "int4") options.storage = WeightStorage::kInt4;
    if (weights == "nf4" || weights == "fp4") options.storage = WeightStorage::kNf4;
    if (weights == "fp4") options.four_bits = FourBits::kFp4;
    return options;
}

}  // namespace hone
