#include "train/output/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/status.h"
#include "kernels/dispatch/dispatch.h"

namespace hone {
namespace {

std::string ReadAll(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

// The number that follows `key` at the start of a line; 0 when there is none.
size_t NumberAfter(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10);
    return 0;
}

std::string TextAfter(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(key)) continue;
        size_t begin = line.find_first_not_of(" \t:", key.size());
        return begin == std::string::npos ? "" : line.substr(begin);
    }
    return "";
}

}  // namespace

size_t ResidentBytes() { return NumberAfter(ReadAll("/proc/self/status"), "VmRSS:") * 1024; }
size_t PeakResidentBytes() { return NumberAfter(ReadAll("/proc/self/status"), "VmHWM:") * 1024; }

nlohmann::ordered_json DescribeMachine() {
    utsname names{};
    uname(&names);
    const std::string model = TextAfter(ReadAll("/proc/cpuinfo"), "model name");
    nlohmann::ordered_json json;
    json["cpu"] = model.empty() ? std::string(names.machine) : model;
    json["cores"] = std::thread::hardware_concurrency();
    json["memory_bytes"] = NumberAfter(ReadAll("/proc/meminfo"), "MemTotal:") * 1024;
    json["system"] = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
    json["simd"] = SimdName();
    json["kernels"] = nlohmann::ordered_json::object();
    for (const OpInfo& info : ListKernels())
        json["kernels"][info.problem.empty() ? info.op : info.op + " " + info.problem] =
            info.chosen;
    return json;
}

std::string HumanBytes(size_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value >= 1e9) return fmt::format("{:.1f} GB", value / 1e9);
    if (value >= 1e6) return fmt::format("{:.0f} MB", value / 1e6);
    return fmt::format("{:.0f} kB", value / 1e3);
}

}  // namespace hone
