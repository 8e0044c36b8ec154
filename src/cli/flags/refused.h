// Commands that other tools have and hone spells otherwise or has not, and what to do instead.
// Their flags are in workflow/foreign_names.h.
#pragma once

#include <span>
#include <string_view>

namespace hone {

// Commands: `names` with spaces between; `parent` is "hone" or "hone models"; `reason` says what to
// do instead: "use `hone evaluate`".
struct RefusedCommand {
    std::string_view parent;
    std::string_view names;
    std::string_view reason;
};
std::span<const RefusedCommand> RefusedCommands();

}  // namespace hone
