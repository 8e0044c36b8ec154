#include "base/files/git_lfs.h"

namespace hone {

bool IsGitLfsPointer(std::string_view content) {
    return content.starts_with("version https://git-lfs.github.com/spec/");
}

absl::Status GitLfsPointerError(std::string_view path) {
    return ModelError(
        "{} is a Git LFS pointer, not the file: run `git lfs pull` in its folder, or download the "
        "file itself",
        path);
}

}  // namespace hone
