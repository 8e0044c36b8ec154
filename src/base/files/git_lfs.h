// Git LFS pointers: what a clone without `git lfs` leaves in place of each large file.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

// Whether a file that begins so is a pointer and not the file that it stands for.
bool IsGitLfsPointer(std::string_view content);

// The error for a pointer at `path`: what it is, and how to get the file.
absl::Status GitLfsPointerError(std::string_view path);

}  // namespace hone
