// What a run tells the one who started it: the plan, each step, each evaluation, the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/model.h"
#include "nlohmann/json.hpp"

namespace hone {

// What is about to happen, before step 1.
struct RunPlan {
    std::string model;         // as the user named it
    std::string architecture;  // "LlamaForCausalLM"
    int64_t base_parameters = 0;
    std::string method;  // "lora r=16 alpha=32 on 210 layers", "full, 272 tensors"
    int64_t trainable_parameters = 0;
    std::string compute;  // "bf16" or "f32"
    int threads = 0;
    int64_t train_rows = 0;    // examples that train, after dropping and truncation
    int64_t train_tokens = 0;  // tokens of one epoch
    int64_t train_labelled_tokens = 0;
    int64_t eval_rows = 0;
    int64_t eval_tokens = 0;
    std::string step_batch;  // what a step takes: "8 rows"
    int64_t steps_per_epoch = 0;
    int64_t total_steps = 0;
    int64_t start_step = 0;  // > 0: continues from a checkpoint after this step
    double epochs = 0;
    int64_t micro_batch_tokens = 0;  // the most tokens that pass through the model at a time
    bool gradient_checkpointing = false;
    MemoryPlan memory;           // of the model and its training
    size_t needed_bytes = 0;     // memory.total() and what the process itself holds
    size_t to_come_bytes = 0;    // of them, what the process does not hold yet
    size_t available_bytes = 0;  // free now, for what is to come
    size_t disk_bytes = 0;       // that checkpoints and the result will take at most, beside what
                                 // is there already
    size_t free_disk_bytes = 0;  // 0: not known
    // Of the steps, evaluations and checkpoints to come, from a pass that was timed.
    double estimated_seconds = 0;
    std::string data_summary;  // a few lines: rows, tokens, where the evaluation rows come from
    std::string output_path;
};

// Something that takes time beside the steps, while it is done.
struct WorkReport {
    std::string what;    // "reading the model"
    std::string detail;  // "2.4 GB", "12,000 rows"; may be empty
    double share = 0;    // done, 0 to 1; negative where the whole is not known
    bool announced = false;  // worth a line of its own where there is no live one
};

struct StepReport {
    int64_t step = 0;  // optimiser steps done, this one included
    int64_t total_steps = 0;
    double epoch = 0;
    double loss = 0;       // mean over the labelled tokens since the last report that was logged
    double step_loss = 0;  // of this step alone
    double learning_rate = 0;      // that this step used
    double grad_norm = 0;          // before clipping
    int64_t tokens = 0;            // trained on since the start of the run, resumed steps included
    double tokens_per_second = 0;  // of this step, everything included but evaluation and saving
    double token_accuracy = 0;     // of this step's labelled tokens
    size_t memory_bytes = 0;       // resident now
    size_t peak_memory_bytes = 0;
    double elapsed_s = 0;    // since training began in this process
    double remaining_s = 0;  // estimate
    bool logged = false;     // whether this step went into metrics.jsonl (--logging_steps)
};

struct EvalReport {
    int64_t step = 0;
    double epoch = 0;
    double loss = 0;
    double perplexity = 0;
    double token_accuracy = 0;
    int64_t tokens = 0;  // labelled
    double seconds = 0;
    bool best = false;
};

struct RunResult {
    std::string output_path;
    std::string artifact = "adapter";  // or "model": what was made
    std::string artifact_path;         // OUTPUT/adapter or OUTPUT/model
    // How what was made is asked, as in DataReport.
    std::string prompt_template, system_prompt;
    int64_t steps = 0;
    double train_loss = 0;  // mean over the last logged steps
    std::optional<EvalReport> first_eval, last_eval, best_eval;
    bool stopped_early = false;
    std::string stop_reason;  // "all steps done", "no improvement in 3 evaluations", ...
    int64_t best_step = 0;  // whose weights the artifact holds with load_best_model_at_end; else 0
    // Over all processes of a run that was continued, as far as their steps count.
    double seconds = 0;
    double tokens_per_second = 0;  // of the steps, without evaluation and saving
    size_t peak_memory_bytes = 0;
    nlohmann::ordered_json processes;  // one object each, see trainer.h
};

enum class MessageLevel { kInfo, kWarning };

// What a run says while it works. Called from the thread that called Finetune, in the order of
// events.
class Reporter {
  public:
    virtual ~Reporter() = default;
    virtual void OnMessage(MessageLevel level, const std::string& text) = 0;
    virtual void OnWork(const WorkReport& work) {}  // often
    virtual void OnPlan(const RunPlan& plan) = 0;
    // Often: the share of `step` (from 1) that is done.
    virtual void OnStepProgress(int64_t step, int64_t total_steps, double share) {}
    virtual void OnStep(const StepReport& report) = 0;  // every step
    virtual void OnEvalProgress(double share_done) {}   // 0..1, while an evaluation runs
    virtual void OnEval(const EvalReport& report) = 0;
    virtual void OnCheckpoint(int64_t step, const std::string& folder) = 0;
    virtual void OnDone(const RunResult& result) = 0;
};

}  // namespace hone
