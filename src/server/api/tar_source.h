// The files of a folder as one answer: a tar archive (POSIX ustar), made while it is sent.
#pragma once

#include <memory>
#include <string>

#include "server/message/message.h"

namespace hone::server {

// The regular files right in `folder`, by name, under `prefix`/ in the archive. They are opened
// now: a folder that is deleted meanwhile is still sent whole. A name or prefix that is too long
// for a tar archive (100 bytes together), and a file that cannot be opened, are errors.
absl::StatusOr<std::shared_ptr<BodySource>> OpenTar(const std::string& folder,
                                                    const std::string& prefix);

}  // namespace hone::server
