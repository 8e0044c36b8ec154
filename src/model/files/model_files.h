// A model as it lies on disk, in a folder or a .gguf file: its config and its weights. What else is
// there has to do with text: chat/chat_files.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/config/config.h"
#include "model/files/model_tensors.h"
#include "model/weights/weights.h"

namespace hone {

struct ArchSpec;  // model/config/arch.h: the family's table and functions

// A tensor that takes the place of one of the files', with a copy of its bytes.
struct BroughtTensor {
    explicit BroughtTensor(const StoredTensor& from) : memory(ContiguousBytes(from)), tensor(from) {
        CopyContiguous(from, memory.data());
        tensor.bytes = memory;
        tensor.strides.clear();
    }
    std::vector<uint8_t> memory;
    StoredTensor tensor;  // under the name that it was brought by
};

struct ModelFiles {
    std::string path;  // the folder or .gguf file
    const ArchSpec* arch = nullptr;
    ModelConfig config;
    std::shared_ptr<WeightFile> weights;
    bool gguf = false;                 // `weights` is a GgufFile: the tensors carry GGUF's names
    std::vector<ModelTensor> tensors;  // every tensor of the config, found in `weights` and checked
    std::vector<std::shared_ptr<const BroughtTensor>> brought;  // by an adapter; most bring none
    std::vector<std::shared_ptr<const BroughtTensor>> made;     // by GiveLabelHead
};

// Opens the folder or .gguf file and checks everything but the tensors' values: unknown
// architectures, missing, extra and misshapen tensors are errors of kind kModel. Where a catalogue
// name or org/repo lies: LocateOrPullModel of hub/catalogue.h.
absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& path);

// A hash of the weights' bytes and config, for run.json and for refusing an adapter or checkpoint
// of another base.
absl::StatusOr<std::string> ModelFingerprint(const ModelFiles& files);

}  // namespace hone
