#include "train/method/qlora.h"

#include <algorithm>
#include <set>

#include "fmt/ranges.h"
#include "model/config/arch.h"
#include "model/files/stored_rows.h"

namespace hone {

std::span<const OptionDefault> QloraMethod::defaults() const {
    // The paper's choice, and Olive's: an adapter on every layer that is quantised.
    static const OptionDefault defaults[] = {
        {.option = "target_modules", .value = {"all-linear"}},
        {.option = "lora_dropout", .value = 0.05},
    };
    return defaults;
}

absl::Status QloraMethod::CheckModel(const FinetuneOptions& options,
                                     const ModelFiles& files) const {
    if (options.quant_type != "gguf") return absl::OkStatus();
    if (!files.gguf)
        return UsageError(
            "--quant_type gguf trains over the blocks of a GGUF file, and {} is none: give a .gguf "
            "file, or use --quant_type nf4",
            options.model_name_or_path);
    std::set<std::string_view> types;  // of the layers' matrices
    for (const ModelTensor& tensor : files.tensors) {
        if (tensor.layer < 0 || tensor.row->role != TensorRole::kLinear) continue;
        if (HeldInBlocks(files, tensor)) return absl::OkStatus();
        types.insert(tensor.stored->type_name);
    }
    return UsageError(
        "--quant_type gguf trains over the blocks of a GGUF file, and the layers of {} are in {}: "
        "use --quant_type nf4, or --method lora",
        options.model_name_or_path, fmt::join(types, " and "));
}

}  // namespace hone
