#include "train/events/json_lines.h"

#include "base/files/write_all.h"

namespace hone {

absl::Status JsonLineSink::OnEvent(const Event& event) {
    if (!broken_) broken_ = !WriteAll(fd_, EventLine(event));
    return absl::OkStatus();
}

}  // namespace hone
