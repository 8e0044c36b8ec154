// What other tools have and hone spells otherwise or has not, and what to do instead.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hone {

// Flags: `names` without their dashes, spaces between; `reason` goes after one of them: "is not
// needed: ...".
struct RefusedFlag {
    std::string_view names;
    std::string_view reason;
};
std::span<const RefusedFlag> RefusedFlags();

// Commands: `names` with spaces between; `parent` is "hone" or "hone models"; `reason` says what to
// do instead: "use `hone evaluate`".
struct RefusedCommand {
    std::string_view parent;
    std::string_view names;
    std::string_view reason;
};
std::span<const RefusedCommand> RefusedCommands();

// Whether `word` is one of the words of `names`.
bool NamesWord(std::string_view names, std::string_view word);

}  // namespace hone
