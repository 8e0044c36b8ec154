// YAML into the tree of a document, over yaml-cpp.
#pragma once

#include <string_view>

#include "workflow/document.h"

namespace hone {

// Throws DocumentError.
Node ParseYaml(std::string_view text);

}  // namespace hone
