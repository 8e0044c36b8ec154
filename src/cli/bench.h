// The parts of `hone bench`.
#pragma once

#include <vector>

#include "cli/commands.h"
#include "cli/common_flags.h"

namespace hone {

void AddBenchTrain(CLI::App& bench, std::vector<Command>& commands);

}  // namespace hone
