// A word as a shell reads it, for commands that are shown to be copied.
#pragma once

#include <string>

namespace hone {

// Quoted if it holds anything but plain characters.
std::string ShellWord(const std::string& word);

}  // namespace hone
