// The base with what is trained of it, and the loop around it.
#include "adapt/brought_weights.h"
#include "adapt/lora.h"
#include "base/machine/machine_limits.h"
#include "base/machine/version.h"
#include "base/text/text.h"
#include "base/watch.h"
#include "train/output/machine.h"
#include "train/run/finetune_run.h"
#include "train/run/fit_check.h"
#include "train/run/odd_settings.h"
#include "train/run/pair_training.h"
#include "train/run/task_head.h"
#include "train/run/update.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// An adapter is trained further by a method of its own kind.
absl::Status CheckKind(const LoraConfig& adapter, const FinetuneOptions& options) {
    if (adapter.peft_type == MethodOf(options).peft_type()) return absl::OkStatus();
    for (const Method* method : Methods())
        if (method->peft_type() == adapter.peft_type)
            return UsageError("--adapter_path {} is of peft_type {}: train it with --method {}",
                              options.adapter_path, adapter.peft_type, method->name());
    return UsageError("--adapter_path {} is of peft_type {}, which no method trains",
                      options.adapter_path, adapter.peft_type);
}

}  // namespace

absl::Status FinetuneRun::Load() {
    HONE_RETURN_IF_ERROR(LoadModel());
    HONE_RETURN_IF_ERROR(LoadTeacher());
    HONE_RETURN_IF_ERROR(MakePlan());
    return MakeTrainer();
}

absl::Status FinetuneRun::LoadModel() {
    if (base_ == nullptr || base_->empty())  // else they are in memory
        HONE_RETURN_IF_ERROR(CheckWeightsFit(options_, *files_, AvailableBytes()));
    if (options_.torch_dtype == "float16")
        Say("--torch_dtype float16: a CPU computes in bfloat16 instead, with master weights in "
            "float32");
    if (!options_.adapter_path.empty()) {
        HONE_ASSIGN_OR_RETURN(const LoraConfig adapter, ReadAdapterConfig(options_.adapter_path));
        HONE_RETURN_IF_ERROR(CheckKind(adapter, options_));
        if (adapter.use_dora && options_.base_compute == "int8")
            return UsageError(
                "--adapter_path {} is of DoRA (use_dora), which needs products that are exact, and "
                "--base_compute int8 has none: use native",
                options_.adapter_path);
        HONE_RETURN_IF_ERROR(UseBroughtWeights(options_.adapter_path, *files_));
    }
    const WorkReport reading = {.what = "reading the model",
                                .detail = FormatBytes(StoredBytes(*files_)),
                                .announced = true};
    {
        const ScopedWatcher watcher(Shown(reading, 0, 0.5));
        HONE_ASSIGN_OR_RETURN(facts_.model_fingerprint, ModelFingerprint(*files_));
    }
    GiveTaskHead(options_, data_.labels, *files_);
    if (base_ != nullptr && files_->made.empty() && files_->brought.empty())
        model_ = base_->Take(facts_.model_fingerprint, method_->Loading(options_));
    if (!model_) {
        const ScopedWatcher watcher(Shown(reading, 0.5, 1));
        HONE_ASSIGN_OR_RETURN(model_, Model::Load(*files_, method_->Loading(options_), *context_));
    }
    HONE_ASSIGN_OR_RETURN(learner_, method_->MakeLearner(options_, *files_, *model_, *context_));
    model_->Regularize(RegularizationOf(options_));
    if (!options_.adapter_path.empty())
        Say(
            fmt::format("starting from the adapter {}: its rank, alpha and layers count, not "
                        "--lora_r and its kin",
                        options_.adapter_path));
    facts_.model_path = files_->path;
    return absl::OkStatus();
}

// What refers to the model goes first.
void FinetuneRun::LeaveBase() {
    if (base_ == nullptr || !model_ || !files_->made.empty() || !files_->brought.empty()) return;
    log_.reset();
    trainer_.reset();
    learner_.reset();
    base_->Leave(std::move(model_), facts_.model_fingerprint, method_->Loading(options_));
}

