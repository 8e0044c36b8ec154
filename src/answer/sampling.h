// How answers are drawn: what a user says, and what the model's makers say where the user does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/chat_files.h"
#include "infer/request.h"

namespace hone {

struct SamplingChoice {
    int64_t max_new_tokens = 256;
    std::optional<float> temperature, top_p, min_p, repetition_penalty;
    std::optional<int64_t> top_k;
    uint64_t seed = 42;
    std::vector<std::string> stop;  // the answer ends before the first of these
    // Whether generation_config.json counts. Without it an answer is the likeliest one, unless the
    // user says otherwise.
    bool as_model_says = true;
    // Where neither the user nor generation_config.json says one; 0: always the likeliest token.
    float fallback_temperature = 0;

    // What is not said comes from `model`'s defaults where those sample.
    GenerateOptions Resolve(const GenerationDefaults& model) const;
};

}  // namespace hone
