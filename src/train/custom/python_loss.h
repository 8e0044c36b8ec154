// A loss of the user's Python: a process that lives as long as this object, with torch in it, and
// loss_host.py around the user's file. Both sides write frames into one socket:
//
//   from hone    int32 1 where slopes are wanted, else 0; int32 number of inputs; of each: int32
//                number of dimensions, int32 1 where its slopes are wanted, int64 each dimension,
//                and its numbers as float32
//   from Python  int32 0, double the loss, and the slopes as float32 in the inputs' order; or
//                int32 1, int64 bytes, and a message in UTF-8. The first frame is sent unasked,
//                once the file is read: its loss means nothing
//
// All in the machine's own byte order. The socket's end ends the process.
#pragma once

#include <memory>
#include <string>

#include "train/custom/loss_program.h"

namespace hone {

absl::StatusOr<std::unique_ptr<LossProgram>> OpenPythonLoss(const std::string& file,
                                                            const std::string& name);

// loss_host.py
extern const char* const kLossHost;

}  // namespace hone
