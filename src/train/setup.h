// What a run needs, looked at before anybody starts it.
#pragma once

#include "base/status.h"
#include "train/control/run_control.h"
#include "train/events/event_stream.h"
#include "train/options/options.h"

namespace hone {

// Opens the model, which must have been fetched, and the adapter to start from; reads and tokenises
// the rows; checks that the weights fit into memory. Messages say what is there. Nothing is
// trained, and nothing written but temporary files in hone's cache.
absl::Status SetUpFinetune(const FinetuneOptions& options, EventStream& events,
                           const RunControl& control);

}  // namespace hone
