#include "train/benchmark.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/clock.h"
#include "data/batch/batcher.h"
#include "hub/catalogue.h"
#include "kernels/reduce/reduce.h"
#include "model/files/model_files.h"
#include "model/files/roofline_shape.h"
#include "train/method/method.h"
#include "train/output/machine.h"
#include "train/run/update.h"

namespace hone {
namespace {

std::vector<Example> RandomRows(int64_t rows, int64_t length, int64_t vocab_size) {
    std::mt19937_64 random(1);
    std::vector<Example> examples(static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t i = 0; i < length; ++i)
            examples[row].tokens.push_back(
                static_cast<int32_t>(random() % static_cast<uint64_t>(vocab_size)));
        examples[row].weights.assign(static_cast<size_t>(length), 1.0f);
        examples[row].row = row;
    }
    return examples;
}

// One optimiser step, as the trainer does it.
absl::Status Step(Model& model, const std::vector<Batch>& batches, int64_t step,
                  Optimizer& optimizer, const Context& context) {
    ParameterSet& parameters = model.parameters();
    const int64_t count = parameters.count();
    parameters.ClearGradients();
    double weight = 0;
    for (const Batch& batch : batches) weight += batch.TotalWeight();
    for (const Batch& batch : batches)
        HONE_RETURN_IF_ERROR(model
                                 .ForwardBackward(context, batch, static_cast<float>(1 / weight),
                                                  static_cast<uint64_t>(step))
                                 .status());
    const double norm = std::sqrt(SumOfSquares(context, count, parameters.gradients().data()));
    if (!std::isfinite(norm)) return TrainingError("the gradient is not finite at step {}", step);
    optimizer.Step(context,
                   {.number = step,
                    .learning_rate = 1e-4,
                    .gradient_scale = static_cast<float>(std::min(1.0, 1.0 / (norm + 1e-6)))},
                   parameters);
    model.ParametersChanged(context);
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainBenchmarkResult> BenchmarkTraining(const TrainBenchmarkOptions& options) {
    if (options.batch_size < 1 || options.seq_len < 2 || options.steps < 1)
        return UsageError("--batch_size and --steps must be at least 1, --seq_len at least 2");
    const FinetuneOptions& run = options.run;
    const Method& method = MethodOf(run);
    const Context context(run.threads);
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(run.model_name_or_path));
    HONE_ASSIGN_OR_RETURN(auto files, OpenModel(path));
    HONE_ASSIGN_OR_RETURN(auto model, Model::Load(*files, method.Loading(run), context));
    HONE_RETURN_IF_ERROR(method.MakeLearner(run, *files, *model, context).status());
    TrainBenchmarkResult result;
    result.nf4_bits_per_weight = model->bits_per_weight();
    result.micro_batch_tokens =
        options.micro_batch_tokens > 0 ? options.micro_batch_tokens : run.micro_batch_tokens;
    const ModelConfig& config = model->config();
    const auto batches =
        CutMicroBatches(RandomRows(options.batch_size, options.seq_len, config.vocab_size),
                        result.micro_batch_tokens);
    const int64_t most_tokens = std::max(options.seq_len, result.micro_batch_tokens);
    HONE_RETURN_IF_ERROR(model->PrepareTraining(most_tokens, options.gradient_checkpointing));
    result.activation_bytes =
        model->PlanTraining(most_tokens, options.gradient_checkpointing).activations;
    result.trainable_parameters = model->parameters().count();
    model->Regularize(RegularizationOf(run));
    const auto optimizer = MakeOptimizer(OptimizerOptionsOf(run, config), model->parameters());
    optimizer->Allocate();
    double best_s = 1e30;
    for (int step = 1; step <= options.steps + 1; ++step) {
        const double start = NowSeconds();
        HONE_RETURN_IF_ERROR(Step(*model, batches, step, *optimizer, context));
        if (step > 1) best_s = std::min(best_s, NowSeconds() - start);
    }
    const int64_t tokens = options.batch_size * options.seq_len;
    result.step_time_ms = best_s * 1000;
    result.tokens_per_second = static_cast<double>(tokens) / best_s;
    result.peak_memory_bytes = PeakResidentBytes();
    RooflineShape shape = RooflineShapeOf(*files);
    shape.vocabulary = config.vocab_size;
    shape.tokens = tokens;
    shape.row_length = options.seq_len;
    shape.rank = method.Rank(run);
    HONE_ASSIGN_OR_RETURN(
        result.roofline, MeasureRoofline(shape, method.Loading(run).compute == ComputeType::kBF16));
    if (method.TrainsBase()) {
        // The weights' gradients are as many products again as the forward pass has.
        double& limit = result.roofline.limit_tokens_per_second;
        limit = 1 / (1 / limit + 0.5 / result.roofline.roofline_tokens_per_second);
    }
    return result;
}

}  // namespace hone
