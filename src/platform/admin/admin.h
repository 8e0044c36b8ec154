// What who runs a platform does with its data: copy it, put it back, see whether it is whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/files/blobs.h"
#include "platform/models/models.h"
#include "platform/store/services.h"

namespace hone::platform {

struct DataReport {
    int64_t files = 0;  // files and parts of uploads
    int64_t models = 0;
    int64_t bytes = 0;                  // that were read
    std::vector<std::string> problems;  // each a sentence; empty: all is well
};

class Admin {
  public:
    // Copies the database as it is at one moment, and every file and model that it names, into a
    // new folder, while others go on working. What they delete meanwhile is left out, and said in
    // the report. Jobs that are not over begin anew from a backup. SQLite alone: a PostgreSQL
    // database has its own tools.
    absl::StatusOr<DataReport> BackUp(const std::string& to);
    // Makes the data folder, which must not be there, of a backup.
    static absl::Status Restore(const std::string& from, const std::string& data_dir);
    // Reads everything: the database's own check, whether each file has the content of its
    // SHA-256, whether each model is there, whether the projects' counts are right.
    absl::StatusOr<DataReport> Check();

    Admin(Services& services, Blobs& blobs, Models& models)
        : services_(services), blobs_(blobs), models_(models) {}

  private:
    Services& services_;
    Blobs& blobs_;
    Models& models_;
};

}  // namespace hone::platform
