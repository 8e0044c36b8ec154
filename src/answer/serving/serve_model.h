// The process that runs one model for a server: `hone serve-model`.
#pragma once

#include <optional>

#include "answer/serving/served_model.h"
#include "train/control/run_control.h"

namespace hone {

struct ServeModelOptions {
    LoadOptions load;
    ServedModelOptions model;
    // Bytes of the caches of sequences that run; default: half of what is free when the model is
    // loaded.
    std::optional<size_t> cache_bytes;
    int requests_fd = 0, answers_fd = 1;
};

// Loads the model and answers requests until they end and are answered, or `control` is to end, or
// nobody reads the answers any more. An error of loading is written as a line, too.
absl::Status ServeModel(ChosenModel chosen, const ServeModelOptions& options,
                        const Context& context, const RunControl& control);

}  // namespace hone
