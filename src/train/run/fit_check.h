// Does a run fit? Memory and disk against what is free, and what to do when they do not suffice.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/status.h"
#include "model/files/model_files.h"
#include "model/model.h"
#include "train/options/options.h"

namespace hone {

// Before anything large is allocated: the least that the model and what is trained of it take.
// An error of kind kMemory.
absl::Status CheckWeightsFit(const FinetuneOptions& options, const ModelFiles& files,
                             size_t available);

// The same for --teacher_model, before its weights are read.
absl::Status CheckTeacherFits(const FinetuneOptions& options, const ModelFiles& teacher,
                              size_t available);

// Of the tensors as they lie in the files.
size_t StoredBytes(const ModelFiles& files);

struct MemoryDecision {
    bool gradient_checkpointing = false;
    MemoryPlan plan;
    size_t needed_bytes = 0;   // plan.total() and what the process holds beside the model
    size_t to_come_bytes = 0;  // of them, without `resident`: what training still has to get
};

// Decides on gradient checkpointing ("true", "false", "auto": only where the plan does not fit
// without) and checks the plan. `resident` is what the process holds now, the frozen weights
// included; `available` what it can still get. An error of kind kMemory says what is needed, what
// is free, and which flags help: `fewer_parameters` ("a smaller --lora_r") is one that makes the
// trained ones fewer.
absl::StatusOr<MemoryDecision> DecideMemory(
    const std::function<MemoryPlan(bool gradient_checkpointing)>& plan,
    const std::string& gradient_checkpointing, int64_t micro_batch_tokens,
    const std::string& fewer_parameters, size_t resident, size_t available);

// What a run writes: `total` at most, beside what is there already.
struct DiskNeed {
    size_t checkpoint = 0, result = 0, total = 0;
};

// Checkpoints hold the trained numbers in f32 and what the optimiser keeps. `standing` are there,
// `to_come` will be written; options.save_total_limit says how many stay.
DiskNeed PlanDisk(const FinetuneOptions& options, int64_t trainable_parameters,
                  size_t optimizer_bytes, int64_t standing, int64_t to_come);

// A warning where the disk of the folder fills up in the end, else ""; an error of kind kTraining
// where not even one checkpoint and the result fit.
absl::StatusOr<std::string> CheckDisk(const std::string& folder, const DiskNeed& need, size_t free);

}  // namespace hone
