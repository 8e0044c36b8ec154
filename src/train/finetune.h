// One fine-tuning run from options to files: opens the model, reads the data, plans, trains,
// evaluates, writes.
#pragma once

#include <atomic>

#include "base/status.h"
#include "train/loop/reporter.h"
#include "train/options.h"

namespace hone {

// Runs to the end. Errors carry the exit code of their kind; whatever happens, checkpoints already
// written stay whole. `interrupts` counts the signals that ask for the end (the caller handles
// them): at 1 the run drops the step in progress, saves a checkpoint of the one before and returns
// kInterrupted. A run that OUTPUT holds already, finished, is left as it is. With options.dry_run
// only OUTPUT/config.json is written.
absl::Status Finetune(const FinetuneOptions& options, Reporter& reporter,
                      const std::atomic<int>& interrupts);

// The plan of that run alone, with a longer look at the speed: reporter.OnPlan is called, nothing
// is written.
absl::Status EstimateFinetune(const FinetuneOptions& options, Reporter& reporter,
                              const std::atomic<int>& interrupts);

}  // namespace hone
