// Writes to a pipe or a file until all is written.
#pragma once

#include <string_view>

namespace hone {

// False: it cannot be written, since nobody reads any more. A pipe that is full is waited for, also
// where the other end made it non-blocking.
bool WriteAll(int fd, std::string_view text);

}  // namespace hone
