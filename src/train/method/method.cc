#include "train/method/method.h"

#include <algorithm>
#include <array>

#include "train/method/bottleneck.h"
#include "train/method/freeze.h"
#include "train/method/full.h"
#include "train/method/ia3.h"
#include "train/method/lora.h"
#include "train/method/prompt.h"
#include "train/method/qlora.h"

namespace hone {

absl::Status Method::CheckTakes(const OptionRow& option, const OptionNames& names) const {
    if (option.methods.empty() ||
        std::find(option.methods.begin(), option.methods.end(), name()) != option.methods.end())
        return absl::OkStatus();
    return UsageError("{} belongs to {} {}: {} {} {}", names(option.name), names.Plain("method"),
                      option.methods.front(), names.Plain("method"), name(), why_not_others());
}

LoadOptions Method::Loading(const FinetuneOptions& options) const {
    LoadOptions load;
    load.compute = options.torch_dtype == "float32" ? ComputeType::kF32 : ComputeType::kBF16;
    load.storage = Storage(options);
    load.double_quant = options.double_quant;
    load.four_bits = options.quant_type == "fp4" ? FourBits::kFp4 : FourBits::kNf4;
    load.focal_gamma = static_cast<float>(options.classification.focal_gamma);
    return load;
}

std::span<const Method* const> Methods() {
    static const LoraMethod lora;
    static const QloraMethod qlora;
    static const FullMethod full;
    static const FreezeMethod freeze;
    static const Ia3Method ia3;
    static const PromptMethod prompt;
    static const PrefixMethod prefix;
    static const BottleneckMethod adapter;
    static const std::array<const Method*, 8> methods = {&lora, &qlora,  &full,   &freeze,
                                                         &ia3,  &prompt, &prefix, &adapter};
    return methods;
}

const Method* FindMethod(std::string_view name) {
    for (const Method* method : Methods())
        if (method->name() == name) return method;
    return nullptr;
}

const Method& MethodOf(const FinetuneOptions& options) {
    const Method* method = FindMethod(options.method);
    HONE_CHECK(method != nullptr, "no method is called {}", options.method);
    return *method;
}

}  // namespace hone
