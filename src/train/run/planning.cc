// What is about to happen: steps, schedule, memory, disk, time.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/machine/machine_limits.h"
#include "data/batch/batcher.h"
#include "train/loop/checkpoint.h"
#include "train/output/machine.h"
#include "train/run/finetune_run.h"
#include "train/run/fit_check.h"
#include "train/run/update.h"

namespace hone {

absl::Status FinetuneRun::MakePlan() {
    BatcherOptions batcher;
    batcher.batch_size = options_.per_device_train_batch_size;
    batcher.gradient_accumulation_steps = options_.gradient_accumulation_steps;
    batcher.packing = options_.data.packing;
    batcher.max_seq_len = options_.data.max_seq_len;
    batcher.shuffle = options_.train_sampling_strategy == "random";
    batcher.seed = options_.seed;
    HONE_ASSIGN_OR_RETURN(StepPlan steps, StepPlan::Create(data_.train, batcher));
    steps_ = std::make_unique<StepPlan>(std::move(steps));
    if (std::string warning = steps_->Warning(); !warning.empty()) Warn(warning);

    RunPlan& plan = facts_.plan;
    plan.model = options_.model_name_or_path;
    plan.architecture = files_->config.architecture;
    plan.base_parameters = model_->num_base_parameters();
    plan.trainable_parameters = model_->parameters().count();
    plan.method = learner_->Summary();
    plan.objective = objective_->Summary(options_.preference);
    if (pair_loss_)
        plan.objective =
            fmt::format("{}, {} pooling", pair_loss_->Summary(), options_.embedding.pooling);
    if (token_loss_) plan.objective = token_loss_->Summary();
    if (teacher_)
        plan.objective =
            fmt::format("distillation from {} in {}, alpha {:g}, temperature {:g}",
                        options_.teacher_model, options_.teacher_weights,
                        options_.distillation_alpha, options_.distillation_temperature);
    plan.compute = options_.torch_dtype == "float32" ? "f32" : "bf16";
    plan.threads = context_->num_threads();
    plan.train_rows = data_.train->size();
    plan.train_tokens = data_.train->total_tokens();
    plan.train_labelled_tokens = data_.report.train.label_tokens;
    plan.eval_rows = data_.eval ? data_.eval->size() : 0;
    plan.eval_tokens = data_.eval ? data_.eval->total_tokens() : 0;
    plan.step_batch = steps_->StepText();
    plan.steps_per_epoch = steps_->steps_per_epoch();
    plan.total_steps =
        options_.max_steps > 0 ? options_.max_steps : steps_->TotalSteps(options_.num_train_epochs);
    plan.epochs = static_cast<double>(plan.total_steps) / static_cast<double>(plan.steps_per_epoch);
    plan.data_summary = data_.report.ToText();
    plan.output_path = output_->path();
    return PlanMemory();
}

// The most tokens of any pass through the model.
int64_t FinetuneRun::MostTokensAtOnce() const {
    const int64_t limit = options_.micro_batch_tokens,
                  eval_rows = options_.per_device_eval_batch_size;
    int64_t tokens = steps_->MostTokens(limit);
    if (data_.eval) tokens = std::max(tokens, MostBatchTokens(*data_.eval, eval_rows, limit));
    if (!objective_->wants_unrelated()) return tokens + MostVirtualTokens(tokens);
    const auto add = [&](const Dataset& dataset, int64_t rows) {
        const int64_t longest = MostUnrelatedTokens(dataset, options_.data.max_seq_len);
        const int64_t together = std::min(rows, dataset.size()) * longest;
        tokens = std::max(tokens, std::max(longest, std::min(limit, together)));
    };
    add(*data_.train, options_.per_device_train_batch_size * options_.gradient_accumulation_steps);
    if (data_.eval) add(*data_.eval, eval_rows);
    return tokens + MostVirtualTokens(tokens);
}

// The most virtual tokens of a pass over so many tokens: each of its documents has all of them.
int64_t FinetuneRun::MostVirtualTokens(int64_t tokens) const {
    const BatcherOptions& batcher = steps_->options();
    int64_t rows = batcher.packing ? data_.train->size()
                                   : batcher.batch_size * batcher.gradient_accumulation_steps;
    if (data_.eval) rows = std::max(rows, options_.per_device_eval_batch_size);
    // Two documents a row, where answers or texts are compared.
    return model_->virtual_tokens() * std::min(2 * rows, tokens);
}

// Of a step's pairs, beside what the model needs.
size_t FinetuneRun::PairBytes() const {
    const int64_t rows = std::min(data_.train->size(), options_.per_device_train_batch_size *
                                                           options_.gradient_accumulation_steps);
    return Embedder::Bytes(files_->config.hidden_size, facts_.plan.micro_batch_tokens, rows);
}

// Its weights are in memory already; its passes take some more.
void FinetuneRun::AddTeacher(MemoryPlan* memory) const {
    if (!teacher_) return;
    const MemoryPlan teacher = teacher_->PlanForward(facts_.plan.micro_batch_tokens);
    memory->weights += teacher.weights;
    memory->workspace += teacher.workspace + Distiller::Bytes(*teacher_);
}

// What the steps will hold, checked against what is free; then it is taken.
absl::Status FinetuneRun::PlanMemory() {
    RunPlan& plan = facts_.plan;
    plan.micro_batch_tokens = MostTokensAtOnce();
    plan.available_bytes = AvailableBytes();
    // The trained values are in their place already; the plan counts them as to come.
    const size_t held = std::min(model_->parameters().values().size_bytes(), ResidentBytes());
    const size_t optimizer_bytes =
        OptimizerBytes(OptimizerOptionsOf(options_, files_->config), model_->parameters());
    const std::string cure =
        fmt::format("{}{}", options_.torch_dtype == "float32" ? "--torch_dtype bfloat16, " : "",
                    method_->fewer_parameters());
    HONE_ASSIGN_OR_RETURN(MemoryDecision memory,
                          DecideMemory(
                              [&](bool checkpointing) {
                                  MemoryPlan memory =
                                      model_->PlanTraining(plan.micro_batch_tokens, checkpointing);
                                  memory.parameters += optimizer_bytes;
                                  if (pair_loss_) memory.workspace += PairBytes();
                                  AddTeacher(&memory);
                                  return memory;
                              },
                              options_.gradient_checkpointing,
                              std::min(options_.micro_batch_tokens, plan.micro_batch_tokens), cure,
                              ResidentBytes() - held, plan.available_bytes + held));
    plan.gradient_checkpointing = memory.gradient_checkpointing;
    plan.memory = memory.plan;
    plan.needed_bytes = memory.needed_bytes;
    plan.to_come_bytes = memory.to_come_bytes - std::min(held, memory.to_come_bytes);
    return model_->PrepareTraining(plan.micro_batch_tokens, plan.gradient_checkpointing);
}

absl::StatusOr<ScheduleOptions> FinetuneRun::Schedule() const {
    ScheduleOptions schedule;
    HONE_ASSIGN_OR_RETURN(schedule.kind, ParseScheduleKind(options_.lr_scheduler_type));
    const int64_t total = facts_.plan.total_steps;
    // As transformers reads them: a share is rounded up, a number of steps down.
    const double share = options_.warmup_steps.value_or(options_.warmup_ratio);
    const bool is_share = share < 1 || !options_.warmup_steps;
    schedule.warmup_steps =
        static_cast<int64_t>(is_share ? std::ceil(share * static_cast<double>(total)) : share);
    schedule.learning_rate = options_.learning_rate;
    schedule.total_steps = total;
    schedule.num_cycles = options_.num_cycles;
    schedule.power = options_.lr_power;
    schedule.lr_end = options_.lr_end;
    schedule.decay_steps = options_.num_decay_steps.value_or(std::max<int64_t>(1, total / 10));
    schedule.min_lr_ratio = options_.min_lr_ratio;
    if (schedule.kind == ScheduleKind::kWarmupStableDecay &&
        schedule.warmup_steps + schedule.decay_steps > total)
        return UsageError(
            "--num_decay_steps {} and {} warmup steps are more than the {} steps of the run",
            schedule.decay_steps, schedule.warmup_steps, total);
    return schedule;
}

absl::Status FinetuneRun::Announce(int64_t probe_tokens) {
    RunPlan& plan = facts_.plan;
    plan.start_step = trainer_->step();
    HONE_ASSIGN_OR_RETURN(plan.estimated_seconds, trainer_->EstimateSeconds(probe_tokens));
    HONE_RETURN_IF_ERROR(PlanDiskUse());
    events_.Emit(plan);
    return absl::OkStatus();
}

absl::Status FinetuneRun::PlanDiskUse() {
    RunPlan& plan = facts_.plan;
    std::error_code error;
    const auto space = std::filesystem::space(output_->path(), error);
    if (error || trainer_->finished()) return absl::OkStatus();
    const DiskNeed need =
        PlanDisk(options_, plan.trainable_parameters,
                 OptimizerBytes(OptimizerOptionsOf(options_, files_->config), model_->parameters()),
                 static_cast<int64_t>(ListCheckpoints(output_->checkpoints()).size()),
                 trainer_->SavesToCome(plan.estimated_seconds));
    plan.disk_bytes = need.total;
    plan.free_disk_bytes = space.available;
    HONE_ASSIGN_OR_RETURN(const std::string warning,
                          CheckDisk(output_->path(), need, space.available));
    if (!warning.empty()) Warn(warning);
    return absl::OkStatus();
}

}  // namespace hone
