#include "model/files/give_label_head.h"

#include <cmath>
#include <numbers>

#include "base/files/hash.h"
#include "base/random.h"
#include "model/config/arch.h"
#include "model/config/label_head.h"
#include "model/files/model_tensors.h"

namespace hone {
namespace {

// Box and Muller's; two numbers of the sequence make one.
double Normal(uint64_t seed, uint64_t index) {
    const double a = (static_cast<double>(RandomAt(seed, 2 * index) >> 11) + 0.5) * 0x1p-53;
    const double b = static_cast<double>(RandomAt(seed, 2 * index + 1) >> 11) * 0x1p-53;
    return std::sqrt(-2 * std::log(a)) * std::cos(2 * std::numbers::pi * b);
}

float InitializerRange(const ModelConfig& config) {
    const auto range = config.json.find("initializer_range");
    return range != config.json.end() && range->is_number() ? range->get<float>() : 0.02f;
}

std::shared_ptr<const BroughtTensor> MakeTensor(const ModelTensor& tensor, float range,
                                                uint64_t seed) {
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    const uint64_t key = StableHash(tensor.hf_name, seed);
    if (tensor.row->role == TensorRole::kHead)
        for (size_t i = 0; i < values.size(); ++i)
            values[i] = range * static_cast<float>(Normal(key, i));
    StoredTensor stored;
    stored.name = tensor.hf_name;
    stored.shape = tensor.shape;
    stored.type = StorageType::kF32;
    stored.type_name = StorageTypeName(stored.type);
    stored.bytes = {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float)};
    return std::make_shared<const BroughtTensor>(stored);
}

bool IsHead(const ModelTensor& tensor) {
    return tensor.row->role == TensorRole::kHead || tensor.row->role == TensorRole::kHeadBias;
}

}  // namespace

void GiveLabelHead(ModelFiles& files, HeadKind kind, const std::vector<std::string>& labels,
                   bool multi_label, uint64_t seed) {
    const ModelConfig& config = files.config;
    if (config.head == kind && config.labels == labels && config.multi_label == multi_label) return;
    files.config = WithLabelHead(*files.arch, config, kind, labels, multi_label);
    std::erase_if(files.tensors, IsHead);
    const float range = InitializerRange(config);
    for (ModelTensor& tensor : ExpandTable(*files.arch, files.config)) {
        if (!IsHead(tensor)) continue;
        files.made.push_back(MakeTensor(tensor, range, seed));
        tensor.stored = &files.made.back()->tensor;
        tensor.brought = true;
        files.tensors.push_back(std::move(tensor));
    }
}

std::string LabelHeadModule(const ModelFiles& files) { return ModuleName(files, "head"); }

}  // namespace hone
