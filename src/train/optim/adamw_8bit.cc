#include "train/optim/adamw_8bit.h"

#include <algorithm>
#include <cmath>

#include "kernels/dynamic_map/dynamic_map.h"
#include "tensor/partition.h"
#include "train/optim/adamw.h"

namespace hone {
namespace {

constexpr int64_t kBlock = 256;
constexpr int64_t kBlocksPerTask = 64;

void Decode(const DynamicMap& map, int64_t count, const uint8_t* codes, float largest,
            float* numbers) {
    for (int64_t i = 0; i < count; ++i) numbers[i] = map.numbers()[codes[i]] * largest;
}

// Returns the largest magnitude.
float Encode(const DynamicMap& map, int64_t count, const float* numbers, uint8_t* codes) {
    float largest = 0;
    for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(numbers[i]));
    for (int64_t i = 0; i < count; ++i)
        codes[i] = map.Nearest(largest > 0 ? numbers[i] / largest : 0);
    return largest;
}

}  // namespace

AdamW8Bit::AdamW8Bit(const OptimizerOptions& options, const ParameterSet& parameters)
    : Optimizer(parameters), adamw_(AdamWOptionsOf(options)) {
    for (const ParameterSlice& slice : parameters.slices())
        tensors_.push_back({.run = RunOf(options, slice)});
}

void AdamW8Bit::Take(Arena& arena) {
    for (Tensor& tensor : tensors_)
        for (Moment* moment : {&tensor.m, &tensor.v}) {
            if (tensor.small()) {
                moment->numbers = arena.Take<float>(tensor.run.count);
            } else {
                moment->codes = arena.Take<uint8_t>(tensor.run.count);
                moment->largest = arena.Take<float>(CeilDivide(tensor.run.count, kBlock));
            }
        }
}

void AdamW8Bit::StepInBlocks(const Context& context, const Tensor& tensor,
                             const AdamWFactors& factors, const float* gradient,
                             float* value) const {
    const DynamicMap &m_map = DynamicMap::Signed(), &v_map = DynamicMap::Unsigned();
    const AdamWFunctions& functions = AdamWKernels().Choose({});
    const int64_t blocks = CeilDivide(tensor.run.count, kBlock);
    context.ParallelFor(CeilDivide(blocks, kBlocksPerTask), [&](int64_t task, int) {
        float m[kBlock], v[kBlock];
        const int64_t end = std::min(blocks, (task + 1) * kBlocksPerTask);
        for (int64_t block = task * kBlocksPerTask; block < end; ++block) {
            const int64_t first = block * kBlock,
                          count = std::min(kBlock, tensor.run.count - first);
            Decode(m_map, count, tensor.m.codes + first, tensor.m.largest[block], m);
            Decode(v_map, count, tensor.v.codes + first, tensor.v.largest[block], v);
            functions.range(count, factors, gradient + first, value + first, m, v);
            tensor.m.largest[block] = Encode(m_map, count, m, tensor.m.codes + first);
            tensor.v.largest[block] = Encode(v_map, count, v, tensor.v.codes + first);
        }
    });
}

void AdamW8Bit::Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) {
    for (const Tensor& tensor : tensors_) {
        const AdamWOptions options = AdamWOptionsOf(adamw_, step, tensor.run);
        const float* gradient = parameters.gradients().data() + tensor.run.offset;
        float* value = parameters.values().data() + tensor.run.offset;
        if (tensor.small())
            AdamWStep(context, tensor.run.count, options, gradient, value, tensor.m.numbers,
                      tensor.v.numbers);
        else
            StepInBlocks(context, tensor, FactorsOf(options), gradient, value);
    }
}

std::vector<OptimizerState> AdamW8Bit::States() {
    std::vector<OptimizerState> states;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const ParameterSlice& slice = parameters_.slices()[i];
        const auto count = static_cast<size_t>(slice.count);
        const int64_t blocks = CeilDivide(slice.count, kBlock);
        const bool small = tensors_[i].small();
        const auto add = [&](const Moment& moment, const std::string& codes,
                             const std::string& scales, const std::string& plain) {
            if (small) {
                states.push_back(StateOf(plain + slice.name, slice.shape, {moment.numbers, count}));
                return;
            }
            states.push_back({codes + slice.name, slice.shape, DType::kU8, {moment.codes, count}});
            states.push_back(StateOf(scales + slice.name, {blocks},
                                     {moment.largest, static_cast<size_t>(blocks)}));
        };
        add(tensors_[i].m, "state1.", "absmax1.", "exp_avg.");
        add(tensors_[i].v, "state2.", "absmax2.", "exp_avg_sq.");
    }
    return states;
}

}  // namespace hone
