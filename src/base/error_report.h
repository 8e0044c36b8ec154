// Errors as programs read them, and exceptions as errors.
#pragma once

#include <string_view>

#include "base/status.h"

namespace hone {

// The kind as a word: "other_error", "invalid_options", "invalid_data", "invalid_model",
// "out_of_memory", "training_failed", "interrupted".
std::string_view ErrorCode(ErrorKind kind);

// The exception that is being handled (call it in a catch block) as a status: want of memory or
// threads is of kind kMemory, anything else an internal error.
absl::Status StatusOfException();

}  // namespace hone
