#include "server/http/log.h"

#include <spdlog/formatter.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

// Lines that LogLine made are JSON already; others become the field "message".
class JsonFormatter : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        const auto level = spdlog::level::to_string_view(message.level);
        const auto ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch())
                .count();
        std::string line = fmt::format("{{\"time\":{}.{:03},\"level\":\"{}\",", ms / 1000,
                                       ms % 1000, std::string_view(level.data(), level.size()));
        if (text.starts_with(kMade)) {
            line += text.substr(kMade.size());
        } else {
            line +=
                "\"message\":" + Json(text).dump(-1, ' ', false, Json::error_handler_t::replace) +
                "}";
        }
        line += "\n";
        out.append(line.data(), line.data() + line.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>();
    }

    // Before the members of a line that is made; no text that is logged begins with it.
    static constexpr std::string_view kMade{"\x1f{", 2};
};

}  // namespace

void LogAsJson() { spdlog::set_formatter(std::make_unique<JsonFormatter>()); }

void LogLine(spdlog::level::level_enum level, const Json& fields) {
    if (!spdlog::should_log(level)) return;
    const std::string text = fields.dump(-1, ' ', false, Json::error_handler_t::replace);
    spdlog::log(level, "{}{}", JsonFormatter::kMade, std::string_view(text).substr(1));
}

}  // namespace hone::server
