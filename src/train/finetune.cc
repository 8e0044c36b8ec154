#include "train/finetune.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "adapt/brought_weights.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json_file.h"
#include "base/machine_limits.h"
#include "base/text.h"
#include "base/version.h"
#include "base/watch.h"
#include "chat/chat_files.h"
#include "data/batch/batcher.h"
#include "data/load/dataset.h"
#include "hub/catalogue.h"
#include "model/files/model_files.h"
#include "train/engine_learner.h"
#include "train/fit_check.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/method/method.h"
#include "train/odd_settings.h"
#include "train/output/machine.h"
#include "train/output/output_folder.h"
#include "train/output/run_files.h"
#include "train/output/run_log.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// What a run measures before step 1: a fraction of a second, which nobody waits for.
constexpr int64_t kQuickProbeTokens = 128;
// What an estimate measures: as much as training takes at a time.
constexpr int64_t kThoroughProbeTokens = 1 << 20;

// The stages of one run, in their order; each leaves what the next ones need.
class FinetuneRun {
  public:
    FinetuneRun(const FinetuneOptions& options, Reporter& reporter,
                const std::atomic<int>& interrupts)
        : options_(options),
          reporter_(reporter),
          interrupts_(interrupts),
          context_(options.threads) {}

    absl::Status Run();
    absl::Status Estimate();

  private:
    // All that comes before the plan is shown.
    absl::Status Prepare();
    // Shows a piece of work while it is done, from `from` to `to` of the whole, and ends it where
    // the user wants the end.
    Watcher Shown(WorkReport work, double from = 0, double to = 1);
    absl::Status OpenInputs();
    std::string TemplateDate() const;
    absl::Status LoadModel();
    absl::Status MakePlan();
    absl::Status MakeTrainer();
    absl::StatusOr<ScheduleOptions> Schedule() const;
    Json Configuration() const;
    Json Process() const;
    // The checkpoint to go on from; empty: none.
    absl::StatusOr<std::string> ChooseCheckpoint();
    // Whether OUTPUT holds the result of these steps, whole.
    bool Finished() const;
    // The plan, with the time that one pass over `probe_tokens` tokens promises.
    absl::Status Announce(int64_t probe_tokens);
    absl::Status PlanDiskUse();
    absl::Status Train();
    absl::Status WriteResult();
    absl::Status TrainAndWriteResult();
    absl::StatusOr<std::string> WriteArtifact();
    absl::Status WriteRunJson(RunStatus status, const std::string& error,
                              const std::string& artifact_sha256);
    void Say(const std::string& text) { reporter_.OnMessage(MessageLevel::kInfo, text); }
    void Warn(const std::string& text) { reporter_.OnMessage(MessageLevel::kWarning, text); }

    FinetuneOptions options_;
    const Method& method_ = MethodOf(options_);
    Reporter& reporter_;
    const std::atomic<int>& interrupts_;
    Context context_;
    const double started_ = NowSeconds();

    std::unique_ptr<OutputFolder> output_;
    std::unique_ptr<ModelFiles> files_;
    bool shows_date_ = false;  // the chat template does
    LoadedData data_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<StepPlan> steps_;
    std::unique_ptr<EngineLearner> learner_;
    std::unique_ptr<Trainer> trainer_;
    std::unique_ptr<RunLog> log_;
    RunFacts facts_;
};

absl::Status FinetuneRun::Prepare() {
    facts_.options = options_;
    facts_.started = UtcNow();
    HONE_RETURN_IF_ERROR(OpenInputs());
    HONE_RETURN_IF_ERROR(LoadModel());
    HONE_RETURN_IF_ERROR(MakePlan());
    return MakeTrainer();
}

Watcher FinetuneRun::Shown(WorkReport work, double from, double to) {
    work.share = from;
    reporter_.OnWork(work);
    return [this, work, from, to](double share, int64_t) mutable {
        work.share = from + share * (to - from);
        reporter_.OnWork(work);
        return interrupts_.load() == 0;
    };
}

