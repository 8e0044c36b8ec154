// What a run tells the one who started it: a closed set of events, in the order in which they
// happen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "model/model.h"
#include "nlohmann/json.hpp"

namespace hone {

// The stages of a run. Training and evaluating take turns.
enum class RunStage {
    kValidating,  // options, the model's files without its weights, the data
    kLoading,     // weights, plan, checkpoint, the time that a step takes
    kTraining,
    kEvaluating,
    kDelivering,  // the adapter or model, written and read back
};
std::string_view StageName(RunStage stage);  // "validating"

struct StageChanged {
    RunStage stage = RunStage::kValidating;
};

enum class MessageLevel { kInfo, kWarning };
struct RunMessage {
    MessageLevel level = MessageLevel::kInfo;
    std::string text;
};

// Something that takes time beside the steps, while it is done.
struct WorkReport {
    std::string what;        // "reading the model"
    std::string detail;      // "2.4 GB", "12,000 rows"; may be empty
    double share = 0;        // done, 0 to 1; negative where the whole is not known
    bool announced = false;  // worth a line of its own where there is no live one
};

// What is about to happen, before step 1.
struct RunPlan {
    std::string model;         // as the user named it
    std::string architecture;  // "LlamaForCausalLM"
    int64_t base_parameters = 0;
    std::string method;     // "lora r=16 alpha=32 on 210 layers", "full, 272 tensors"
    std::string objective;  // "dpo, beta 0.1"; empty: the answers are to become likely
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

// Numbers of an objective under TRL's names: {"rewards/margins", 0.2}.
using MetricValues = std::vector<std::pair<std::string, double>>;

// Within a step: the share of `step` (from 1) that is done.
struct StepProgress {
    int64_t step = 0;
    int64_t total_steps = 0;
    double share = 0;
};

// Means over the steps since the last row of metrics.jsonl.
struct LoggedMeans {
    double tokens_per_second = 0;
    double token_accuracy = 0;
    MetricValues metrics;
};

// The loss on a few evaluation rows, other ones each time (--eval_sample_steps), and with the
// weights that the step's own loss is of.
struct EvalSample {
    double loss = 0;
    double token_accuracy = 0;
};

// A step that is done.
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
    double token_accuracy = 0;     // of this step's labelled tokens, or of its preferred answers'
    MetricValues metrics;          // of this step's rows
    size_t memory_bytes = 0;       // resident now
    size_t peak_memory_bytes = 0;
    double elapsed_s = 0;    // since training began in this process, without pauses
    double remaining_s = 0;  // estimate
    std::optional<LoggedMeans>
        logged;  // where the step is a row of metrics.jsonl (--logging_steps)
    std::optional<EvalSample> eval_sample;  // where one was taken
};

struct EvalReport {
    int64_t step = 0;
    double epoch = 0;
    double loss = 0;
    double perplexity = 0;
    double token_accuracy = 0;
    int64_t tokens = 0;  // labelled
    MetricValues metrics;
    double seconds = 0;
    bool best = false;
    size_t memory_bytes = 0;  // resident
};

struct CheckpointSaved {
    int64_t step = 0;
    std::string folder;
};

struct RunPaused {};  // what was trained lies in the last checkpoint
struct RunResumed {
    double paused_seconds = 0;
};

struct RunResult {
    std::string output_path;
    std::string artifact = "adapter";  // or "model": what was made
    std::string artifact_path;         // OUTPUT/adapter or OUTPUT/model
    std::string artifact_sha256;       // of its weights
    // How what was made is asked, as in DataReport.
    std::string prompt_template, system_prompt;
    bool classifies = false;  // texts, or their words: it is asked by `hone classify`
    bool embeds = false;      // it makes embeddings of texts, by `hone embed`
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
    // One object each, see trainer.h.
    nlohmann::ordered_json processes = nlohmann::ordered_json::array();
};

// The last event of a run is one of these four.
struct RunFinished {
    // False: nothing was done, because OUTPUT holds this run's result already or because of a dry
    // run, which has no result.
    bool trained = true;
    RunResult result;
};
struct RunFailed {
    std::string code;  // ErrorCode of the error's kind: "invalid_data"
    std::string message;
    int exit_code = 0;
};
struct RunCancelled {
    std::string message;
};
struct RunInterrupted {  // by a stop; the same command goes on
    std::string message;
};

using EventBody = std::variant<StageChanged, RunMessage, WorkReport, RunPlan, StepProgress,
                               StepReport, EvalReport, CheckpointSaved, RunPaused, RunResumed,
                               RunFinished, RunFailed, RunCancelled, RunInterrupted>;

struct Event {
    int64_t sequence = 0;  // 1, 2, 3 ... of one stream
    int64_t time_ms = 0;   // UTC, since 1970
    RunStage stage = RunStage::kValidating;
    EventBody body;
};

// Whether the run is over with it.
bool EndsRun(const EventBody& body);

// One object: {"sequence", "time", "stage", "type", "data"}; docs/events.md lists types and fields.
// A number that is not finite becomes null.
nlohmann::ordered_json ToJson(const Event& event);
// The inverse. Members that are not known are passed over, and those of "data" that are missing
// keep their defaults: readers and writers of other versions understand each other. An unknown type
// or stage and a value of another type are errors of kind kData.
absl::StatusOr<Event> EventFromJson(const nlohmann::ordered_json& json);

// ToJson as one line, its line end included; and from there.
std::string EventLine(const Event& event);
absl::StatusOr<Event> ParseEvent(std::string_view line);

// The same for an evaluation alone.
nlohmann::ordered_json ToJson(const EvalReport& report);
absl::StatusOr<EvalReport> EvalReportFromJson(const nlohmann::ordered_json& json);

}  // namespace hone
