// A loss of C, in a shared library: hone_loss.h.
#pragma once

#include <memory>
#include <string>

#include "train/custom/loss_program.h"

namespace hone {

absl::StatusOr<std::unique_ptr<LossProgram>> OpenPluginLoss(const std::string& file);

}  // namespace hone
