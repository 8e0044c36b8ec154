// A workflow as Olive writes it (input_model, data_configs, passes), read into passes that can be
// run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "train/options/given.h"
#include "workflow/document.h"
#include "workflow/pass.h"

namespace hone {

struct Workflow {
    std::vector<std::unique_ptr<Pass>> passes;  // in their order; at least one
    std::vector<std::string> notes;             // what was chosen or passed over: whole sentences
};

// `stronger` wins over the file. Errors are of kind kUsage and name the key with file, line and
// column.
absl::StatusOr<Workflow> ReadWorkflow(const Document& document, const GivenOptions& stronger);

}  // namespace hone
