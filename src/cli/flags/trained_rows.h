// `hone evaluate` reads rows as the run that made the model did.
#pragma once

#include <string>

#include "answer/trained_form.h"
#include "cli/flags/flags.h"

namespace hone {

// Takes from the run what says how rows are read, where the command line does not; returns what was
// taken as flags, "" for nothing.
std::string ReadRowsAsTrained(const TrainedForm& form, const CLI::App& command, DataOptions& data);

}  // namespace hone
