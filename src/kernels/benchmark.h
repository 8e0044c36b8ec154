// How fast the ops run, on shapes of SmolLM2-135M: every implementation that does not decline, its
// result checked against the reference's. `hone bench kernels` prints the rows.
#pragma once

#include <string>
#include <vector>

#include "tensor/context.h"

namespace hone {

struct BenchRow {
    std::string op;        // "attention backward"
    std::string kernel;    // the implementation
    bool chosen = false;   // the one that is used here
    std::string shape;     // "bf16 4 x 512, 9 heads over 3 of 64"
    double seconds = 0;    // of the best run
    double rate = 0;       // in `unit`
    std::string unit;      // "GFLOP/s" or "GB/s" of what must be read and written
    double error = 0;      // largest difference from the reference, relative to its largest value
    std::string declined;  // better implementations that declined, "name: why; ..."
};

// Every op. `smoke`: tiny shapes, one run each, for a test.
std::vector<BenchRow> BenchKernels(const Context& context, bool smoke);

std::vector<BenchRow> BenchRmsNorm(const Context& context, bool smoke);
std::vector<BenchRow> BenchRope(const Context& context, bool smoke);
std::vector<BenchRow> BenchActivation(const Context& context, bool smoke);
std::vector<BenchRow> BenchAttention(const Context& context, bool smoke);
std::vector<BenchRow> BenchCrossEntropy(const Context& context, bool smoke);
std::vector<BenchRow> BenchEmbedding(const Context& context, bool smoke);
std::vector<BenchRow> BenchAdamW(const Context& context, bool smoke);
std::vector<BenchRow> BenchReduce(const Context& context, bool smoke);
std::vector<BenchRow> BenchDropout(const Context& context, bool smoke);
std::vector<BenchRow> BenchGemm(const Context& context, bool smoke);
std::vector<BenchRow> BenchGradients(const Context& context, bool smoke);
std::vector<BenchRow> BenchQuantizedGemm(const Context& context, bool smoke);
std::vector<BenchRow> BenchNf4(const Context& context, bool smoke);
std::vector<BenchRow> BenchGgufBlocks(const Context& context, bool smoke);
std::vector<BenchRow> BenchInt8(const Context& context, bool smoke);

}  // namespace hone
