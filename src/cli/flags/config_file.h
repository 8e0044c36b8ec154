// Flags out of a file, for commands with many that stay the same.
#pragma once

#include "base/status.h"
#include "workflow/document.h"

namespace CLI {
class App;
}

namespace hone {

// Gives each flag that the command line left out its value in the document: a map whose keys are
// the flags' names, without dashes in front and with - or _ between. A flag that may be repeated
// takes a list, or a map for values of the form NAME=VALUE. A key that is no flag of the command,
// or a value that the flag does not take, is an error with its place.
absl::Status ApplyConfig(CLI::App& command, const Document& document);

}  // namespace hone
