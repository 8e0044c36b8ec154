// Everything that a fine-tuning run can be told, one member an option, with its default. What else
// there is to say of an option stands in its row of the table (train/options/table.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapt/lora.h"
#include "base/status.h"
#include "data/options.h"
#include "nlohmann/json.hpp"
#include "tensor/batch.h"

namespace hone {

// The numbers of objectives; not each has a use for all of them.
struct ObjectiveOptions {
    double beta = 0.1;  // how near to the reference; IPO's tau; ORPO's weight of the odds ratio
    double label_smoothing = 0;  // the share of pairs that are taken for swapped
    double simpo_gamma = 0.5;
    double desirable_weight = 1, undesirable_weight = 1;
};

// adapter alone: AdapterHub's kind of bottleneck adapter, and where it differs from that.
struct BottleneckChoice {
    std::string adapter_config = "houlsby";
    std::optional<double> reduction_factor;
    std::string non_linearity;  // empty: the kind's own
};

// Which of the model's own weights --method freeze trains; LLaMA-Factory's options.
struct FreezeOptions {
    int64_t trainable_layers = 2;                // the last so many; negative: the first
    std::vector<std::string> trainable_modules;  // within them, by name; empty: all
    std::vector<std::string> extra_modules;      // outside of the layers
};

// With --task text-classification or token-classification.
struct ClassificationOptions {
    // single_label_classification | multi_label_classification; transformers' words. The second
    // with text-classification alone.
    std::string problem_type = "single_label_classification";
    std::string label_separator;         // LabelOptions::separator
    std::string class_weights = "none";  // LabelOptions::class_weights
    double focal_gamma = 0;              // 0: cross-entropy
};

// With --task feature-extraction: how texts become embeddings, and the numbers of their losses.
struct EmbeddingOptions {
    std::string pooling = "mean";  // mean | lasttoken; sentence-transformers' words
    double max_score = 1;          // LabelOptions::max_score
    double margin = 0.5;           // contrastive: the cosine distance that other texts are to have
    double temperature = 0.05;     // infonce: what cosines are divided by
};

// One of several adapters that a run trains: its name, and the file or data set of its rows.
struct TaskRows {
    std::string name, data_name;
};

// Members carry the names of the options. "Olive": the default is Olive's; the rest follow
// transformers.TrainingArguments where it has the flag.
struct FinetuneOptions {
    // Model. A catalogue name, a folder, a .gguf file or org/repo.
    std::string model_name_or_path;
    std::string adapter_path;  // start from this PEFT adapter; its adapter_config.json decides rank
                               // and layers
    std::string torch_dtype =
        "bfloat16";  // bfloat16 | float16 (means bfloat16 on a CPU, with a message) | float32

    // text-generation | text-classification | token-classification | feature-extraction;
    // transformers' words.
    std::string task = "text-generation";
    ClassificationOptions classification;
    EmbeddingOptions embedding;
    // What is minimised instead of the objective's own loss: contrastive | infonce |
    // cosine_similarity, of embeddings; FILE.py:NAME or plugin:FILE.so, one of the user's own
    // (train/custom/). Empty: of embeddings contrastive.
    std::string loss;

    // Output.
    std::string output_path = "finetuned-adapter";  // Olive
    std::string task_name;                          // named in run.json and the model card
    // Names of tasks with their rows: a run for each, in OUTPUT/NAME (TasksOf). Empty: one run.
    std::vector<TaskRows> task_data;
    std::string logging_dir;                // TensorBoard files; empty: OUTPUT/logs
    std::string report_to = "tensorboard";  // tensorboard | all | none
    bool dry_run = false;                   // writes OUTPUT/config.json and runs nothing
    bool save_config_file = false;          // writes OUTPUT/config.json, then runs

    DataOptions data;

    // Method: lora | qlora | full | freeze; others are refused by name. lora_r, lora_alpha,
    // lora_dropout, target_modules, modules_to_save ... are the fields of LoraConfig, refused with
    // full.
    std::string method = "lora";  // Olive
    LoraConfig lora;
    double loraplus_lr_ratio = 1;  // the learning rate of lora_B as a multiple of lora_A's
    FreezeOptions freeze;
    BottleneckChoice bottleneck;
    // qlora alone: how the base's layers are held in 4 bits.
    std::string quant_type = "nf4";
    bool double_quant = true;  // what scales them in 8 bits; Olive's default is false
    // native | int8: what the frozen layers' products are computed in; native: torch_dtype. int8
    // with lora alone.
    std::string base_compute = "native";

    // What is minimised: sft | dpo | ipo | orpo | kto | simpo.
    std::string objective = "sft";
    ObjectiveOptions preference;
    // With sft: a model whose probabilities are learned beside the labels; empty: none. What names
    // it is as model_name_or_path.
    std::string teacher_model;
    std::string teacher_weights = "bf16";  // how it is held: WeightNames()
    double distillation_alpha = 0.5;
    double distillation_temperature = 2;

