// One fine-tuning run from options to files: opens the model, reads the data, plans, trains,
// evaluates, writes.
#pragma once

#include "base/status.h"
#include "train/control/run_control.h"
#include "train/events/event_stream.h"
#include "train/options/options.h"
#include "train/run/shared_base.h"

namespace hone {

// Runs to the end. Everything that happens goes through `events`, in the order of the stages; the
// last event tells how it ended. `control` is asked in every stage, within a layer of the model and
// a block of rows. Errors carry the exit code of their kind; whatever happens, checkpoints already
// written stay whole. After a stop the step in progress is dropped, a checkpoint of the one before
// is written, and kInterrupted is returned; after a cancel kInterrupted alone. A run that OUTPUT
// holds already, finished, is left as it is. With options.dry_run only OUTPUT/config.json is
// written.
// `base`, where it is not null, is where runs one after another leave the base for each other; the
// next ones then do not load it again.
absl::Status Finetune(const FinetuneOptions& options, EventStream& events,
                      const RunControl& control, SharedBase* base = nullptr);

// The plan of that run alone, with a longer look at the speed: it comes as an event, nothing is
// written.
absl::Status EstimateFinetune(const FinetuneOptions& options, EventStream& events,
                              const RunControl& control);

}  // namespace hone
