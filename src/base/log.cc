#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>

namespace hone {

void InitLogging(int level) {
    static constexpr spdlog::level::level_enum kLevels[] = {
        spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err,
        spdlog::level::critical};
    auto logger = spdlog::get("hone");
    if (!logger) {
        logger = spdlog::stderr_color_mt("hone");
        spdlog::set_default_logger(logger);
    }
    logger->set_pattern("%^%l%$: %v");
    logger->set_level(kLevels[std::clamp(level, 0, 4)]);
}

}  // namespace hone
