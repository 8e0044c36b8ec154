#include "train/method/ia3.h"

namespace hone {

std::span<const OptionDefault> Ia3Method::defaults() const {
    // The paper's rate: what is learned are factors near one.
    static const OptionDefault defaults[] = {
        {.option = "learning_rate", .value = 3e-3, .note = "a learning rate of 0.003"},
    };
    return defaults;
}

}  // namespace hone
