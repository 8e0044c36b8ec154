#include "adapt/principal_start.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>

#include "adapt/small_matrices.h"
#include "adapt/targets.h"
#include "base/random.h"
#include "kernels/gemm/gemm.h"
#include "kernels/nf4/nf4.h"
#include "model/config/arch.h"
#include "model/files/model_tensors.h"

namespace hone {
namespace {

constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";
// More vectors than are wanted, and so many iterations, bring the wanted ones to f32's digits.
constexpr int64_t kMoreVectors = 16;
constexpr int kIterations = 16;

// The base's weight of a linear layer; a tied head's is the embedding's.
const ModelTensor& WeightOf(const ModelFiles& files, const std::string& linear) {
    const ModelTensor* embedding = nullptr;
    for (const ModelTensor& tensor : files.tensors) {
        if (tensor.hf_name == linear + ".weight") return tensor;
        if (tensor.row->role == TensorRole::kEmbedding) embedding = &tensor;
    }
    HONE_CHECK(embedding != nullptr, "no weight of {}", linear);
    return *embedding;
}

// "model.layers.0.mlp.up_proj" of its lora_A; empty for other parameters.
std::string LayerOf(const ParameterSlice& slice, std::string_view ending) {
    if (!slice.name.ends_with(ending)) return "";
    return slice.name.substr(0, slice.name.size() - ending.size());
}

std::span<const float> Part(std::span<const float> values, const ParameterSlice& slice) {
    return values.subspan(static_cast<size_t>(slice.offset), static_cast<size_t>(slice.count));
}

// wide [out, 2 rank] (=): b, then minus b0.
void Join(std::span<const float> b, std::span<const float> b0, int64_t rank,
          std::span<float> wide) {
    for (size_t i = 0; i < b.size(); ++i) {
        const size_t row = i / static_cast<size_t>(rank), column = i % static_cast<size_t>(rank);
        float* to = wide.data() + row * 2 * static_cast<size_t>(rank) + column;
        to[0] = b[i];
        to[rank] = -b0[i];
    }
}

}  // namespace

bool HasPrincipalStart(const LoraConfig& config) { return config.init_lora_weights == "pissa"; }

void PrincipalPair(int64_t out, int64_t in, int64_t rank, double scale, const float* w, float* a,
                   float* b) {
    const Context context(1);
    const int64_t wanted = std::min({rank, out, in}),
                  count = std::min({rank + kMoreVectors, out, in});
    PackedMatrix<float> to_out(in, {out}), to_in(out, {in});
    to_out.SetColumns(0, out, w);
    to_in.SetRows(0, out, w, in);
    std::vector<float> right(static_cast<size_t>(count * in)),
        left(static_cast<size_t>(count * out));
    for (size_t i = 0; i < right.size(); ++i)
        right[i] = static_cast<float>(static_cast<double>(RandomAt(1, i) >> 40) * 0x1p-23 - 1);
    const auto multiply = [&] {  // left = right W^T
        Gemm<float>(context, {.m = count,
                              .a = right.data(),
                              .a_stride = in,
                              .b = &to_out,
                              .c = left.data(),
                              .c_stride = out});
    };
    for (int iteration = 0; iteration < kIterations; ++iteration) {
        multiply();
        Orthonormalize(count, out, left.data());
        Gemm<float>(context, {.m = count,
                              .a = left.data(),
                              .a_stride = out,
                              .b = &to_in,
                              .c = right.data(),
                              .c_stride = in});
        Orthonormalize(count, in, right.data());
    }
    multiply();
    std::vector<double> gram(static_cast<size_t>(count * count)), vectors;
    for (int64_t i = 0; i < count; ++i)
        for (int64_t j = 0; j < count; ++j)
            gram[i * count + j] = std::inner_product(
                left.data() + i * out, left.data() + (i + 1) * out, left.data() + j * out, 0.0);
    Diagonalize(count, gram, vectors);
    const std::vector<int64_t> order = LargestFirst(count, gram);
    std::fill_n(a, rank * in, 0.0f);
    std::fill_n(b, rank * out, 0.0f);
    for (int64_t r = 0; r < wanted; ++r) {
        const int64_t e = order[r];
        const double value = std::sqrt(std::max(gram[e * count + e], 0.0));  // singular
        if (value == 0) continue;
        const double root = std::sqrt(value / scale);
        for (int64_t k = 0; k < count; ++k) {
            const double part = vectors[e * count + k];
            for (int64_t i = 0; i < in; ++i)
                a[r * in + i] += static_cast<float>(root * part * right[k * in + i]);
            for (int64_t i = 0; i < out; ++i)
                b[i * rank + r] += static_cast<float>(root / value * part * left[k * out + i]);
        }
    }
}

namespace {

// The principal pair of the numbers that `change` makes of each layer's weight [out, in] -> A and B
// of the layer; then done(layer, A, B). Layers go side by side.
absl::Status StartLayers(Model& model, const LoraConfig& config,
                         const std::vector<std::string>& layers, const Context& context,
                         const std::function<void(const ModelTensor&, float* w)>& change,
                         const std::function<void(const std::string&, std::span<const float>,
                                                  std::span<const float>)>& done) {
    ParameterSet& parameters = model.parameters();
    std::mutex mutex;
    absl::Status failed;
    context.ParallelFor(static_cast<int64_t>(layers.size()), [&](int64_t i, int) {
        const std::string& layer = layers[static_cast<size_t>(i)];
        const ModelTensor& weight = WeightOf(model.files(), layer);
        const ParameterSlice *a = parameters.Find(layer + std::string(kA)),
                             *b = parameters.Find(layer + std::string(kB));
        std::vector<float> w(static_cast<size_t>(weight.elements()));
        absl::Status status = ReadModelRows(model.files(), weight, 0, weight.rows(), w.data());
        const absl::StatusOr<LowRankOptions> options = LowRankFor(config, layer);
        status.Update(options.status());
        if (status.ok() && !(options->scale > 0))
            status = UsageError("{}: --init_lora_weights {} needs a lora_alpha above 0", layer,
                                config.init_lora_weights);
        if (!status.ok()) {
            std::lock_guard lock(mutex);
            failed.Update(status);
            return;
        }
        change(weight, w.data());
        const std::span<float> values = parameters.values();
        PrincipalPair(weight.rows(), weight.columns(), a->shape[0], options->scale, w.data(),
                      values.data() + a->offset, values.data() + b->offset);
        done(layer, Part(values, *a), Part(values, *b));
    });
    return failed;
}

// Those with a delta.
std::vector<std::string> AdaptedLayers(Model& model, bool with_head) {
    std::vector<std::string> layers;
    for (const LinearInfo& linear : model.linears())
        if ((with_head || !linear.is_head) &&
            model.parameters().Find(linear.name + std::string(kA)) != nullptr)
            layers.push_back(linear.name);
    return layers;
}

// w [out, in] -= what NF4 makes of it.
void LeaveQuantizationError(const ModelTensor& weight, bool double_quant, float* w) {
    const int64_t rows = weight.rows(), columns = weight.columns(), count = rows * columns;
    Nf4Matrix quantized(rows, columns, double_quant);
    quantized.SetRows(0, rows, w);
    quantized.Finish();
    const int64_t blocks = (count + kNf4Block - 1) / kNf4Block;
    std::vector<float> absmax(static_cast<size_t>(blocks)),
        values(static_cast<size_t>(blocks * kNf4Block));
    quantized.Absmax(0, blocks, absmax.data());
    Nf4Kernels<float>().Choose({}).values(blocks, quantized.codes(0), absmax.data(), kNf4Values,
                                          values.data());
    for (int64_t i = 0; i < count; ++i) w[i] -= values[i];
}

}  // namespace

absl::Status StartFromPrincipal(Model& model, const LoraConfig& config, const Context& context) {
    return StartLayers(
        model, config, AdaptedLayers(model, true), context, [](const ModelTensor&, float*) {},
        [&](const std::string& layer, std::span<const float> a, std::span<const float> b) {
            model.SetFixedPair(layer, {a, b});
        });
}

absl::Status StartFromQuantizationError(Model& model, const LoraConfig& config, bool double_quant,
                                        const Context& context) {
    // The head is not quantized.
    HONE_RETURN_IF_ERROR(StartLayers(
        model, config, AdaptedLayers(model, false), context,
        [&](const ModelTensor& weight, float* w) {
            LeaveQuantizationError(weight, double_quant, w);
        },
        [](const std::string&, std::span<const float>, std::span<const float>) {}));
    model.ParametersChanged(context);
    return absl::OkStatus();
}

LoraConfig PlainConfig(const LoraConfig& config) {
    LoraConfig plain = config;
    plain.init_lora_weights = "true";
    // alpha / rank, or with rsLoRA alpha / sqrt(rank), stays.
    const double factor = config.use_rslora ? std::sqrt(2.0) : 2.0;
    plain.r *= 2;
    plain.lora_alpha *= factor;
    for (auto& [name, rank] : plain.rank_pattern) rank *= 2;
    for (auto& [name, alpha] : plain.alpha_pattern) alpha *= factor;
    return plain;
}

ParameterSet PlainParameters(Model& model) {
    ParameterSet& parameters = model.parameters();
    ParameterSet plain;
    for (const ParameterSlice& slice : parameters.slices()) {
        std::vector<int64_t> shape = slice.shape;
        if (slice.name.ends_with(kA)) shape[0] *= 2;
        if (slice.name.ends_with(kB)) shape[1] *= 2;
        plain.Add(slice.name, shape, slice.weight_decay);
    }
    plain.Allocate();
    for (size_t i = 0; i < plain.slices().size(); ++i) {
        const ParameterSlice& slice = parameters.slices()[i];
        const std::span<const float> values = Part(parameters.values(), slice);
        const std::span<float> wide =
            plain.values().subspan(static_cast<size_t>(plain.slices()[i].offset),
                                   static_cast<size_t>(plain.slices()[i].count));
        if (const std::string layer = LayerOf(slice, kB); !layer.empty()) {
            Join(values, model.GetFixedPair(layer).b, slice.shape[1], wide);
            continue;
        }
        std::copy(values.begin(), values.end(), wide.begin());
        if (const std::string layer = LayerOf(slice, kA); !layer.empty()) {
            const std::span<const float> fixed = model.GetFixedPair(layer).a;
            std::copy(fixed.begin(), fixed.end(), wide.begin() + slice.count);
        }
    }
    return plain;
}

absl::Status TakePlainParameters(ParameterSet& plain, Model& model) {
    ParameterSet& parameters = model.parameters();
    const std::span<const float> values = plain.values();
    const std::vector<float> before(parameters.values().begin(), parameters.values().end());
    for (size_t i = 0; i < plain.slices().size(); ++i) {
        const ParameterSlice& slice = parameters.slices()[i];
        const std::span<const float> wide = Part(values, plain.slices()[i]);
        float* to = parameters.values().data() + slice.offset;
        const int64_t width = slice.name.ends_with(kB) ? slice.shape[1] : slice.count;
        const int64_t stride = slice.name.ends_with(kB) ? 2 * width : width;
        for (int64_t k = 0; k < slice.count; ++k)
            to[k] = wide[static_cast<size_t>(k / width * stride + k % width)];
    }
    ParameterSet again = PlainParameters(model);
    if (std::equal(values.begin(), values.end(), again.values().begin())) return absl::OkStatus();
    std::copy(before.begin(), before.end(), parameters.values().begin());
    return ModelError("the adapter has another start (PiSSA) than this base gives");
}

}  // namespace hone
