// An adapter merged into its base: one model in Hugging Face's layout, which needs no PEFT.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "model/files/model_files.h"
#include "tensor/context.h"
#include "tensor/dtype.h"

namespace hone {

struct MergeOptions {
    std::string adapter;                  // PEFT's folder
    std::string output;                   // the folder to make: not there yet, or empty
    int64_t shard_bytes = 5'000'000'000;  // the most bytes of weights in one file
};

struct MergeReport {
    int64_t layers = 0;   // that carry a delta
    int64_t modules = 0;  // tensors that the adapter holds whole
    DType dtype = DType::kBF16;
    int64_t files = 0;
    int64_t bytes = 0;  // of weights
    // How far the logits of the written model lie from those of base and adapter, as a share of
    // these (root mean squares), and what is allowed: rounding to dtype moves them.
    double difference = 0, tolerance = 0;
};

// W + scale * B A, in f32 and rounded once to the base's own type, or to bfloat16 where the base is
// quantised. A tied embedding and head become two where the adapter makes them differ. `base` is as
// OpenModel left it. The folder gets its name only after the model in it was read back: every
// number is what was to be written, and the logits of some tokens are those of base and adapter
// within the tolerance; otherwise nothing of it remains.
absl::StatusOr<MergeReport> MergeAdapter(ModelFiles& base, const MergeOptions& options,
                                         const Context& context);

// "5GB", "500MB", "2GiB" or a number of bytes, as transformers reads them.
absl::StatusOr<int64_t> ParseShardSize(const std::string& text);

}  // namespace hone
