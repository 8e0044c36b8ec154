#include "model/blocks/embedding_block.h"

#include <algorithm>
#include <mutex>

#include "kernels/embedding/embedding.h"
#include "tensor/dtype.h"

namespace hone {

template <typename T>
EmbeddingBlock<T>::EmbeddingBlock(const ModelFiles& files, const EmbeddingSpec& spec, int64_t C)
    // transformers multiplies in the type that the model runs in.
    : C_(C),
      scale_(ToFloat(FromFloat<T>(spec.scale))),
      virtual_scale_(spec.scales_virtual_tokens ? scale_ : 1) {
    tokens_.tensor = FindModelTensor(files, spec.tokens);
    tokens_.module = ModuleName(files, spec.tokens);
    if (spec.positions.empty()) return;
    positions_.tensor = FindModelTensor(files, spec.positions);
    positions_.module = ModuleName(files, spec.positions);
}

template <typename T>
std::vector<typename EmbeddingBlock<T>::Table*> EmbeddingBlock<T>::Tables() {
    if (positions_.tensor == nullptr) return {&tokens_};
    return {&tokens_, &positions_};
}

template <typename T>
absl::Status EmbeddingBlock<T>::Load(const ModelFiles& files) {
    for (Table* table : Tables()) {
        HONE_ASSIGN_OR_RETURN(table->held, HeldTensor::Copy(*table->tensor->stored, sizeof(T) == 2,
                                                            [&] { files.weights->DropPages(); }));
    }
    return absl::OkStatus();
}

template <typename T>
std::vector<std::pair<std::string, int64_t>> EmbeddingBlock<T>::modules() {
    std::vector<std::pair<std::string, int64_t>> modules;
    for (const Table* table : Tables()) modules.emplace_back(table->module, table->rows());
    return modules;
}

template <typename T>
bool EmbeddingBlock<T>::AddLowRank(const std::string& module, const LowRankOptions& options) {
    for (Table* table : Tables()) {
        if (table->module != module) continue;
        table->delta.emplace(module, table->rows(), C_, options);
        return true;
    }
    return false;
}

template <typename T>
void EmbeddingBlock<T>::PackLowRank(ParameterSet& parameters) {
    for (Table* table : Tables())
        if (table->delta) table->delta->Pack(parameters);
}

template <typename T>
void EmbeddingBlock<T>::DropLowRank() {
    for (Table* table : Tables()) table->delta.reset();
    uses_low_rank_ = true;
}

template <typename T>
bool EmbeddingBlock<T>::MakeTrainable(
    const std::function<bool(const std::string& module)>& matches) {
    bool found = false;
    for (Table* table : Tables())
        if (matches(table->module)) found = true, table->parameter = 0;
    return found;
}

template <typename T>
void EmbeddingBlock<T>::AddParameters(ParameterSet& parameters) {
    if (virtual_tokens_ > 0) {
        HONE_CHECK(tokens_.parameter < 0, "virtual tokens beside a table that is trained");
        virtual_parameter_ = parameters.Add("prompt_embeddings", {virtual_tokens_, C_}, true);
    }
    for (Table* table : Tables()) {
        if (table->delta) table->delta->AddParameters(parameters);
        if (table->parameter < 0) continue;
        HONE_CHECK(!table->delta, "a delta of a table that is trained");
        table->parameter = parameters.Add(table->module + ".weight", {table->rows(), C_}, true);
        table->held = {};
    }
}

template <typename T>
absl::Status EmbeddingBlock<T>::FillParameters(ParameterSet& parameters, const ModelFiles& files) {
    for (Table* table : Tables())
        if (table->parameter >= 0)
            HONE_RETURN_IF_ERROR(ReadModelRows(files, *table->tensor, 0, table->rows(),
                                               parameters.value(table->parameter)));
    return absl::OkStatus();
}

template <typename T>
absl::Status EmbeddingBlock<T>::ReadRow(const Table& table, int32_t row, ParameterSet& parameters,
                                        float* out) const {
    absl::Status status = table.held.ReadRows(row, row + 1, out);
    for (int64_t c = 0; c < C_; ++c) out[c] = ToFloat(FromFloat<T>(out[c]));
    if (table.delta && uses_low_rank_) table.delta->AddTo(parameters, row, out);
    return status;
}

template <typename T>
absl::Status EmbeddingBlock<T>::ReadToken(int32_t token, ParameterSet& parameters,
                                          float* row) const {
    absl::Status status;
    if (token >= 0)
        status = ReadRow(tokens_, token, parameters, row);
    else if (virtual_parameter_ < 0)
        std::fill_n(row, C_, 0.0f);
    else
        std::copy_n(parameters.value(virtual_parameter_) + (-1 - token) * C_, C_, row);
    const float scale = token >= 0 ? scale_ : virtual_scale_;
    if (scale != 1)
        for (int64_t c = 0; c < C_; ++c) row[c] *= scale;
    return status;
}

template <typename T>
absl::Status EmbeddingBlock<T>::Forward(const Context& context, const std::vector<int32_t>& tokens,
                                        std::span<const int32_t> positions,
                                        ParameterSet& parameters, float* x) const {
    const int64_t M = static_cast<int64_t>(tokens.size());
    std::mutex mutex;
    absl::Status failed;
    const auto add_positions = [&](int64_t i, float* row, std::vector<float>& position) {
        if (positions_.tensor == nullptr) return absl::OkStatus();
        const float* values = position.data();
        absl::Status status;
        if (positions_.parameter >= 0)
            values = parameters.value(positions_.parameter) + positions[i] * C_;
        else
            status = ReadRow(positions_, positions[i], parameters, position.data());
        for (int64_t c = 0; c < C_; ++c) row[c] += values[c];
        return status;
    };
    const bool learned = tokens_.parameter >= 0;
    if (learned)
        EmbeddingForward<float>(context, M, C_, tokens_.rows(), tokens.data(),
                                parameters.value(tokens_.parameter), x);
    if (learned && scale_ == 1 && positions_.tensor == nullptr) return absl::OkStatus();
    constexpr int64_t kTokens = 32;
    context.ParallelFor((M + kTokens - 1) / kTokens, [&](int64_t task, int) {
        std::vector<float> position(positions_.tensor == nullptr ? 0 : static_cast<size_t>(C_));
        for (int64_t i = task * kTokens; i < std::min(M, (task + 1) * kTokens); ++i) {
            float* row = x + i * C_;
            absl::Status status;
            if (!learned)
                status = ReadToken(tokens[i], parameters, row);
            else if (scale_ != 1)
                for (int64_t c = 0; c < C_; ++c) row[c] *= scale_;
            status.Update(add_positions(i, row, position));
            if (status.ok()) continue;
            std::lock_guard lock(mutex);
            failed.Update(status);
        }
    });
    return failed;
}

template <typename T>
void EmbeddingBlock<T>::Backward(const Context& context, const std::vector<int32_t>& tokens,
                                 std::span<const int32_t> positions, float* dx,
                                 ParameterSet& parameters) const {
    const int64_t M = static_cast<int64_t>(tokens.size());
    if (positions_.parameter >= 0)
        EmbeddingBackward(context, M, C_, positions_.rows(), positions.data(), dx,
                          parameters.gradient(positions_.parameter));
    if (positions_.delta) positions_.delta->Backward(context, positions, dx, parameters);
    if (virtual_parameter_ >= 0) {
        float* gradient = parameters.gradient(virtual_parameter_);
        for (int64_t i = 0; i < M; ++i)
            for (int64_t c = 0; tokens[i] < 0 && c < C_; ++c)
                gradient[(-1 - tokens[i]) * C_ + c] += virtual_scale_ * dx[i * C_ + c];
    }
    if (tokens_.parameter < 0 && !tokens_.delta) return;
    if (scale_ != 1)
        for (int64_t i = 0; i < M * C_; ++i) dx[i] *= scale_;
    if (tokens_.delta) return tokens_.delta->Backward(context, tokens, dx, parameters);
    EmbeddingBackward(context, M, C_, tokens_.rows(), tokens.data(), dx,
                      parameters.gradient(tokens_.parameter));
}

template class EmbeddingBlock<float>;
template class EmbeddingBlock<bf16>;

}  // namespace hone
