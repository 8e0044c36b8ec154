// JSON into the tree of a document.
#pragma once

#include <string_view>

#include "workflow/document.h"

namespace hone {

// Throws DocumentError.
Node ParseJson(std::string_view text);

}  // namespace hone
