// What a platform is opened with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "hub/hub.h"

namespace hone::platform {

// A base model that jobs and clients may use.
struct BaseModel {
    std::string name;  // as clients write it: letters, digits, "-", "." and "_"
    std::string path;  // a folder or .gguf file
};

struct Limits {
    int64_t file_bytes = int64_t{512} << 20;      // one file
    int64_t project_bytes = int64_t{2500} << 30;  // all files and parts of a project
    int64_t upload_bytes = int64_t{8} << 30;      // an upload, all parts
    int64_t part_bytes = int64_t{64} << 20;       // one part
    int64_t upload_parts = 10'000;                // parts of one upload
    int64_t pending_uploads = 1'000;              // of a project
    int64_t upload_seconds = 3600;                // until a pending upload expires
    int64_t files = 1'000'000;                    // of a project
    int64_t queued_jobs = 1'000;                  // of a project, not in a terminal status
    int64_t keys = 1'000;                         // of a project
    int64_t webhooks = 100;                       // of a project
    // Answers of models that a project keeps; the oldest go.
    int64_t stored_answers = 10'000;
    int64_t stored_answer_bytes = int64_t{1} << 30;
    int64_t stored_answer_seconds = 30 * 24 * 3600;
};

struct PlatformOptions {
    std::string data_dir;  // made if it is not there, readable by its owner alone
    // Empty: DATA_DIR/hone.db. Else "sqlite://PATH" or "postgresql://...".
    std::string database;
    std::string organization = "local";  // the third part of a fine-tuned model's name
    std::vector<BaseModel> models;
    std::map<std::string, std::string> aliases;  // "gpt-4o-mini": the name of a base model
    // The program that runs jobs (`hone worker`); empty: this process's own.
    std::string worker_program;
    int max_running_jobs = 1;
    int worker_threads = 0;            // of each job; 0: the CPUs shared out among max_running_jobs
    int64_t memory_limit_bytes = 0;    // of the memory of each job's process; 0: no limit
    double heartbeat_seconds = 600;    // a worker that is silent for longer counts as hung
    double webhook_retry_seconds = 5;  // until the first retry; doubles with each
    std::optional<HubOptions> hub;  // where base models are fetched; unset: as the environment says
    Limits limits;
    std::function<int64_t()> clock;  // Unix seconds; empty: the system's. For tests
};

}  // namespace hone::platform
