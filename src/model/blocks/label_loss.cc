#include "model/blocks/label_loss.h"

#include <algorithm>
#include <cmath>

#include "tensor/dtype.h"

namespace hone {

FocalTerm FocalLoss(double nll, double weight, double gamma) {
    // 1 - p, with its digits where p is nearly 1.
    const double p = std::exp(-nll), rest = std::max(-std::expm1(-nll), 1e-12);
    const double factor = std::pow(rest, gamma);
    return {.loss = weight * factor * nll,
            .slope = weight * (factor + gamma * p * std::pow(rest, gamma - 1) * nll)};
}

BinaryTerm BinaryLoss(std::span<const float> logits, const std::vector<bool>& right, float weight) {
    BinaryTerm term{.correct = true};
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
        const double z = logits[i];
        // -log sigmoid(z) or -log(1 - sigmoid(z)), without overflow.
        sum += std::max(z, 0.0) - (right[i] ? z : 0.0) + std::log1p(std::exp(-std::abs(z)));
        term.correct = term.correct && (z > 0) == right[i];
    }
    term.loss = weight * sum / static_cast<double>(logits.size());
    return term;
}

template <typename T>
void BinaryGradient(std::span<float> logits, const std::vector<bool>& right, float weight,
                    float scale) {
    const float factor = weight * scale / static_cast<float>(logits.size());
    // Element i of T ends no later than element i of float begins to be needed.
    for (size_t i = 0; i < logits.size(); ++i) {
        const float probability = 1 / (1 + std::exp(-logits[i]));
        const T rounded = FromFloat<T>((probability - (right[i] ? 1.0f : 0.0f)) * factor);
        __builtin_memcpy(reinterpret_cast<char*>(logits.data()) + i * sizeof(T), &rounded,
                         sizeof(T));
    }
}

template void BinaryGradient<float>(std::span<float>, const std::vector<bool>&, float, float);
template void BinaryGradient<bf16>(std::span<float>, const std::vector<bool>&, float, float);

std::vector<bool> LabelsOf(const Batch& batch, int64_t token, int64_t V) {
    std::vector<bool> right(static_cast<size_t>(V));
    const auto first =
        std::lower_bound(batch.labels.begin(), batch.labels.end(), token,
                         [](const TokenLabel& label, int64_t at) { return label.token < at; });
    for (auto label = first; label != batch.labels.end() && label->token == token; ++label)
        right[static_cast<size_t>(label->label)] = true;
    return right;
}

}  // namespace hone
