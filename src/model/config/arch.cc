#include "model/config/arch.h"

#include "base/text/nearest_word.h"
#include "fmt/ranges.h"
#include "model/config/config.h"
#include "model/config/label_head.h"

namespace hone {
namespace {

absl::Status Unknown(std::string_view what, std::string_view name,
                     const std::vector<std::string>& known) {
    const std::string near = NearestWord(name, known);
    return ModelError("hone does not know the {} \"{:.100}\"{}; it knows {}", what, name,
                      near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                      fmt::join(known, ", "));
}

}  // namespace

absl::StatusOr<const ArchSpec*> FindArch(std::string_view architecture_or_type) {
    std::vector<std::string> known;
    for (const ArchSpec* arch : AllArchs()) {
        if (arch->model_type == architecture_or_type) return arch;
        for (const HeadKind kind : {HeadKind::kSequence, HeadKind::kToken})
            if (LabelArchitecture(*arch, kind) == architecture_or_type) return arch;
        for (std::string_view name : arch->architectures) {
            if (name == architecture_or_type) return arch;
            known.emplace_back(name);
        }
    }
    return Unknown("architecture", architecture_or_type, known);
}

absl::StatusOr<const ArchSpec*> FindGgufArch(std::string_view architecture) {
    std::vector<std::string> known;
    for (const ArchSpec* arch : AllArchs()) {
        if (arch->gguf_type.empty()) continue;
        if (arch->gguf_type == architecture) return arch;
        known.emplace_back(arch->gguf_type);
    }
    return Unknown("GGUF architecture", architecture, known);
}

}  // namespace hone
