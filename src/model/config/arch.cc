#include "model/config/arch.h"

#include "model/config/config.h"

namespace hone {

absl::StatusOr<const ArchSpec*> FindArch(std::string_view architecture_or_type) {
    std::string known;
    for (const ArchSpec* arch : AllArchs()) {
        if (arch->model_type == architecture_or_type) return arch;
        for (std::string_view name : arch->architectures) {
            if (name == architecture_or_type) return arch;
            known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
        }
    }
    return ModelError("hone does not know the architecture \"{:.100}\"; it knows {}",
                      architecture_or_type, known);
}

}  // namespace hone
