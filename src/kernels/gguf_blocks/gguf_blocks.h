// The blocks of numbers that GGUF files hold weights in, unpacked. ggml-common.h of
// https://github.com/ggml-org/ggml describes each layout.
#pragma once

#include <cstdint>

#include "kernels/dispatch/dispatch.h"

namespace hone {

// Each unpacks whole blocks, which lie side by side: bytes -> out [blocks * elements of a block]
// (=). The arithmetic is that of ggml's reference dequantize_row_* functions, operation by
// operation in f32, so floats are the same bits; bf16 are these, rounded.
template <typename T>
struct GgufBlockFunctions {
    using Unpack = void (*)(int64_t blocks, const uint8_t* bytes, T* out);
    Unpack q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl;  // 32 elements in a block
    Unpack q2_k, q3_k, q4_k, q5_k, q6_k, iq4_xs;  // 256
};

// What the 16 codes of the IQ4 types stand for.
inline constexpr int8_t kIQ4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

// Best first; explained as op "gguf_blocks".
template <typename T>
const KernelList<AnyProblem, GgufBlockFunctions<T>>& GgufBlockKernels();
template <typename T>
GgufBlockFunctions<T> GgufBlocksHighway();

}  // namespace hone
