// The matrix products of a model's layers, for comparing what is done with what could be.
#pragma once

#include "kernels/roofline/roofline.h"
#include "model/files/model_files.h"

namespace hone {

// Of all layers, without the head and without adapters; tokens and row_length are the caller's.
RooflineShape RooflineShapeOf(const ModelFiles& files);

}  // namespace hone
