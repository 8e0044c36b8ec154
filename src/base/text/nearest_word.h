// Which of the known words was meant by one that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

// The number of insertions, deletions, replacements and swaps of neighbours between two words
// (optimal string alignment distance).
int EditDistance(std::string_view a, std::string_view b);

// The candidate that is nearest to `word`, if it is near enough to be meant; else "". A longer word
// may have more letters wrong. The beginning of a candidate up to an underscore is near
// ("model" of "model_name_or_path"), and so is its end where no other ends like that.
std::string NearestWord(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hone
