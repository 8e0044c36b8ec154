// The tensors of a model as its family's table names them, in Hugging Face's layout whatever the
// file format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/config/arch.h"
#include "model/config/config.h"
#include "model/weights/weights.h"

namespace hone {

struct ModelFiles;  // model/files/model_files.h

// "layers.{}.attention.q" with layer 3 -> "layers.3.attention.q"; names without "{}" stay.
std::string ExpandName(std::string_view pattern, int64_t layer);

// One tensor that a config calls for.
struct ModelTensor {
    const TensorRow* row = nullptr;
    int64_t layer = -1;                    // -1 for tensors outside the layers
    std::string name;                      // hone's: "layers.3.attention.q"
    std::string hf_name;                   // "model.layers.3.self_attn.q_proj.weight"
    std::string gguf_name;                 // "blk.3.attn_q.weight"
    std::vector<int64_t> shape;            // outermost first
    const StoredTensor* stored = nullptr;  // set by OpenModel's check
    bool brought = false;  // stored is an adapter's (BroughtTensor), in Hugging Face's layout

    // How `stored` lies in a file of this kind.
    TensorLayout layout(bool gguf) const { return gguf && !brought ? row->gguf : row->hf; }
    int64_t rows() const { return shape.size() < 2 ? 1 : shape[0]; }
    int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
    int64_t elements() const {
        int64_t count = 1;
        for (int64_t size : shape) count *= size;
        return count;
    }
};

// Every tensor of the config, in the order of the table, the layers' rows once per layer (layer by
// layer).
std::vector<ModelTensor> ExpandTable(const ArchSpec& arch, const ModelConfig& config);

// ExpandTable with `stored` filled in from the file. Errors of kind kModel, all problems in one
// message (at most 8): a tensor that is missing, has another shape, is in a format that hone cannot
// read, or has no place in this model.
//
// Of a tied config a head that the file holds beside the embedding counts where it is another: the
// config, its json too, is then untied, as transformers 5 has it (merged adapters with a trained
// head leave such files). A head without an embedding is both.
absl::StatusOr<std::vector<ModelTensor>> MatchTensors(const ArchSpec& arch, ModelConfig& config,
                                                      const WeightFile& weights, bool gguf);

// Whether two tensors of one shape hold the same numbers, in whatever type. NaN equals itself only
// where the bytes are the same.
absl::StatusOr<bool> SameNumbers(const StoredTensor& a, const StoredTensor& b);

// Of an opened model, by hone's name; nullptr when the config has no such tensor.
const ModelTensor* FindModelTensor(const ModelFiles& files, std::string_view name);

// What users and PEFT call the module of a tensor, by hone's name of the tensor:
// "model.layers.0.input_layernorm".
std::string ModuleName(const ModelFiles& files, std::string_view tensor);

// Rows [begin, end) as float, row-major into `out` (=), in Hugging Face's plain layout, whatever
// the file's is. A tensor of rank 1 is one row.
absl::Status ReadModelRows(const ModelFiles& files, const ModelTensor& tensor, int64_t begin,
                           int64_t end, float* out);

// An error (kind kModel) that names the first tensor with a NaN or an infinity in it: what makes
// every loss of a model one, before anything was trained.
absl::Status CheckFinite(const ModelFiles& files, const Context& context);

}  // namespace hone
