// TensorBoard event files: scalars that `tensorboard --logdir` shows.
//
// A file is a row of TFRecords: length (8 bytes, little endian), masked CRC-32C of the length, the
// bytes of an Event message (event.proto), masked CRC-32C of those
// (https://www.tensorflow.org/tutorials/load_data/tfrecord).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files/file.h"
#include "base/status.h"

namespace hone {

// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78).
uint32_t Crc32c(std::string_view bytes);
// As TFRecords store it: rotated right by 15 and offset, so that the sum of a sum is no sum.
uint32_t MaskedCrc32c(std::string_view bytes);

// One record around `bytes`.
std::string TfRecord(std::string_view bytes);

class EventFile {
  public:
    // Makes FOLDER/events.out.tfevents.<seconds>.<host>.<process>.
    static absl::StatusOr<std::unique_ptr<EventFile>> Create(const std::string& folder);

    // One event at `step`.
    absl::Status AddScalars(int64_t step,
                            const std::vector<std::pair<std::string, double>>& values);
    const std::string& path() const { return file_->path(); }

  private:
    explicit EventFile(std::unique_ptr<AppendFile> file) : file_(std::move(file)) {}
    std::unique_ptr<AppendFile> file_;
};

}  // namespace hone