    // How long.
    int64_t max_steps = -1;                   // optimiser steps; > 0 overrides num_train_epochs
    double num_train_epochs = 3;              // may be fractional
    int64_t per_device_train_batch_size = 8;  // rows; with packing sequences of max_seq_len
    int64_t per_device_eval_batch_size = 8;   // rows that go through the model at a time, at most
    int64_t gradient_accumulation_steps = 1;
    // random | sequential: the order of the rows in an epoch; sequential is that of the files.
    std::string train_sampling_strategy = "random";

    // Optimiser and schedule.
    double learning_rate = 2e-4;                 // Olive
    std::string lr_scheduler_type = "constant";  // Olive; see schedule.h for the names
    double warmup_ratio = 0.03;  // Olive; share of all steps, unless warmup_steps says otherwise
    std::optional<double>
        warmup_steps;  // a number of steps; below 1: a share of all steps, as transformers reads it
    double num_cycles =
        -1;  // cosine 0.5, cosine_with_restarts 1, warmup_stable_decay 0.5 when negative
    double lr_power = 1;   // polynomial
    double lr_end = 1e-7;  // polynomial: the last learning rate
    std::optional<int64_t>
        num_decay_steps;      // warmup_stable_decay; a tenth of the steps when absent
    double min_lr_ratio = 0;  // warmup_stable_decay: the floor as a share of learning_rate
    std::string optim = "adamw_torch";  // train/optim/optimizer.h has the names
    double layerwise_lr_decay = 1;      // each layer's learning rate, as a multiple of the next's
    double adam_beta1 = 0.9;
    double adam_beta2 = 0.999;
    double adam_epsilon = 1e-8;
    double weight_decay = 0;
    double max_grad_norm = 1;           // 0: no clipping
    double label_smoothing_factor = 0;  // the share of a label that goes to all tokens evenly
    double neftune_noise_alpha = 0;     // noise on embedded tokens in training; 0: none
    std::string gradient_checkpointing =
        "auto";  // true | false | auto: only when the plan would not fit without
    uint64_t seed = 42;

    // When to report, evaluate, save.
    int64_t logging_steps = 10;
    bool eval_on_start = false;  // also before step 1
    int64_t eval_steps = 0;  // 0: at the end of each epoch; the end of the run is always evaluated
    int64_t eval_sample_steps = 0;  // 0: never; a step's loss on a few evaluation rows beside it
    int64_t save_steps = 500;       // 0: never by steps
    double save_minutes = 10;       // since the last checkpoint; 0: never by time
    int64_t save_total_limit = 3;   // checkpoints kept, the best one among them; 0: all
    std::string metric_for_best_model =
        "eval_loss";                        // eval_loss | eval_perplexity | eval_token_accuracy
    std::optional<bool> greater_is_better;  // by the metric's name when absent
    int64_t early_stopping_patience = 0;    // evaluations without improvement; 0: off
    double early_stopping_threshold = 0;    // what counts as an improvement
    bool load_best_model_at_end = false;
    // auto: continue when OUTPUT holds a checkpoint of the same configuration; none: start afresh
    // (OUTPUT must hold no checkpoint); true: as auto but an error when there is none; else the
    // checkpoint's folder.
    std::string resume_from_checkpoint = "auto";

    // Machine. Tokens that pass through the model at a time; longer rows pass alone. Sums over
    // micro-batches are rounded, so another number gives other last bits.
    int64_t micro_batch_tokens = kMicroBatchTokens;
    int threads = 0;  // 0: as many as the process may run on; never changes a result
    int dataloader_num_workers =
        0;  // threads that read ahead; 0: hone chooses; never changes a result
};

// Whether the task is feature-extraction.
bool TrainsEmbeddings(const FinetuneOptions& options);

class OptionNames;

// The resolved configuration as config.json and run.json hold it: every option of the table under
// its name, but for those that belong to another method, and those that an adapter to start from
// says itself.
nlohmann::ordered_json OptionsToJson(const FinetuneOptions& options);
// The inverse; missing keys keep the defaults of FinetuneOptions, an unknown key or a wrong value
// is an error that names it.
absl::StatusOr<FinetuneOptions> OptionsFromJson(const nlohmann::ordered_json& json);
// What the result depends on, but for what is compared by its contents: for the checkpoints.
// `evaluations_decide`: which weights are the result.
nlohmann::ordered_json ComparedOptions(const FinetuneOptions& options, bool evaluations_decide);

// Checks ranges, names and combinations; the error, of kind kUsage, calls the option as `names`
// does and says what it takes.
absl::Status ValidateOptions(const FinetuneOptions& options, const OptionNames& names);
// The same for a command line: "--lora_r".
absl::Status ValidateOptions(const FinetuneOptions& options);

}  // namespace hone
