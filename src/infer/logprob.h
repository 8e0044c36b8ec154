// How likely a model finds tokens.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace hone {

// Natural logarithms of what the model itself thinks, before penalties, masks and temperature.
struct TokenLogprob {
    int32_t token = 0;
    float logprob = 0;
    std::vector<std::pair<int32_t, float>> top;  // the likeliest first
};

// Of a token under softmax(logits), and of the `top` likeliest, the first of equal ones first.
TokenLogprob LogprobOf(std::span<const float> logits, int32_t token, int64_t top);

}  // namespace hone
