// JSON as text; what is not UTF-8 becomes U+FFFD rather than an error.
#pragma once

#include <string>

#include "nlohmann/json.hpp"

namespace hone {

// Indented, with a newline at the end.
inline std::string JsonText(const nlohmann::ordered_json& json) {
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// One line, with a newline at the end.
inline std::string JsonLine(const nlohmann::ordered_json& json) {
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace hone
