#include "kernels/dispatch/dispatch.h"

#include <cstdio>
#include <cstdlib>

namespace hone {

absl::StatusOr<KernelOverride> ParseKernelOverride(std::string_view text) {
    KernelOverride result;
    while (!text.empty()) {
        size_t comma = text.find(',');
        std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
        size_t colon = part.find(':');
        if (colon == std::string_view::npos || colon == 0 || colon + 1 == part.size())
            return UsageError(
                "HONE_KERNEL: \"{}\" is not of the form op:name (hone --explain-kernels lists "
                "them)",
                part);
        result.emplace_back(part.substr(0, colon), part.substr(colon + 1));
    }
    return result;
}

std::string_view ForcedKernel(std::string_view op) {
    static const KernelOverride forced = [] {
        const char* text = std::getenv("HONE_KERNEL");
        auto parsed = ParseKernelOverride(text == nullptr ? "" : text);
        return parsed.ok() ? *std::move(parsed) : KernelOverride{};
    }();
    for (const auto& [forced_op, name] : forced)
        if (forced_op == op) return name;
    return {};
}

void ForcedKernelFailed(std::string_view op, std::string_view name, std::string_view why) {
    std::fprintf(stderr, "HONE_KERNEL forces %.*s:%.*s, which cannot be used: %.*s\n",
                 static_cast<int>(op.size()), op.data(), static_cast<int>(name.size()), name.data(),
                 static_cast<int>(why.size()), why.data());
    std::exit(static_cast<int>(ErrorKind::kUsage));
}

}  // namespace hone