absl::Status FinetuneRun::Estimate() {
    HONE_ASSIGN_OR_RETURN(output_, OutputFolder::Claim(options_.output_path));
    HONE_RETURN_IF_ERROR(Prepare());
    return Announce(kThoroughProbeTokens);
}

absl::Status FinetuneRun::Run() {
    HONE_ASSIGN_OR_RETURN(output_, OutputFolder::Claim(options_.output_path));
    if (options_.dry_run || options_.save_config_file) {
        const std::string text = ConfigText(options_);
        auto written = ReadFile(output_->config_json());
        if (!written.ok() || *written != text)
            HONE_RETURN_IF_ERROR(WriteFileAtomic(output_->config_json(), text));
    }
    if (options_.dry_run) {
        Say(fmt::format("dry run: the configuration is in {}, nothing was run",
                        output_->config_json()));
        return absl::OkStatus();
    }
    absl::Status prepared = Prepare();
    if (prepared.ok() && Finished()) {
        Say(
            fmt::format("{} holds this run, finished after {} steps: nothing is changed. For "
                        "another run give another --output_path",
                        output_->path(), trainer_->step()));
        return absl::OkStatus();
    }
    if (prepared.ok()) prepared = Announce(kQuickProbeTokens);
    if (KindOf(prepared) == ErrorKind::kInterrupted)
        return InterruptedError(fmt::format(
            "interrupted before a step was done; {} is as it was, and the same command starts "
            "again",
            output_->path()));
    HONE_RETURN_IF_ERROR(prepared);
    absl::Status status = TrainAndWriteResult();
    if (!status.ok()) {
        const bool interrupted = KindOf(status) == ErrorKind::kInterrupted;
        // The error that ended the run is the one to report; this file is a courtesy.
        WriteRunJson(interrupted ? RunStatus::kInterrupted : RunStatus::kFailed,
                     std::string(status.message()), "")
            .IgnoreError();
    }
    return status;
}

absl::Status FinetuneRun::TrainAndWriteResult() {
    try {
        HONE_RETURN_IF_ERROR(Train());
        return WriteResult();
    } catch (const std::bad_alloc&) {
        return MemoryError(
            "not enough memory after step {}; the checkpoints written so far are whole. Use a "
            "smaller --micro_batch_tokens or --gradient_checkpointing true, or free some memory",
            trainer_->step());
    }
}

// The day that the chat template shows: that of the run's beginning, or the rows would have other
// tokens after midnight, and the run could not go on.
std::string FinetuneRun::TemplateDate() const {
    std::vector<CheckpointEntry> entries = ListCheckpoints(output_->checkpoints());
    entries.insert(entries.begin(), {0, options_.resume_from_checkpoint});
    for (const CheckpointEntry& entry : entries) {
        std::string date = StoredText(entry.folder, "template_date");
        if (!date.empty()) return date;
    }
    return LocalDate();
}

// The model's files and the data, as tokens.
absl::Status FinetuneRun::OpenInputs() {
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(options_.model_name_or_path));
    HONE_ASSIGN_OR_RETURN(files_, OpenModel(path));
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*files_));
    HONE_ASSIGN_OR_RETURN(const auto encoder, chat->MakeEncoder());
    if (encoder->ReadsClock() && options_.data.template_date.empty())
        options_.data.template_date = TemplateDate();
    shows_date_ = encoder->ReadsClock();
    facts_.options.data.template_date = options_.data.template_date;
    DataOptions data = options_.data;
    if (data.cache_folder.empty()) data.cache_folder = output_->path();
    const double begin = NowSeconds();
    const ScopedWatcher watcher([&](double share, int64_t rows) {
        const double seconds = std::max(1e-3, NowSeconds() - begin);
        reporter_.OnWork({.what = "reading the data",
                          .detail = fmt::format("{} rows, {:.0f} rows/s", rows,
                                                static_cast<double>(rows) / seconds),
                          .share = share});
        return interrupts_.load() == 0;
    });
    reporter_.OnWork({.what = "reading the data", .share = -1});
    HONE_ASSIGN_OR_RETURN(data_, LoadData(data, encoder, context_));
    for (const std::string& warning : data_.report.warnings) Warn(warning);
    if (data_.eval && data_.eval->size() == 0) data_.eval.reset();
    facts_.data = data_.report.ToJson();
    facts_.data["train_sha256"] = data_.train->fingerprint();
    if (data_.eval) facts_.data["eval_sha256"] = data_.eval->fingerprint();
    if (options_.data.max_seq_len > files_->config.max_position_embeddings &&
        data_.train->longest() > files_->config.max_position_embeddings)
        Warn(
            fmt::format("rows of up to {} tokens, more than the {} that the model was made for; "
                        "answers that long may be "
                        "poor",
                        data_.train->longest(), files_->config.max_position_embeddings));
    return absl::OkStatus();
}

