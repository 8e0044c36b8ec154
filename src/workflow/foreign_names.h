// What other tools have and hone spells otherwise or has not, and what to do instead.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// `names` of flags or keys without dashes, spaces between; `reason` goes after one of them: "is not
// needed: ...".
struct ForeignName {
    std::string_view names;
    std::string_view reason;
};
std::span<const ForeignName> ForeignNames();

// Why there is no option of that name: the first reason that names only options that there are, as
// `has` says, or another command's. Empty: nobody knows the name.
std::string_view ForeignReason(std::string_view name,
                               const std::function<bool(const std::string& option)>& has);

// Whether `word` is one of the words of `names`.
bool NamesWord(std::string_view names, std::string_view word);

}  // namespace hone
