#include "train/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "kernels/reduce/reduce.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// torch's defaults.
constexpr double kMomentum = 0.95, kSmallestNorm = 1e-7;
constexpr int kIterations = 5;
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;

bool IsLayersMatrix(const ParameterSlice& slice) {
    // A learned vector of IA3 has two dimensions in PEFT's form. Virtual tokens lie in no layer.
    if (slice.shape.size() != 2 || slice.name.ends_with(".ia3_l")) return false;
    if (slice.name.find(".lora_") != std::string::npos) return true;
    // The others lie in a numbered layer: "model.layers.3.", "transformer.h.3.".
    for (size_t dot = slice.name.find('.'); dot != slice.name.npos;
         dot = slice.name.find('.', dot + 1))
        if (dot + 1 < slice.name.size() && slice.name[dot + 1] >= '0' && slice.name[dot + 1] <= '9')
            return true;
    return false;
}

// c [m, n] (=) = a [m, k] b^T, with b [n, k].
void MultiplyTransposed(const Context& context, int64_t m, int64_t n, int64_t k, const float* a,
                        const float* b, float* c) {
    PackedMatrix<float> packed(k, {n});
    packed.SetColumns(0, n, b);
    Gemm<float>(context, {.m = m, .a = a, .a_stride = k, .b = &packed, .c = c, .c_stride = n});
}

// c [m, n] (=) = a [m, k] b, with b [k, n].
void Multiply(const Context& context, int64_t m, int64_t n, int64_t k, const float* a,
              const float* b, float* c) {
    PackedMatrix<float> packed(k, {n});
    packed.SetRows(0, k, b, n);
    Gemm<float>(context, {.m = m, .a = a, .a_stride = k, .b = &packed, .c = c, .c_stride = n});
}

}  // namespace

Muon::Muon(const OptimizerOptions& options, const ParameterSet& parameters)
    : Optimizer(parameters), adamw_(AdamWOptionsOf(options)) {
    for (const ParameterSlice& slice : parameters.slices()) {
        Tensor tensor{.run = RunOf(options, slice)};
        if (IsLayersMatrix(slice)) tensor.rows = slice.shape[0], tensor.columns = slice.shape[1];
        tensors_.push_back(tensor);
    }
}

void Muon::Take(Arena& arena) {
    int64_t most = 0, most_rows = 0;
    for (Tensor& tensor : tensors_) {
        tensor.m = arena.Take<float>(tensor.run.count);
        if (!tensor.matrix()) {
            tensor.v = arena.Take<float>(tensor.run.count);
            continue;
        }
        most = std::max(most, tensor.run.count);
        most_rows = std::max(most_rows, std::min(tensor.rows, tensor.columns));
    }
    x_ = arena.Take<float>(most);
    product_ = arena.Take<float>(most);
    gram_ = arena.Take<float>(most_rows * most_rows);
    gram_square_ = arena.Take<float>(most_rows * most_rows);
}

// Newton and Schulz's iteration: X <- a X + (b G + c G^2) X with G = X X^T.
void Muon::Orthogonalize(const Context& context, int64_t rows, int64_t columns) {
    const int64_t count = rows * columns;
    const double norm = std::max(std::sqrt(SumOfSquares(context, count, x_)), kSmallestNorm);
    const float inverse = static_cast<float>(1 / norm);
    for (int64_t i = 0; i < count; ++i) x_[i] *= inverse;
    for (int iteration = 0; iteration < kIterations; ++iteration) {
        MultiplyTransposed(context, rows, rows, columns, x_, x_, gram_);
        Multiply(context, rows, rows, rows, gram_, gram_, gram_square_);
        for (int64_t i = 0; i < rows * rows; ++i) gram_[i] = kB * gram_[i] + kC * gram_square_[i];
        Multiply(context, rows, columns, rows, gram_, x_, product_);
        for (int64_t i = 0; i < count; ++i) x_[i] = kA * x_[i] + product_[i];
    }
}

void Muon::StepMatrix(const Context& context, const OptimizerStep& step, const Tensor& tensor,
                      const float* gradient, float* value) {
    const bool tall = tensor.rows > tensor.columns;
    const int64_t rows = tall ? tensor.columns : tensor.rows,
                  columns = tall ? tensor.rows : tensor.columns;
    // Where the element at `at` of the tensor lies in x_.
    const auto place = [&](int64_t at) {
        return tall ? at % tensor.columns * columns + at / tensor.columns : at;
    };
    constexpr float kRest = static_cast<float>(1 - kMomentum),
                    kPart = static_cast<float>(kMomentum);
    ForElements(context, tensor.run.count, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) {
            const float g = gradient[i] * step.gradient_scale;
            tensor.m[i] += kRest * (g - tensor.m[i]);
            x_[place(i)] = g + kPart * (tensor.m[i] - g);  // Nesterov's momentum
        }
    });
    Orthogonalize(context, rows, columns);
    const double rate = step.learning_rate * tensor.run.rate;
    const float decay = static_cast<float>(1 - rate * tensor.run.weight_decay);
    const float move = static_cast<float>(rate * 0.2 * std::sqrt(static_cast<double>(columns)));
    ForElements(context, tensor.run.count, [&](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i)
            value[i] = value[i] * decay - move * x_[place(i)];
    });
}

void Muon::Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) {
    for (const Tensor& tensor : tensors_) {
        const float* gradient = parameters.gradients().data() + tensor.run.offset;
        float* value = parameters.values().data() + tensor.run.offset;
        if (tensor.matrix())
            StepMatrix(context, step, tensor, gradient, value);
        else
            AdamWStep(context, tensor.run.count, AdamWOptionsOf(adamw_, step, tensor.run), gradient,
                      value, tensor.m, tensor.v);
    }
}

std::vector<OptimizerState> Muon::States() {
    std::vector<OptimizerState> states;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const Tensor& tensor = tensors_[i];
        const ParameterSlice& slice = parameters_.slices()[i];
        const auto count = static_cast<size_t>(slice.count);
        states.push_back(StateOf((tensor.matrix() ? "momentum_buffer." : "exp_avg.") + slice.name,
                                 slice.shape, {tensor.m, count}));
        if (!tensor.matrix())
            states.push_back(StateOf("exp_avg_sq." + slice.name, slice.shape, {tensor.v, count}));
    }
    return states;
}

}  // namespace hone
