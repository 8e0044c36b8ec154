#include "train/method/qlora.h"

namespace hone {

std::span<const OptionDefault> QloraMethod::defaults() const {
    // The paper's choice, and Olive's: an adapter on every layer that is quantised.
    static const OptionDefault defaults[] = {
        {.option = "target_modules", .value = {"all-linear"}},
        {.option = "lora_dropout", .value = 0.05},
    };
    return defaults;
}

}  // namespace hone
