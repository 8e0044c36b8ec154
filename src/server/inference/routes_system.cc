// What the server runs on, and what it is doing: for the dashboard's page on the system.
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "base/machine/machine_limits.h"
#include "base/machine/version.h"
#include "platform/conduct/job_run.h"
#include "server/api/api.h"
#include "server/inference/routes.h"
#include "train/output/machine.h"

namespace hone::server {
namespace {

using platform::Platform;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr char kSystemSchemas[] = R"json({
  "System": {
    "type": "object",
    "required": ["object", "version", "uptime", "machine", "memory", "disk", "jobs", "children"],
    "properties": {
      "object": {"type": "string", "const": "system"},
      "version": {"type": "string"},
      "uptime": {"description": "seconds since the server started", "type": "integer"},
      "machine": {
        "type": "object",
        "required": ["cpu", "cores", "usable_cores", "load", "system", "simd"],
        "properties": {
          "cpu": {"type": "string"},
          "cores": {"type": "integer"},
          "usable_cores": {"description": "that the server may use", "type": "integer"},
          "load": {"description": "processes that ran or wanted to, over the last minute", "type": "number"},
          "system": {"type": "string"},
          "simd": {"type": "string"}
        }
      },
      "memory": {
        "type": "object",
        "required": ["total_bytes", "available_bytes", "server_bytes"],
        "properties": {
          "total_bytes": {"type": "integer"},
          "available_bytes": {"description": "that the server can still take", "type": "integer"},
          "server_bytes": {"description": "of the server's own process", "type": "integer"}
        }
      },
      "disk": {
        "description": "of the data folder",
        "type": "object",
        "required": ["total_bytes", "available_bytes"],
        "properties": {
          "total_bytes": {"type": "integer"},
          "available_bytes": {"type": "integer"}
        }
      },
      "jobs": {
        "type": "object",
        "required": ["max_running", "threads"],
        "properties": {
          "max_running": {"description": "jobs at a time", "type": "integer"},
          "threads": {"description": "of each job", "type": "integer"}
        }
      },
      "children": {
        "description": "the processes that answer requests, one for each base in use",
        "type": "array",
        "items": {
          "type": "object",
          "required": ["base", "state", "pid", "requests", "memory_bytes", "restarts", "context_length"],
          "properties": {
            "base": {"type": "string"},
            "state": {"type": "string", "enum": ["starting", "ready", "waiting"]},
            "pid": {"description": "null: none runs", "type": ["integer", "null"]},
            "requests": {"description": "in flight, or waiting for its start", "type": "integer"},
            "memory_bytes": {"type": "integer"},
            "restarts": {"description": "starts after one that went wrong", "type": "integer"},
            "context_length": {"description": "tokens", "type": "integer"}
          }
        }
      }
    }
  }
})json";

Json MachineJson() {
    const Json described = DescribeMachine();
    double load = 0;
    if (getloadavg(&load, 1) != 1) load = 0;
    return {{"cpu", described["cpu"]},       {"cores", described["cores"]},
            {"usable_cores", UsableCpus()},  {"load", load},
            {"system", described["system"]}, {"simd", described["simd"]}};
}

Json DiskJson(const std::string& folder) {
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(folder, error);
    if (error) return {{"total_bytes", 0}, {"available_bytes", 0}};
    return {{"total_bytes", space.capacity}, {"available_bytes", space.available}};
}

// The name that clients know a base by; empty: it was removed.
std::string NameOfBase(const Platform& platform, const std::string& path) {
    for (const platform::BaseModel& base : platform.bases().All())
        if (base.path == path) return base.name;
    return "";
}

Json ChildrenJson(const Platform& platform, const InferencePool& pool) {
    Json children = Json::array();
    for (const InferenceChild& child : pool.Children()) {
        std::string name = NameOfBase(platform, child.base);
        if (name.empty() && child.pid == 0) continue;
        if (name.empty()) name = std::filesystem::path(child.base).filename();
        children.push_back({{"base", std::move(name)},
                            {"state", child.state},
                            {"pid", child.pid == 0 ? Json(nullptr) : Json(child.pid)},
                            {"requests", child.requests},
                            {"memory_bytes", child.memory_bytes},
                            {"restarts", child.restarts},
                            {"context_length", child.context_length}});
    }
    return children;
}

HttpResponse DescribeSystem(const Platform& platform, const InferencePool& pool,
                            Clock::time_point began) {
    const platform::PlatformOptions& options = platform.options();
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began);
    return JsonResponse(
        {{"object", "system"},
         {"version", kVersion},
         {"uptime", uptime.count()},
         {"machine", MachineJson()},
         {"memory",
          {{"total_bytes", DescribeMachine()["memory_bytes"]},
           {"available_bytes", AvailableBytes()},
           {"server_bytes", ResidentBytes()}}},
         {"disk", DiskJson(options.data_dir)},
         {"jobs", {{"max_running", options.max_running_jobs}, {"threads", WorkerThreads(options)}}},
         {"children", ChildrenJson(platform, pool)}});
}

}  // namespace

void AddSystemRoutes(Api& api, Platform& platform, InferencePool& pool) {
    api.schemas().Add(kSystemSchemas);
    api.router().Add({.method = "GET",
                      .pattern = "/api/system",
                      .operation = "describeSystem",
                      .summary = "the machine, its memory and disk, and the processes that answer",
                      .response_schema = "System",
                      .handle = [&platform, &pool, began = Clock::now()](const Call&) {
                          return DescribeSystem(platform, pool, began);
                      }});
}

}  // namespace hone::server
