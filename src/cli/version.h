// What `hone --version` prints.
#pragma once

#include <string>

namespace hone {

// The version, how it was compiled, and what of this machine it uses; a line each.
std::string VersionText();

}  // namespace hone
