// The options of a run as tables in Markdown: the part of docs/cli.md that `hone help --options`
// prints.
#pragma once

#include <string>

namespace hone {

// A table for each group of options. Lines end in newlines.
std::string OptionsPage();

}  // namespace hone
