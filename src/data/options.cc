#include "data/options.h"

namespace hone {

absl::StatusOr<OnOverflow> ParseOnOverflow(std::string_view text) {
    if (text == "truncate") return OnOverflow::kTruncate;
    if (text == "drop") return OnOverflow::kDrop;
    if (text == "error") return OnOverflow::kError;
    return UsageError("--on_overflow takes truncate, drop or error, not \"{}\"", text);
}

}  // namespace hone
