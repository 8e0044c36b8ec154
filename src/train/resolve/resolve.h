// From what was asked for to the options of a run: defaults by the method, what excludes each
// other, the model and the data where nobody names them.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "train/options/given.h"
#include "train/options/options.h"

namespace hone {

struct ResolvedOptions {
    FinetuneOptions options;
    std::vector<std::string> notes;  // what was chosen for the user: whole sentences
};

// The values over the defaults of their method, unchecked but for their form. Looks at no file.
absl::StatusOr<FinetuneOptions> ReadGiven(const GivenOptions& given);

// The options, checked. Without data_name and data_files, `folder`/train.jsonl (and
// validation.jsonl) are looked for; without a model the adapter's base or the default model is
// taken. Errors are of kind kUsage and call options as `given` does.
absl::StatusOr<ResolvedOptions> ResolveOptions(const GivenOptions& given,
                                               const std::string& folder = ".");

// The line of a shell that asks for these options: `hone finetune` with each option that differs
// from what it would be there by itself.
std::string CommandLine(const FinetuneOptions& options);

// An error where an option of `given` and one that it excludes both say something.
absl::Status CheckExclusions(const GivenOptions& given, const FinetuneOptions& options);

// Whether something says what to train on: an option, or train.jsonl in `folder`.
bool HasData(const GivenOptions& given, const std::string& folder);

}  // namespace hone
