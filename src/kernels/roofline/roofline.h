// What this machine allows at best: the matrix products of a training step done by oneDNN, with
// nothing in between, and the bytes that its memory yields.
//
// A training step, a prefill and a decode step are compared with these figures, in the same run on
// the same machine. Norms, activations, softmax, the loss, the optimiser and the data are left out:
// an engine reaches 1.0 only if they take no time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "tensor/context.h"

namespace hone {

struct RooflineShape {
    int64_t hidden = 0, attention = 0, key_value = 0, intermediate = 0, layers = 0;
    int64_t mlp_inputs = 2;  // products of the MLP's input: gate and up, or 1 without a gate
    int64_t vocabulary = 0;  // 0: without the head; layers 0: the head alone
    int64_t tokens = 0;      // of a step
    int64_t row_length = 0;  // of a sequence, for attention
    int64_t rank = 0;        // of LoRA on every linear layer of the layers
};

struct Roofline {
    double gemm_gflops = 0;
    // The base's products: forward, and the gradient of the input.
    double roofline_tokens_per_second = 0;
    // Those, attention (causal: forward 1 and backward 2.5 times) and the rank-r products (forward
    // 1 and backward 2 times) at the same rate.
    double limit_tokens_per_second = 0;
    // The base's products of a forward pass alone: what prefill is held against.
    double forward_tokens_per_second = 0;
};

// Takes some seconds: a few runs of each shape, the best counts. Uses all cores, through oneDNN's
// own threads. Where no instruction multiplies bf16, their products are f32 ones, and so is the
// measurement.
absl::StatusOr<Roofline> MeasureRoofline(const RooflineShape& shape, bool bf16_products);

// Bytes per second that all threads of the context together read from a buffer far larger than the
// caches, in order; the best of a few sweeps. Needs 256 MB and a fraction of a second.
double MeasureReadBandwidth(const Context& context);

}  // namespace hone
