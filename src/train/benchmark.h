// How fast a training step runs here, and how fast it could: `hone bench train`.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "kernels/roofline/roofline.h"
#include "train/options/options.h"

namespace hone {

struct TrainBenchmarkOptions {
    // What is trained of which model: its method, adapter, torch_dtype, base_compute and threads.
    FinetuneOptions run;
    int64_t batch_size = 4;          // rows a step
    int64_t seq_len = 512;           // tokens a row, all of them labelled
    int64_t micro_batch_tokens = 0;  // tokens at a time; 0: as training chooses
    bool gradient_checkpointing = false;
    int steps = 5;  // measured after one that warms up; the fastest counts
};

struct TrainBenchmarkResult {
    double tokens_per_second = 0;
    double step_time_ms = 0;
    size_t peak_memory_bytes = 0;  // of the process, before the roofline is measured
    size_t activation_bytes = 0;   // of the plan: what is kept for the backward pass
    int64_t micro_batch_tokens = 0;
    int64_t trainable_parameters = 0;
    double nf4_bits_per_weight = 0;  // of the layers held in NF4; 0: none
    Roofline roofline;
    double limit_ratio() const { return tokens_per_second / roofline.limit_tokens_per_second; }
};

// Random tokens, one row a document; forward, backward, clipping, AdamW and packing of the
// adapters, as training does.
absl::StatusOr<TrainBenchmarkResult> BenchmarkTraining(const TrainBenchmarkOptions& options);

}  // namespace hone
