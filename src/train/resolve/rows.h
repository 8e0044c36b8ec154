// The rows of each group, for table.cc.
#pragma once

#include <vector>

#include "train/options/table.h"

namespace hone {

// The most of a count, and of a number that has no limit of its own.
inline constexpr double kMany = 1e12;

std::vector<OptionRow> ModelRows();
std::vector<OptionRow> OutputRows();
std::vector<OptionRow> DataRows();
std::vector<OptionRow> MethodRows();
std::vector<OptionRow> ObjectiveRows();
std::vector<OptionRow> TrainingRows();
std::vector<OptionRow> OptimiserRows();
std::vector<OptionRow> ReportRows();
std::vector<OptionRow> MachineRows();

}  // namespace hone
