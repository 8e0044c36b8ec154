// Quoting a word for a shell, in commands that are shown for copying.
#pragma once

#include <string>

namespace hone {

// Quoted if it holds anything but plain characters.
std::string ShellWord(const std::string& word);

}  // namespace hone
