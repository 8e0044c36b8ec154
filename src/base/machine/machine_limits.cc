#include "base/machine/machine_limits.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/machine/proc_text.h"

namespace hone {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

std::vector<std::string> Words(const std::string& line, char separator) {
    std::vector<std::string> words;
    std::istringstream in(line);
    for (std::string word; std::getline(in, word, separator);) words.push_back(word);
    return words;
}

bool Lists(const std::string& line, const std::string& word) {
    const std::vector<std::string> words = Words(line, ',');
    return std::find(words.begin(), words.end(), word) != words.end();
}

size_t Bytes(std::optional<double> number) {
    if (!number || *number >= 9e18) return kNoLimit;
    return static_cast<size_t>(*number);
}

// The path of the process's group in one hierarchy, as /proc/self/cgroup says it: the line
// "0::PATH" of version 2 for an empty controller, else "N:CONTROLLER,...:PATH".
std::optional<std::string> GroupPath(const std::string& text, const std::string& controller) {
    for (const std::string& line : Words(text, '\n')) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (controller.empty() ? controllers.empty() : Lists(controllers, controller))
            return line.substr(second + 1);
    }
    return std::nullopt;
}

// Where a hierarchy is mounted, and which of its groups stands there: in a container often not
// the root.
struct Mount {
    std::string group, folder;
};

// A line of /proc/self/mountinfo (proc(5)):
// "ID PARENT MAJOR:MINOR ROOT FOLDER OPTIONS [FIELDS...] - TYPE SOURCE SUPER_OPTIONS".
std::optional<Mount> FindMount(const std::string& mountinfo, const std::string& controller) {
    for (const std::string& line : Words(mountinfo, '\n')) {
        const size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        const std::vector<std::string> before = Words(line.substr(0, dash), ' '),
                                       after = Words(line.substr(dash + 3), ' ');
        if (before.size() < 5 || after.size() < 3) continue;
        const bool fits = controller.empty() ? after[0] == "cgroup2"
                                             : after[0] == "cgroup" && Lists(after[2], controller);
        if (fits) return Mount{before[3], before[4]};
    }
    return std::nullopt;
}

// The folders of the process's group and of those above it, as far as they can be seen. An empty
// controller: version 2.
std::vector<std::string> GroupFolders(const std::string& root, const std::string& controller) {
    const std::optional<Mount> mount =
        FindMount(ReadProcText(root + "/proc/self/mountinfo"), controller);
    if (!mount) return {};
    std::string path =
        GroupPath(ReadProcText(root + "/proc/self/cgroup"), controller).value_or("/");
    const std::string group = mount->group == "/" ? "" : mount->group;
    // A group outside of what is mounted here: only the mounted one is seen.
    const bool inside = path.starts_with(group) &&
                        (path.size() == group.size() || path[group.size()] == '/') &&
                        path.find("/..") == std::string::npos;
    path = inside ? path.substr(group.size()) : "";
    std::vector<std::string> folders;
    while (!path.empty() && path != "/") {
        folders.push_back(root + mount->folder + path);
        path.resize(path.rfind('/'));
    }
    folders.push_back(root + mount->folder);
    return folders;
}

// The least CPU time per time that the groups give; infinity: as much as there is.
double CpuQuota(const std::string& root) {
    double quota = std::numeric_limits<double>::infinity();
    auto limit = [&](std::optional<double> time, std::optional<double> period) {
        if (time && period && *time > 0 && *period > 0) quota = std::min(quota, *time / *period);
    };
    for (const std::string& folder : GroupFolders(root, "")) {
        const std::vector<std::string> words = Words(ReadProcText(folder + "/cpu.max"), ' ');
        if (words.size() >= 2) limit(ProcNumber(words[0]), ProcNumber(words[1]));
    }
    for (const std::string& folder : GroupFolders(root, "cpu"))
        limit(ProcNumber(ReadProcText(folder + "/cpu.cfs_quota_us")),
              ProcNumber(ReadProcText(folder + "/cpu.cfs_period_us")));
    return quota;
}

int AllowedCpus() {
    // A set of a fixed size is too small on the largest machines.
    for (int cpus = CPU_SETSIZE; cpus <= (1 << 20); cpus *= 2) {
        cpu_set_t* set = CPU_ALLOC(cpus);
        if (set == nullptr) return 1;
        const size_t bytes = CPU_ALLOC_SIZE(cpus);
        CPU_ZERO_S(bytes, set);
        const bool known = sched_getaffinity(0, bytes, set) == 0;
        const int count = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (known) return count;
    }
    return 1;
}

// What is left below one limit of a group.
size_t Left(size_t limit, const std::string& usage, const std::string& stat) {
    if (limit == kNoLimit) return kNoLimit;
    const size_t used = static_cast<size_t>(ProcNumber(usage).value_or(0));
    // Version 1 counts a group's own pages and, in total_, those of the groups below it too.
    const double pages = ProcNumber(stat, "total_inactive_file ")
                             .value_or(ProcNumber(stat, "inactive_file ").value_or(0));
    const size_t taken = used - std::min(used, static_cast<size_t>(pages));
    return limit > taken ? limit - taken : 0;
}

size_t LeftInGroups(const std::string& root) {
    size_t left = kNoLimit;
    for (const std::string& folder : GroupFolders(root, ""))
        for (const char* limit : {"/memory.max", "/memory.high"})
            left = std::min(left, Left(Bytes(ProcNumber(ReadProcText(folder + limit))),
                                       ReadProcText(folder + "/memory.current"),
                                       ReadProcText(folder + "/memory.stat")));
    for (const std::string& folder : GroupFolders(root, "memory"))
        left =
            std::min(left, Left(Bytes(ProcNumber(ReadProcText(folder + "/memory.limit_in_bytes"))),
                                ReadProcText(folder + "/memory.usage_in_bytes"),
                                ReadProcText(folder + "/memory.stat")));
    return left;
}

// ulimit -v and -d.
size_t LeftOfAddressSpace(const std::string& root) {
    size_t left = kNoLimit;
    const std::string status = ReadProcText(root + "/proc/self/status");
    auto limit = [&](auto resource, std::string_view key) {
        rlimit most{};
        if (getrlimit(resource, &most) != 0 || most.rlim_cur == RLIM_INFINITY) return;
        const size_t taken = static_cast<size_t>(ProcNumber(status, key).value_or(0)) * 1024;
        left = std::min(left, most.rlim_cur > taken ? most.rlim_cur - taken : 0);
    };
    limit(RLIMIT_AS, "VmSize:");
    limit(RLIMIT_DATA, "VmData:");
    return left;
}

}  // namespace

int UsableCpus(const std::string& root) {
    const double quota = std::ceil(CpuQuota(root));
    return static_cast<int>(std::max(1.0, std::min<double>(AllowedCpus(), quota)));
}

size_t AvailableBytes(const std::string& root) {
    const std::optional<double> available =
        ProcNumber(ReadProcText(root + "/proc/meminfo"), "MemAvailable:");
    const size_t machine = available ? static_cast<size_t>(*available) * 1024 : kNoLimit;
    return std::min({machine, LeftInGroups(root), LeftOfAddressSpace(root)});
}

}  // namespace hone
