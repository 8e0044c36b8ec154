// A model as it lies on disk: config, weights, tokenizer, chat template, from a folder, a .gguf
// file, a catalogue name or org/repo (fetched into the cache when it is not there).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub.h"
#include "model/config/config.h"
#include "model/files/model_tensors.h"
#include "model/files/weights.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hone {

struct ArchSpec;  // model/config/arch.h: the family's table and functions

struct GenerationDefaults {  // generation_config.json
    std::optional<float> temperature, top_p, repetition_penalty;
    std::optional<int64_t> top_k;
    bool do_sample = false;
};

// A tensor that takes the place of one of the files', with a copy of its bytes.
struct BroughtTensor {
    explicit BroughtTensor(const StoredTensor& from)
        : memory(from.bytes.begin(), from.bytes.end()), tensor(from) {
        tensor.bytes = memory;
    }
    std::vector<uint8_t> memory;
    StoredTensor tensor;  // under the name that it was brought by
};

struct ModelFiles {
    std::string argument;  // what the user typed
    std::string path;      // the folder or .gguf file
    const ArchSpec* arch = nullptr;
    ModelConfig config;
    GenerationDefaults generation;
    std::shared_ptr<WeightFile> weights;
    bool gguf = false;                 // the tensors carry GGUF's names
    std::vector<ModelTensor> tensors;  // every tensor of the config, found in `weights` and checked
    std::vector<std::shared_ptr<const BroughtTensor>> brought;  // by an adapter; most bring none
    std::shared_ptr<const Tokenizer> tokenizer;
    std::shared_ptr<const ChatTemplate> chat_template;  // ChatML when the model brings none
    bool has_chat_template = false;
    bool adds_bos = false;  // BOS belongs before plain text: tokenizer_config.json's or GGUF's
                            // add_bos_token, else what the tokenizer's post-processor does
    std::string bos_token, eos_token;  // as text; empty: none
};

// Opens and checks everything but the tensors' values: unknown architectures, missing, extra and
// misshapen tensors, broken tokenizers and templates are errors of kind kModel. The hub options
// come from the environment, and progress goes to the log.
absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& argument);
absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& argument,
                                                      const HubOptions& options,
                                                      const ProgressCallback& progress);

// A hash of the weights' bytes and config, for run.json and for refusing an adapter or checkpoint
// of another base.
absl::StatusOr<std::string> ModelFingerprint(const ModelFiles& files);

}  // namespace hone
