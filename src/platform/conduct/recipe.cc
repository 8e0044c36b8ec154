#include "platform/conduct/recipe.h"

#include <algorithm>
#include <ctime>

#include "model/files/model_files.h"

namespace hone::platform {
namespace {

constexpr int64_t kMaxContext = 4096;  // tokens of an example; what is longer is cut
constexpr int64_t kLoraRank = 16;
constexpr double kLoraAlpha = 32;
constexpr double kSaveMinutes = 10;
constexpr double kDpoShare = 0.1;  // of the learning rate of supervised training

struct RateRow {
    int64_t parameters;  // up to
    double learning_rate;
};
// With an automatic multiplier twice these: what LoRA on all linear layers takes at these sizes.
constexpr RateRow kRates[] = {
    {300'000'000, 2e-4}, {1'500'000'000, 1.5e-4}, {4'000'000'000, 1e-4}, {INT64_MAX, 5e-5}};

std::string Day(int64_t unix_seconds) {
    const auto time = static_cast<time_t>(unix_seconds);
    tm parts{};
    gmtime_r(&time, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

}  // namespace

absl::StatusOr<BaseFacts> ReadBaseFacts(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(path));
    BaseFacts facts;
    for (const ModelTensor& tensor : files->tensors) facts.parameters += tensor.elements();
    facts.context = files->config.max_position_embeddings;
    return facts;
}

Hyperparameters ResolveAuto(const Hyperparameters& asked, const std::string& method,
                            int64_t examples) {
    constexpr int64_t kEpochs = 3, kFewest = 100, kMost = 25'000, kMaxEpochs = 25;
    const int64_t n = std::max<int64_t>(examples, 1);
    Hyperparameters resolved = asked;
    if (!resolved.n_epochs) {
        int64_t epochs = kEpochs;
        if (n * kEpochs < kFewest) epochs = std::min(kMaxEpochs, kFewest / n);
        if (n * kEpochs > kMost) epochs = std::max<int64_t>(1, kMost / n);
        resolved.n_epochs = epochs;
    }
    if (!resolved.batch_size) resolved.batch_size = std::clamp<int64_t>(n / 500, 1, 256);
    if (!resolved.learning_rate_multiplier) resolved.learning_rate_multiplier = 2;
    if (LearnsPreferences(method) && !resolved.beta) resolved.beta = 0.1;
    return resolved;
}

double BaseLearningRate(const std::string& method, int64_t parameters) {
    double rate = 0;
    for (const RateRow& row : kRates) {
        rate = row.learning_rate;
        if (parameters <= row.parameters) break;
    }
    return LearnsPreferences(method) ? rate * kDpoShare : rate;
}

int64_t EpochSteps(int64_t examples, int64_t batch_size) {
    return (examples + batch_size - 1) / batch_size;
}

FinetuneOptions MakeOptions(const Job& job, int64_t epoch_steps, const BaseFacts& base,
                            const RunPlaces& places) {
    FinetuneOptions options;
    options.model_name_or_path = places.base_path;
    options.adapter_path = places.adapter_path;
    options.output_path = places.output;
    options.task_name = job.id;
    options.report_to = "none";
    options.data.data_name = places.training_file;
    if (places.validation_file.empty()) {
        options.data.eval_split = "none";
    } else {
        options.data.eval_data_files = {places.validation_file};
        options.eval_sample_steps = 1;
    }
    options.data.max_seq_len = base.context > 0 ? std::min(base.context, kMaxContext) : kMaxContext;
    options.data.template_date = Day(job.created_at);
    options.lora.r = kLoraRank;
    options.lora.lora_alpha = kLoraAlpha;
    options.lora.target_modules = {"all-linear"};
    if (LearnsPreferences(job.method)) {
        options.objective = "dpo";
        options.preference.beta = *job.hyperparameters.beta;
        options.lora.lora_dropout = 0;  // two passes over a row are compared
    }
    options.num_train_epochs = static_cast<double>(*job.hyperparameters.n_epochs);
    options.per_device_train_batch_size = *job.hyperparameters.batch_size;
    options.learning_rate = BaseLearningRate(job.method, base.parameters) *
                            *job.hyperparameters.learning_rate_multiplier;
    options.lr_scheduler_type = "linear";
    options.seed = static_cast<uint64_t>(job.seed);
    options.logging_steps = 1;
    options.save_steps = epoch_steps;
    options.save_minutes = kSaveMinutes;
    options.save_total_limit = 2;
    options.threads = places.threads;
    return options;
}

}  // namespace hone::platform
