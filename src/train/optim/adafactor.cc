#include "train/optim/adafactor.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/partition.h"

namespace hone {
namespace {

constexpr float kEps = 1e-30f;        // added to squares
constexpr double kDecayRate = -0.8;   // of 1 - beta2, over the steps
constexpr double kClipThreshold = 1;  // the most that the root mean square of an update may be

}  // namespace

Adafactor::Adafactor(const OptimizerOptions& options, const ParameterSet& parameters)
    : Optimizer(parameters) {
    for (const ParameterSlice& slice : parameters.slices()) {
        Tensor tensor{.run = RunOf(options, slice)};
        if (slice.shape.size() == 2) tensor.rows = slice.shape[0], tensor.columns = slice.shape[1];
        tensors_.push_back(tensor);
    }
}

void Adafactor::Take(Arena& arena) {
    int64_t most_rows = 0, most_columns = 0;
    for (Tensor& tensor : tensors_) {
        if (!tensor.matrix()) {
            tensor.squares = arena.Take<float>(tensor.run.count);
            continue;
        }
        tensor.row_means = arena.Take<float>(tensor.rows);
        tensor.column_means = arena.Take<float>(tensor.columns);
        most_rows = std::max(most_rows, tensor.rows);
        most_columns = std::max(most_columns, tensor.columns);
    }
    row_factors_ = arena.Take<float>(most_rows);
    row_sums_ = arena.Take<double>(most_rows);
    column_factors_ = arena.Take<float>(most_columns);
}

double Adafactor::UpdateMatrix(const Context& context, const Tensor& tensor, float beta2,
                               float gradient_scale, const float* gradient) {
    const int64_t rows = tensor.rows, columns = tensor.columns;
    const auto square = [&](int64_t at) {
        const float g = gradient[at] * gradient_scale;
        return g * g + kEps;
    };
    const auto follow = [&](float& mean, double sum, int64_t count) {
        mean = beta2 * mean + (1 - beta2) * static_cast<float>(sum / static_cast<double>(count));
    };
    ForRows(context, rows, columns, [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row) {
            double sum = 0;
            for (int64_t i = 0; i < columns; ++i) sum += square(row * columns + i);
            follow(tensor.row_means[row], sum, columns);
        }
    });
    ForColumns(context, columns, [&](int64_t first, int64_t count) {
        double sums[64] = {};
        for (int64_t row = 0; row < rows; ++row)
            for (int64_t i = 0; i < count; ++i) sums[i] += square(row * columns + first + i);
        for (int64_t i = 0; i < count; ++i) {
            follow(tensor.column_means[first + i], sums[i], rows);
            column_factors_[first + i] = 1 / std::sqrt(tensor.column_means[first + i]);
        }
    });
    const double mean =
        std::accumulate(tensor.row_means, tensor.row_means + rows, 0.0) / static_cast<double>(rows);
    ForRows(context, rows, columns, [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row) {
            const float factor =
                1 / std::sqrt(tensor.row_means[row] / static_cast<float>(mean)) * gradient_scale;
            double sum = 0;
            for (int64_t i = 0; i < columns; ++i) {
                const double update =
                    double{gradient[row * columns + i]} * (factor * column_factors_[i]);
                sum += update * update;
            }
            row_factors_[row] = factor;
            row_sums_[row] = sum;
        }
    });
    return std::accumulate(row_sums_, row_sums_ + rows, 0.0);
}

double Adafactor::UpdateVector(const Tensor& tensor, float beta2, float gradient_scale,
                               const float* gradient) {
    double sum = 0;
    for (int64_t i = 0; i < tensor.run.count; ++i) {
        const float g = gradient[i] * gradient_scale;
        tensor.squares[i] = beta2 * tensor.squares[i] + (1 - beta2) * (g * g + kEps);
        sum += double{g} * g / tensor.squares[i];
    }
    return sum;
}

void Adafactor::Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) {
    const float beta2 =
        static_cast<float>(1 - std::pow(static_cast<double>(step.number), kDecayRate));
    for (const Tensor& tensor : tensors_) {
        const bool matrix = tensor.matrix();
        const float* gradient = parameters.gradients().data() + tensor.run.offset;
        float* value = parameters.values().data() + tensor.run.offset;
        const double sum = matrix
                               ? UpdateMatrix(context, tensor, beta2, step.gradient_scale, gradient)
                               : UpdateVector(tensor, beta2, step.gradient_scale, gradient);
        const double rms = std::sqrt(sum / static_cast<double>(tensor.run.count));
        const double rate = step.learning_rate * tensor.run.rate;
        const float decay = static_cast<float>(1 - rate * tensor.run.weight_decay);
        const float clipped = static_cast<float>(rate / std::max(1.0, rms / kClipThreshold));
        if (matrix) {
            const int64_t columns = tensor.columns;
            ForRows(context, tensor.rows, columns, [&](int64_t first, int64_t count) {
                for (int64_t row = first; row < first + count; ++row)
                    for (int64_t i = 0, at = row * columns; i < columns; ++i, ++at)
                        value[at] =
                            value[at] * decay -
                            clipped * (row_factors_[row] * column_factors_[i] * gradient[at]);
            });
        } else {
            for (int64_t i = 0; i < tensor.run.count; ++i)
                value[i] = value[i] * decay - clipped * (gradient[i] * step.gradient_scale /
                                                         std::sqrt(tensor.squares[i]));
        }
    }
}

std::vector<OptimizerState> Adafactor::States() {
    std::vector<OptimizerState> states;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const Tensor& tensor = tensors_[i];
        const ParameterSlice& slice = parameters_.slices()[i];
        if (!tensor.matrix()) {
            states.push_back(StateOf("exp_avg_sq." + slice.name, slice.shape,
                                     {tensor.squares, static_cast<size_t>(slice.count)}));
            continue;
        }
        states.push_back(StateOf("exp_avg_sq_row." + slice.name, {tensor.rows},
                                 {tensor.row_means, static_cast<size_t>(tensor.rows)}));
        states.push_back(StateOf("exp_avg_sq_col." + slice.name, {tensor.columns},
                                 {tensor.column_means, static_cast<size_t>(tensor.columns)}));
    }
    return states;
}

}  // namespace hone