// The base with what is trained of it.
absl::Status FinetuneRun::LoadModel() {
    HONE_RETURN_IF_ERROR(CheckWeightsFit(options_, *files_, AvailableBytes()));
    if (options_.torch_dtype == "float16")
        Say("--torch_dtype float16: a CPU computes in bfloat16 instead, with master weights in "
            "float32");
    if (!options_.adapter_path.empty())
        HONE_RETURN_IF_ERROR(UseBroughtWeights(options_.adapter_path, *files_));
    size_t bytes = 0;
    for (const ModelTensor& tensor : files_->tensors) bytes += tensor.stored->bytes.size();
    const WorkReport reading = {
        .what = "reading the model", .detail = FormatBytes(bytes), .announced = true};
    {
        const ScopedWatcher watcher(Shown(reading, 0, 0.5));
        HONE_ASSIGN_OR_RETURN(facts_.model_fingerprint, ModelFingerprint(*files_));
    }
    {
        const ScopedWatcher watcher(Shown(reading, 0.5, 1));
        HONE_ASSIGN_OR_RETURN(model_, Model::Load(*files_, method_.Loading(options_), context_));
    }
    HONE_ASSIGN_OR_RETURN(learner_, method_.MakeLearner(options_, *files_, *model_, context_));
    if (!options_.adapter_path.empty())
        Say(
            fmt::format("starting from the adapter {}: its rank, alpha and layers count, not "
                        "--lora_r and its kin",
                        options_.adapter_path));
    facts_.model_path = files_->path;
    return absl::OkStatus();
}

