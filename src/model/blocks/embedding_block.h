// The beginning of the network: x = scale * tokens[token] + positions[position]. A token below zero
// is a virtual one: -1 - i is the i-th, a learned vector in place of a row of the table, or zeros
// where other parts of the network have its numbers.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/blocks/embedding_delta.h"
#include "model/blocks/held_tensor.h"
#include "model/config/graph.h"
#include "model/files/model_files.h"
#include "model/linear/parameters.h"
#include "tensor/context.h"

namespace hone {

template <typename T>
class EmbeddingBlock {
  public:
    EmbeddingBlock(const ModelFiles& files, const EmbeddingSpec& spec, int64_t C);
    // Copies the tables: their rows are read one by one while the model lives.
    absl::Status Load(const ModelFiles& files);

    // Of the tokens' table, and of the positions'.
    const std::string& tensor() const { return tokens_.tensor->name; }
    const std::string& module() const { return tokens_.module; }
    // The names of the tables' modules, and their rows.
    std::vector<std::pair<std::string, int64_t>> modules();
    // Gives the table of that module a low-rank delta; false: it is none of these.
    bool AddLowRank(const std::string& module, const LowRankOptions& options);
    void PackLowRank(ParameterSet& parameters);
    // Whether Forward adds the deltas.
    void UseLowRank(bool use) { uses_low_rank_ = use; }
    void DropLowRank();
    // Makes the table of that module a parameter, if it is one of these; false: it is not.
    bool MakeTrainable(const std::function<bool(const std::string& module)>& matches);
    bool trainable() const {
        return tokens_.parameter >= 0 || positions_.parameter >= 0 || virtual_tokens_ > 0 ||
               tokens_.delta || positions_.delta;
    }
    // The parameter prompt_embeddings [count, C], beside a frozen table.
    void LearnVirtualTokens(int64_t count) { virtual_tokens_ = count; }
    void AddParameters(ParameterSet& parameters);
    absl::Status FillParameters(ParameterSet& parameters, const ModelFiles& files);
    int parameter() const { return tokens_.parameter; }  // of the tokens' table; -1: frozen
    size_t bytes() const { return tokens_.held.bytes() + positions_.held.bytes(); }

    // tokens and positions [M] -> x f32 [M, C] (=).
    absl::Status Forward(const Context& context, const std::vector<int32_t>& tokens,
                         std::span<const int32_t> positions, ParameterSet& parameters,
                         float* x) const;
    // dx f32 [M, C] -> the parameters' gradients (+=). dx means nothing afterwards.
    void Backward(const Context& context, const std::vector<int32_t>& tokens,
                  std::span<const int32_t> positions, float* dx, ParameterSet& parameters) const;

  private:
    struct Table {
        const ModelTensor* tensor = nullptr;
        std::string module;
        HeldTensor held;  // while it is frozen
        int parameter = -1;
        std::optional<EmbeddingDelta> delta;  // beside a frozen table
        int64_t rows() const { return tensor == nullptr ? 0 : tensor->rows(); }
    };
    std::vector<Table*> Tables();
    absl::Status ReadRow(const Table& table, int32_t row, ParameterSet& parameters,
                         float* out) const;

    // = what stands for the token before the positions are added.
    absl::Status ReadToken(int32_t token, ParameterSet& parameters, float* row) const;

    int64_t C_;
    float scale_, virtual_scale_;
    Table tokens_, positions_;
    int64_t virtual_tokens_ = 0;
    int virtual_parameter_ = -1;
    bool uses_low_rank_ = true;
};

}  // namespace hone
