// How a model's weights are held and computed with, and what is attached to its linear layers.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/activation/activation.h"
#include "kernels/gemm/gemm.h"
#include "kernels/nf4/four_bits.h"

namespace hone {

enum class ComputeType { kF32, kBF16 };

struct LoadOptions {
    ComputeType compute = ComputeType::kBF16;
    // How the frozen weights are kept; integers are for inference only. With kInt4 the head stays
    // int8: it picks the token. With kNf4, kGgufBlocks and kInt8Channels the head stays as T:
    // bitsandbytes leaves it alone too, and the gradient of the logits has too wide a range for 8
    // bits. With kGgufBlocks, layers that are not in blocks in their file are kNative.
    WeightStorage storage = WeightStorage::kNative;
    FourBits four_bits = FourBits::kNf4;  // kNf4: which floats of 4 bits
    bool double_quant = true;             // kNf4: the blocks' absmax in 8 bits
    float focal_gamma = 0;                // of a head of labels of which one is right: label_loss.h
    bool operator==(const LoadOptions&) const = default;
};

// y = W x + scale * B (A dropout(x)). A [rank, in], B [out, rank]: parameters named
// NAME.lora_A.weight and so on. With use_dora all of that times a factor for each output, and the
// bias after it (weight_magnitude.h): its magnitudes [out] are NAME.lora_magnitude_vector.
//
// Of an embedding, x is a token's column of ones and zeros: A [rank, tokens] and B [C, rank] are
// NAME.lora_embedding_A and NAME.lora_embedding_B, and nothing is dropped.
struct LowRankOptions {
    int64_t rank = 0;
    float scale = 1;
    float dropout = 0;
    bool use_dora = false;
    // The delta is scale * (B A - B0 A0) with a pair that stays as it is (Model::SetFixedPair): so
    // training can start from other numbers than a B of zeros.
    bool fixed_pair = false;
};

// Where IA3 (arXiv:2205.05638) has a learned vector l in a layer: y = l * (W x + bias), or
// y = W (l * x) + bias.
enum class ScaledSide { kNone, kInput, kOutput };

// Tokens that stand ahead of every document and are learned: vectors in place of embeddings
// (prompt tuning, arXiv:2104.08691), or keys and values of every layer (prefix tuning,
// arXiv:2101.00190).
enum class VirtualTokens { kEmbeddings, kKeysAndValues };
inline constexpr int64_t kMaxVirtualTokens = 4096;

// A bottleneck adapter (bottleneck.h) behind a half of a layer: what it reads of the half's output
// r, which joins the residual stream x, and of x before that.
enum class BottleneckInput { kOutput, kSum, kStream };  // r, x + r, x

// The half of each layer that it stands behind.
enum class LayerHalf { kAttention, kMlp };

struct BottleneckOptions {
    int64_t size = 0;  // numbers of a token between its two linear layers
    ActivationKind activation = ActivationKind::kRelu;
    float scale = 1;
    BottleneckInput input = BottleneckInput::kOutput;
};
inline constexpr int64_t kMaxBottleneck = 65'536;

// A0 [rank, in] and B0 [out, rank].
struct FixedPair {
    std::span<const float> a, b;
};

// What a pass that trains adds, beside dropout, and one that evaluates leaves out.
struct Regularization {
    // The share of each label that goes to all tokens evenly.
    float label_smoothing = 0;
    // NEFTune (arXiv:2310.05914): even noise on the embedded tokens, up to this over the root of
    // the document's tokens times the hidden size; 0: none.
    float neftune_noise_alpha = 0;
};

// The delta of one linear layer in an adapter that is used beside the base.
struct LowRankDelta {
    std::string linear;
    LowRankOptions options;    // its dropout means nothing here
    std::span<const float> a;  // [rank, in]
    std::span<const float> b;  // [out, rank]
};

}  // namespace hone
