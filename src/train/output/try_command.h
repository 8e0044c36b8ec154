// The command that asks what a run made, in the form in which it was trained.
#pragma once

#include <string>

#include "train/events/event.h"

namespace hone {

// "hone chat --model_name_or_path X --adapter_path Y", or for texts outside the chat template
// "hone generate ... --raw --prompt 'Q: ...\nA:'", or for a classifier
// "hone classify". The model is what the run was given.
std::string TryCommand(const RunResult& result, const std::string& model_name_or_path);

}  // namespace hone
