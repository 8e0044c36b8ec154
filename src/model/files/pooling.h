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

// The same of `text` [C] (=), before it is brought to length 1, and its length. What PoolGradient
// needs, once the hidden states are gone, is the embedding and this length.
double PoolUnscaled(Pooling pooling, const float* hidden, int64_t tokens, int64_t C, float* text);

// hidden_slopes [tokens, C] (=): the derivative by each hidden state of what has the derivative
// slopes [C] by the embedding.
void PoolGradient(Pooling pooling, const float* embedding, double length, const float* slopes,
                  int64_t tokens, int64_t C, float* hidden_slopes);

// Writes what ReadPooling and Python's sentence_transformers read: modules.json and
// 1_Pooling/config.json, of a model whose embeddings have `dimensions` numbers.
absl::Status WritePooling(Pooling pooling, int64_t dimensions, const std::string& folder);
// Whether the folder of a model or an adapter says how texts become embeddings.
bool HasPooling(const std::string& folder);
// Of the adapter's folder where that says it, else of the model.
absl::StatusOr<Pooling> ReadPooling(const ModelFiles& files, const std::string& adapter);

// The first numbers alone, again of length 1.
void Shorten(std::vector<float>& embedding, size_t dimensions);

}  // namespace hone
