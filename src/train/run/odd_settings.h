// What is allowed and hardly meant: said before the run starts, with what to do.
#pragma once

#include <string>
#include <vector>

#include "model/linear/parameters.h"
#include "train/events/event.h"
#include "train/options/options.h"
#include "train/schedule/schedule.h"

namespace hone {

// Whole sentences. `parameters` are what is trained.
std::vector<std::string> OddSettings(const FinetuneOptions& options,
                                     const ScheduleOptions& schedule, const RunPlan& plan,
                                     const ParameterSet& parameters);

}  // namespace hone
