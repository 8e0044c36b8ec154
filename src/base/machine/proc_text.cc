#include "base/machine/proc_text.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hone {

std::string ReadProcText(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::optional<std::string> ProcValue(std::string_view text, std::string_view key) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(key)) continue;
        const size_t begin = line.find_first_not_of(" \t:", key.size());
        return begin == std::string::npos ? "" : line.substr(begin);
    }
    return std::nullopt;
}

std::optional<double> ProcNumber(std::string_view text) {
    if (text.find_first_of("0123456789") != 0) return std::nullopt;
    return std::strtod(std::string(text).c_str(), nullptr);
}

std::optional<double> ProcNumber(std::string_view text, std::string_view key) {
    const auto value = ProcValue(text, key);
    return value ? ProcNumber(*value) : std::nullopt;
}

}  // namespace hone