// Steps, memory, and everything that is shown before step 1.
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
    plan.compute = options_.torch_dtype == "float32" ? "f32" : "bf16";
    plan.threads = context_.num_threads();
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

    plan.micro_batch_tokens = steps_->MostTokens(options_.micro_batch_tokens);
    if (data_.eval)
        plan.micro_batch_tokens =
            std::max(plan.micro_batch_tokens,
                     MostBatchTokens(*data_.eval, options_.per_device_eval_batch_size,
                                     options_.micro_batch_tokens));
    plan.available_bytes = AvailableBytes();
    // The trained values are in their place already; the plan counts them as to come.
    const size_t held = std::min(model_->parameters().values().size_bytes(), ResidentBytes());
    const std::string cure =
        fmt::format("{}{}", options_.torch_dtype == "float32" ? "--torch_dtype bfloat16, " : "",
                    method_.fewer_parameters());
    HONE_ASSIGN_OR_RETURN(MemoryDecision memory,
                          DecideMemory(
                              [&](bool checkpointing) {
                                  return model_->PlanTraining(plan.micro_batch_tokens,
                                                              checkpointing);
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

// What the result depends on. Paths are not in it: the hashes of what lies there are.
Json FinetuneRun::Configuration() const {
    const bool eval_decides =
        options_.early_stopping_patience > 0 || options_.load_best_model_at_end;
    Json json = {{"base_model", facts_.model_fingerprint},
                 {"compute", facts_.plan.compute},
                 {"train_data", data_.train->fingerprint()}};
    if (shows_date_) json["template_date"] = options_.data.template_date;
    if (eval_decides) json["eval_data"] = data_.eval ? data_.eval->fingerprint() : "none";
    json.update(learner_->Configuration());
    json["total_steps"] = facts_.plan.total_steps;
    json.update(ComparedOptions(options_, eval_decides));
    return json;
}

absl::Status FinetuneRun::MakeTrainer() {
    TrainerOptions trainer;
    trainer.total_steps = facts_.plan.total_steps;
    HONE_ASSIGN_OR_RETURN(trainer.schedule, Schedule());
    trainer.adamw.beta1 = options_.adam_beta1;
    trainer.adamw.beta2 = options_.adam_beta2;
    trainer.adamw.eps = options_.adam_epsilon;
    trainer.adamw.weight_decay = options_.weight_decay;
    trainer.max_grad_norm = options_.max_grad_norm;
    trainer.seed = options_.seed;
    trainer.micro_batch_tokens = options_.micro_batch_tokens;
    trainer.eval_batch_size = options_.per_device_eval_batch_size;
    trainer.prefetch_steps = 2 + options_.dataloader_num_workers;
    trainer.logging_steps = options_.logging_steps;
    trainer.eval_on_start = options_.eval_on_start;
    trainer.eval_steps = options_.eval_steps;
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
                                                    data_.eval, reporter_, interrupts_, context_));
    RemoveUnfinishedCheckpoints(output_->checkpoints());
    HONE_ASSIGN_OR_RETURN(std::string checkpoint, ChooseCheckpoint());
    if (checkpoint.empty()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(trainer_->Restore(checkpoint));
    if (!trainer_->finished()) Say(fmt::format("continuing from the checkpoint {}", checkpoint));
    return absl::OkStatus();
}

Json FinetuneRun::Process() const {
    return {{"started", facts_.started},
            {"hone_version", kVersion},
            {"threads", context_.num_threads()},
            {"machine", DescribeMachine()}};
}

bool FinetuneRun::Finished() const {
    if (!trainer_->finished()) return false;
    auto run = ReadJsonObject(output_->run_json());
    if (!run.ok() || run->value("status", Json()) != "done") return false;
    const std::string name = learner_->artifact();
    const Json entry = run->value(name == "model" ? "fine_tuned_model" : name, Json());
    auto hash = Sha256File(output_->artifact(name) + "/" + learner_->weights_file());
    return hash.ok() && entry.is_object() && entry.value("sha256", Json()) == *hash;
}

absl::StatusOr<std::string> FinetuneRun::ChooseCheckpoint() {
    const std::string& wanted = options_.resume_from_checkpoint;
    const auto entries = ListCheckpoints(output_->checkpoints());
    if (wanted == "none" || wanted == "false") {
        if (!entries.empty())
            return UsageError(
                "--resume_from_checkpoint {}: {} holds checkpoints of an earlier run; give another "
                "--output_path, or remove that folder",
                wanted, output_->checkpoints());
        return std::string();
    }
    if (wanted != "auto" && wanted != "true") {
        if (!IsCheckpointFolder(wanted))
            return UsageError(
                "--resume_from_checkpoint {}: no checkpoint is there; it takes a folder step-N, "
                "true, auto or "
                "none",
                wanted);
        return wanted;
    }
    for (const CheckpointEntry& entry : entries) {
        absl::Status whole = VerifyCheckpoint(entry.folder);
        if (whole.ok()) return entry.folder;
        Warn(fmt::format("{}; trying the one before", std::string(whole.message())));
    }
    if (!entries.empty())
        return TrainingError("no whole checkpoint in {}: remove that folder to start afresh",
                             output_->checkpoints());
    if (wanted == "true")
        return UsageError("--resume_from_checkpoint true: there is no checkpoint in {}",
                          output_->checkpoints());
    return std::string();
}

absl::Status FinetuneRun::Announce(int64_t probe_tokens) {
    RunPlan& plan = facts_.plan;
    plan.start_step = trainer_->step();
    HONE_ASSIGN_OR_RETURN(plan.estimated_seconds, trainer_->EstimateSeconds(probe_tokens));
    HONE_RETURN_IF_ERROR(PlanDiskUse());
    reporter_.OnPlan(plan);
    return absl::OkStatus();
}

absl::Status FinetuneRun::PlanDiskUse() {
    RunPlan& plan = facts_.plan;
    std::error_code error;
    const auto space = std::filesystem::space(output_->path(), error);
    if (error || trainer_->finished()) return absl::OkStatus();
    const DiskNeed need =
        PlanDisk(options_, plan.trainable_parameters,
                 static_cast<int64_t>(ListCheckpoints(output_->checkpoints()).size()),
                 trainer_->SavesToCome(plan.estimated_seconds));
    plan.disk_bytes = need.total;
    plan.free_disk_bytes = space.available;
    HONE_ASSIGN_OR_RETURN(const std::string warning,
                          CheckDisk(output_->path(), need, space.available));
    if (!warning.empty()) Warn(warning);
    return absl::OkStatus();
}

absl::Status FinetuneRun::Train() {
    HONE_RETURN_IF_ERROR(WriteRunJson(RunStatus::kRunning, "", ""));
    const bool tensorboard = options_.report_to != "none";
    const std::string events = !tensorboard                   ? ""
                               : options_.logging_dir.empty() ? output_->logs()
                                                              : options_.logging_dir;
    HONE_ASSIGN_OR_RETURN(log_, RunLog::Open(output_->metrics(), events, trainer_->history()));
    return trainer_->Run(*log_);
}

// OUT/adapter or OUT/model, read back and compared: the exit status promises that it is there.
// Returns the weights' SHA-256.
absl::StatusOr<std::string> FinetuneRun::WriteArtifact() {
    const std::string folder = output_->artifact(learner_->artifact());
    HONE_RETURN_IF_ERROR(output_->Replace(
        learner_->artifact(), [&](const std::string& fresh) { return learner_->Deliver(fresh); }));
    HONE_RETURN_IF_ERROR(learner_->CheckDelivered(folder));
    return Sha256File(folder + "/" + learner_->weights_file());
}

absl::Status FinetuneRun::WriteResult() {
    HONE_ASSIGN_OR_RETURN(std::string sha256, WriteArtifact());
    RunResult result = trainer_->result();
    result.output_path = output_->path();
    result.artifact = learner_->artifact();
    result.artifact_path = output_->artifact(result.artifact);
    result.prompt_template = data_.report.prompt_template;
    result.system_prompt = data_.report.system_prompt;
    const std::string title =
        options_.task_name.empty() ? options_.model_name_or_path : options_.task_name;
    absl::Status status =
        WriteFileAtomic(output_->loss_curve(), LossCurve(trainer_->history(), title));
    if (status.ok()) status = WriteFileAtomic(output_->card(), ModelCard(facts_, result));
    HONE_RETURN_IF_ERROR(WithKind(status, ErrorKind::kTraining));
    HONE_RETURN_IF_ERROR(WriteRunJson(RunStatus::kDone, "", sha256));
    reporter_.OnDone(result);
    return absl::OkStatus();
}

absl::Status FinetuneRun::WriteRunJson(RunStatus status, const std::string& error,
                                       const std::string& artifact_sha256) {
    RunResult result = trainer_->result();
    result.artifact = learner_->artifact();
    const Json json = RunJson(facts_, status, result, error, artifact_sha256);
    return WithKind(
        WriteFileAtomic(output_->run_json(),
                        json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"),
        ErrorKind::kTraining);
}

}  // namespace

absl::Status Finetune(const FinetuneOptions& options, Reporter& reporter,
                      const std::atomic<int>& interrupts) {
    HONE_RETURN_IF_ERROR(ValidateOptions(options));
    return FinetuneRun(options, reporter, interrupts).Run();
}

absl::Status EstimateFinetune(const FinetuneOptions& options, Reporter& reporter,
                              const std::atomic<int>& interrupts) {
    HONE_RETURN_IF_ERROR(ValidateOptions(options));
    return FinetuneRun(options, reporter, interrupts).Estimate();
}

}  // namespace hone
