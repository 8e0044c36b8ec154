// An RMS normalisation's weight: frozen, or a parameter.
#pragma once

#include <string>
#include <vector>

#include "model/blocks/parameters.h"
#include "model/files/model_tensors.h"

namespace hone {

struct NormWeight {
    std::string name;           // what users call the module: "model.layers.0.input_layernorm"
    std::string tensor;         // in the family's table
    std::vector<float> frozen;  // [C]
    int parameter = -1;
    float* value = nullptr;  // the parameter's values once allocated

    absl::Status Load(const ModelFiles& files);
    const float* weight() const { return value != nullptr ? value : frozen.data(); }
    float* gradient(ParameterSet& parameters) const {
        return parameter >= 0 ? parameters.gradient(parameter) : nullptr;
    }
    void AddParameter(ParameterSet& parameters);
    void FillParameter(ParameterSet& parameters);
};

}  // namespace hone
