#include "model/blocks/norm.h"

#include <algorithm>

#include "model/files/model_files.h"

namespace hone {

absl::Status NormWeight::Load(const ModelFiles& files) {
    const ModelTensor* found = FindModelTensor(files, tensor);
    HONE_CHECK(found != nullptr, "{} is not in the table", tensor);
    frozen.resize(static_cast<size_t>(found->elements()));
    return ReadModelRows(files, *found, 0, 1, frozen.data());
}

void NormWeight::AddParameter(ParameterSet& parameters) {
    if (parameter < 0) return;
    parameter = parameters.Add(name + ".weight", {static_cast<int64_t>(frozen.size())}, false);
}

void NormWeight::FillParameter(ParameterSet& parameters) {
    if (parameter < 0) return;
    value = parameters.value(parameter);
    std::copy(frozen.begin(), frozen.end(), value);
}

}  // namespace hone
