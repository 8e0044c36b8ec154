#include "train/output/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <thread>

#include "base/machine/proc_text.h"
#include "base/status.h"
#include "kernels/dispatch/dispatch.h"

namespace hone {
namespace {

// Bytes, where the file has kB.
size_t BytesOf(const char* path, std::string_view key) {
    return static_cast<size_t>(ProcNumber(ReadProcText(path), key).value_or(0)) * 1024;
}

}  // namespace

size_t ResidentBytes() { return BytesOf("/proc/self/status", "VmRSS:"); }
size_t PeakResidentBytes() { return BytesOf("/proc/self/status", "VmHWM:"); }

nlohmann::ordered_json DescribeMachine() {
    utsname names{};
    uname(&names);
    const std::string model = ProcValue(ReadProcText("/proc/cpuinfo"), "model name").value_or("");
    nlohmann::ordered_json json;
    json["cpu"] = model.empty() ? std::string(names.machine) : model;
    json["cores"] = std::thread::hardware_concurrency();
    json["memory_bytes"] = BytesOf("/proc/meminfo", "MemTotal:");
    json["system"] = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
    json["simd"] = SimdName();
    json["kernels"] = nlohmann::ordered_json::object();
    for (const OpInfo& info : ListKernels())
        json["kernels"][info.problem.empty() ? info.op : info.op + " " + info.problem] =
            info.chosen;
    return json;
}

}  // namespace hone
