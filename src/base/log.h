// Logging: spdlog to standard error, "level: message". Standard output is for results.
#pragma once

#include <spdlog/spdlog.h>

namespace hone {

// Olive's numbers: 0 debug, 1 info, 2 warning, 3 error, 4 critical. Call once, from main.
void InitLogging(int level);

}  // namespace hone