// What the result depends on. Paths are not in it: the hashes of what lies there are.
nlohmann::ordered_json FinetuneRun::Configuration() const {
    const bool eval_decides =
        options_.early_stopping_patience > 0 || options_.load_best_model_at_end;
    Json json = {{"base_model", facts_.model_fingerprint},
                 {"compute", facts_.plan.compute},
                 {"train_data", data_.train->fingerprint()}};
    if (shows_date_) json["template_date"] = options_.data.template_date;
    if (!objective_->direct()) json["objective"] = objective_->name();
    if (!data_.labels.empty()) {
        json["task"] = options_.task;
        json["labels"] = data_.labels;
    }
    if (pair_loss_) {
        json["task"] = options_.task;
        json["loss"] = pair_loss_->Summary();
    }
    if (token_loss_) json["loss"] = token_loss_->Summary();
    if (teacher_)
        json["teacher"] = {{"model", teacher_fingerprint_},
                           {"weights", options_.teacher_weights},
                           {"alpha", options_.distillation_alpha},
                           {"temperature", options_.distillation_temperature}};
    // Those that change nothing are left out: checkpoints from before there was the option have
    // none of it.
    if (options_.loraplus_lr_ratio != 1) json["loraplus_lr_ratio"] = options_.loraplus_lr_ratio;
    if (options_.optim != OptimizerNames().front()) json["optim"] = options_.optim;
    if (options_.layerwise_lr_decay != 1) json["layerwise_lr_decay"] = options_.layerwise_lr_decay;
    if (options_.label_smoothing_factor != 0)
        json["label_smoothing_factor"] = options_.label_smoothing_factor;
    if (options_.neftune_noise_alpha != 0)
        json["neftune_noise_alpha"] = options_.neftune_noise_alpha;
    // Scores of its rows are in the checkpoints.
    const bool eval_scored = objective_->wants_reference() && !learner_->CanLeaveOutTrained();
    if (eval_decides || eval_scored)
        json["eval_data"] = data_.eval ? data_.eval->fingerprint() : "none";
    json.update(learner_->Configuration());
    json["total_steps"] = facts_.plan.total_steps;
    json.update(ComparedOptions(options_, eval_decides));
    return json;
}

absl::Status FinetuneRun::MakeTrainer() {
    TrainerOptions trainer;
    trainer.total_steps = facts_.plan.total_steps;
    HONE_ASSIGN_OR_RETURN(trainer.schedule, Schedule());
    trainer.optimizer = OptimizerOptionsOf(options_, files_->config);
    trainer.max_grad_norm = options_.max_grad_norm;
    trainer.seed = options_.seed;
    trainer.objective = objective_;
    trainer.preference = options_.preference;
    if (pair_loss_)
        trainer.embedding = EmbeddingTraining{PoolingOf(options_.embedding), pair_loss_,
                                              files_->config.hidden_size};
    trainer.token_loss = token_loss_;
    if (teacher_)
        trainer.distillation =
            Distillation{teacher_, options_.distillation_alpha, options_.distillation_temperature};
    trainer.batch_rows = options_.per_device_train_batch_size;
    trainer.max_seq_len = options_.data.max_seq_len;
    trainer.micro_batch_tokens = options_.micro_batch_tokens;
    trainer.eval_batch_size = options_.per_device_eval_batch_size;
    trainer.prefetch_steps = 2 + options_.dataloader_num_workers;
    trainer.logging_steps = options_.logging_steps;
    trainer.eval_on_start = options_.eval_on_start;
    trainer.eval_steps = options_.eval_steps;
    trainer.eval_sample_steps = options_.eval_sample_steps;
    trainer.save_steps = options_.save_steps;
    trainer.save_minutes = options_.save_minutes;
    trainer.save_total_limit = options_.save_total_limit;
    trainer.metric_for_best_model = options_.metric_for_best_model;
    trainer.greater_is_better = options_.greater_is_better;
    trainer.early_stopping_patience = options_.early_stopping_patience;
    trainer.early_stopping_threshold = options_.early_stopping_threshold;
    trainer.load_best_model_at_end = options_.load_best_model_at_end;
    trainer.checkpoints = output_->checkpoints();
    trainer.configuration = Configuration();
    trainer.process = Process();
    trainer.process_started_s = started_;
    for (const std::string& sentence :
         OddSettings(options_, trainer.schedule, facts_.plan, learner_->parameters()))
        Warn(sentence);
    HONE_ASSIGN_OR_RETURN(trainer_, Trainer::Create(std::move(trainer), *learner_, *steps_,
                                                    data_.eval, events_, poll_, *context_));
    return absl::OkStatus();
}

nlohmann::ordered_json FinetuneRun::Process() const {
    return {{"started", facts_.started},
            {"hone_version", kVersion},
            {"threads", context_->num_threads()},
            {"machine", facts_.machine}};
}

}  // namespace hone
