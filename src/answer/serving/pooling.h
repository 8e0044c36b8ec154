// How a text's embedding comes of its tokens' hidden states.
#pragma once

#include "model/files/model_files.h"

namespace hone {

enum class Pooling { kMean, kFirst, kLast };

// What the model's files say: 1_Pooling/config.json of sentence-transformers beside the weights, or
// GGUF's pooling_type; kMean where they say nothing. A way that this does not know is an error of
// kind kModel.
absl::StatusOr<Pooling> ReadPooling(const ModelFiles& files);

// hidden [tokens, C] -> embedding [C] of length 1. The sums run in double, in the tokens' order.
std::vector<float> Pool(Pooling pooling, const float* hidden, int64_t tokens, int64_t C);

// The first numbers alone, again of length 1.
void Shorten(std::vector<float>& embedding, size_t dimensions);

}  // namespace hone
