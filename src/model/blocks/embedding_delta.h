// A low-rank delta of a table of embeddings, as PEFT has it: row i of the table gets
// scale * B A[:, i]. A [rank, rows] and B [C, rank] are the parameters MODULE.lora_embedding_A and
// MODULE.lora_embedding_B.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/linear/options.h"
#include "model/linear/parameters.h"
#include "tensor/context.h"

namespace hone {

class EmbeddingDelta {
  public:
    EmbeddingDelta(std::string module, int64_t rows, int64_t C, const LowRankOptions& options)
        : module_(std::move(module)),
          rows_(rows),
          C_(C),
          rank_(options.rank),
          scale_(options.scale) {}

    void AddParameters(ParameterSet& parameters);
    // After the values changed.
    void Pack(ParameterSet& parameters);
    // values [C] += what the table's row `row` gets.
    void AddTo(ParameterSet& parameters, int32_t row, float* values) const;
    // The parameters' gradients (+=) from dx f32 [M, C], the gradients of what rows [M] of the
    // table gave; a row below zero gave nothing.
    void Backward(const Context& context, std::span<const int32_t> rows, const float* dx,
                  ParameterSet& parameters) const;

  private:
    std::string module_;
    int64_t rows_, C_, rank_;
    float scale_;
    int a_ = -1, b_ = -1;
    std::vector<float> up_;  // [rank, C]: scale * B, transposed
};

}  // namespace hone
