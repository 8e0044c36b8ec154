// Many rows with few kinds of problems, so that a person can read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/load/dataset.h"

namespace hone {

// "\n  FILE, line 3: reason" for the first rows of each kind of reason, and how many more are like
// them; reasons are of a kind when they differ in numbers and quoted names alone. `count`: of all
// problems, where the list holds the first of them.
std::string ListProblems(const std::vector<RowProblem>& problems, int64_t count);

}  // namespace hone
