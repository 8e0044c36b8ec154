// What the options say of a pass that trains.
#pragma once

#include "model/blocks/options.h"
#include "train/options/options.h"

namespace hone {

inline Regularization RegularizationOf(const FinetuneOptions& options) {
    return {.label_smoothing = static_cast<float>(options.label_smoothing_factor),
            .neftune_noise_alpha = static_cast<float>(options.neftune_noise_alpha)};
}

}  // namespace hone
