// What the options say of a step: the optimiser, and what training adds to a pass.
#pragma once

#include "model/config/config.h"
#include "model/linear/options.h"
#include "train/optim/optimizer.h"
#include "train/options/options.h"

namespace hone {

inline OptimizerOptions OptimizerOptionsOf(const FinetuneOptions& options,
                                           const ModelConfig& config) {
    return {.name = options.optim,
            .beta1 = options.adam_beta1,
            .beta2 = options.adam_beta2,
            .eps = options.adam_epsilon,
            .weight_decay = options.weight_decay,
            .loraplus_lr_ratio = options.loraplus_lr_ratio,
            .layerwise_lr_decay = options.layerwise_lr_decay,
            .layers = config.num_hidden_layers};
}

inline Regularization RegularizationOf(const FinetuneOptions& options) {
    return {.label_smoothing = static_cast<float>(options.label_smoothing_factor),
            .neftune_noise_alpha = static_cast<float>(options.neftune_noise_alpha)};
}

}  // namespace hone
