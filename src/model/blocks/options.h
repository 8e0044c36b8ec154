// How a model's weights are held and computed with, and what is attached to its linear layers.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/gemm/gemm.h"

namespace hone {

enum class ComputeType { kF32, kBF16 };

struct LoadOptions {
    ComputeType compute = ComputeType::kBF16;
    // How the frozen weights are kept; integers are for inference only. With kInt4 the head stays
    // int8: it picks the token. With kNf4 and kInt8Channels the head stays as T: bitsandbytes
    // leaves it alone too, and the gradient of the logits has too wide a range for 8 bits.
    WeightStorage storage = WeightStorage::kNative;
    bool double_quant = true;  // kNf4: the blocks' absmax in 8 bits
    float focal_gamma = 0;     // of a head of labels of which one is right: label_loss.h
};

// y = W x + scale * B (A dropout(x)). A [rank, in], B [out, rank]: parameters named
// NAME.lora_A.weight and so on.
struct LowRankOptions {
    int64_t rank = 0;
    float scale = 1;
    float dropout = 0;
};

// The delta of one linear layer in an adapter that is used beside the base.
struct LowRankDelta {
    std::string linear;
    LowRankOptions options;    // its dropout means nothing here
    std::span<const float> a;  // [rank, in]
    std::span<const float> b;  // [out, rank]
};

}  // namespace hone
