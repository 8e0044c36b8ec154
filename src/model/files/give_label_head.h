// A language model becomes a classifier: its head is replaced by one of labels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/files/model_files.h"

namespace hone {

// Before Model::Load. The weights are drawn from a normal distribution with the config's
// initializer_range (0.02 where it has none), as transformers does, by `seed`; the bias is zero.
// Files that have the same head with these labels already stay as they are.
void GiveLabelHead(ModelFiles& files, HeadKind kind, const std::vector<std::string>& labels,
                   bool multi_label, uint64_t seed);

// "score": what PEFT calls the head of labels of the files.
std::string LabelHeadModule(const ModelFiles& files);

}  // namespace hone
