#include "train/output/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "base/status.h"

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

// This process's cgroup folder: version 2's single line is "0::/path".
std::string CgroupFolder(std::string_view controller) {
    std::istringstream lines(ReadAll("/proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        if (line.substr(first + 1, second - first - 1) == controller)
            return line.substr(second + 1);
    }
    return "";
}

}  // namespace

size_t ResidentBytes() { return NumberAfter(ReadAll("/proc/self/status"), "VmRSS:") * 1024; }
size_t PeakResidentBytes() { return NumberAfter(ReadAll("/proc/self/status"), "VmHWM:") * 1024; }

size_t AvailableBytesFrom(const std::string& meminfo, const std::string& limit,
                          const std::string& usage, const std::string& stat) {
    size_t available = NumberAfter(meminfo, "MemAvailable:") * 1024;
    if (available == 0) available = std::numeric_limits<size_t>::max();
    if (!limit.empty() && limit.find_first_of("0123456789") == 0) {
        const size_t limit_bytes = std::strtoull(limit.c_str(), nullptr, 10);
        const size_t used = std::strtoull(usage.c_str(), nullptr, 10);
        const size_t reclaimable = std::min(used, NumberAfter(stat, "inactive_file "));
        const size_t taken = used - reclaimable;
        available = std::min(available, limit_bytes > taken ? limit_bytes - taken : 0);
    }
    return available;
}

size_t AvailableBytes() {
    const std::string meminfo = ReadAll("/proc/meminfo");
    size_t available = AvailableBytesFrom(meminfo, "", "", "");
    // Inside a container the process's own folder is usually mounted as the root: both are looked
    // at.
    for (const std::string& folder :
         {"/sys/fs/cgroup" + CgroupFolder(""), std::string("/sys/fs/cgroup")})
        available = std::min(available, AvailableBytesFrom(meminfo, ReadAll(folder + "/memory.max"),
                                                           ReadAll(folder + "/memory.current"),
                                                           ReadAll(folder + "/memory.stat")));
    for (const std::string& folder :
         {"/sys/fs/cgroup/memory" + CgroupFolder("memory"), std::string("/sys/fs/cgroup/memory")})
        available = std::min(available,
                             AvailableBytesFrom(meminfo, ReadAll(folder + "/memory.limit_in_bytes"),
                                                ReadAll(folder + "/memory.usage_in_bytes"),
                                                ReadAll(folder + "/memory.stat")));
    return available;
}

nlohmann::ordered_json DescribeMachine() {
    utsname names{};
    uname(&names);
    const std::string model = TextAfter(ReadAll("/proc/cpuinfo"), "model name");
    nlohmann::ordered_json json;
    json["cpu"] = model.empty() ? std::string(names.machine) : model;
    json["cores"] = std::thread::hardware_concurrency();
    json["memory_bytes"] = NumberAfter(ReadAll("/proc/meminfo"), "MemTotal:") * 1024;
    json["system"] = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
    return json;
}

std::string HumanBytes(size_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value >= 1e9) return fmt::format("{:.1f} GB", value / 1e9);
    if (value >= 1e6) return fmt::format("{:.0f} MB", value / 1e6);
    return fmt::format("{:.0f} kB", value / 1e3);
}

}  // namespace hone
