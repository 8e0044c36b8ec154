// What a person and other programs read after a run: run.json, the model card, the loss curve,
// config.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "train/events/event.h"
#include "train/options/options.h"

namespace hone {

// OUT/config.json: {"hone_version", "command": "finetune", "options": {...}}.
std::string ConfigText(const FinetuneOptions& options);

// What a card calls what was made. Of an adapter: "A LoRA adapter for the base", what loads it in
// Python, its tag and library on the Hub. Of a model: how much of it was trained.
struct ResultWords {
    std::string_view article = "A", name = "LoRA adapter", tag = "lora", library = "peft";
    std::string_view python = "`peft.PeftModel.from_pretrained(base, \"adapter\")`";
    std::string_view trained;  // "every weight"
};

// What stays the same during a run, for run.json and the card; what is not known yet is empty.
struct RunFacts {
    FinetuneOptions options;
    ResultWords words;
    RunPlan plan;
    std::string started;             // UTC, ISO 8601
    std::string model_path;          // the folder or .gguf file
    std::string model_fingerprint;   // SHA-256
    nlohmann::ordered_json data;     // DataReport, with the fingerprints of both splits
    nlohmann::ordered_json machine;  // DescribeMachine
};

enum class RunStatus { kRunning, kDone, kInterrupted, kCancelled, kFailed };

// Where a run stands or how it ended.
struct RunState {
    RunStatus status = RunStatus::kRunning;
    RunStage stage = RunStage::kValidating;
    std::string code, error;  // of one that did not end well: ErrorCode, and a sentence
};

// run.json: state, options, versions, model, data, machine, plan, result. Without a result (null)
// nothing was loaded yet.
nlohmann::ordered_json RunJson(const RunFacts& facts, const RunState& state,
                               const RunResult* result);

// A model card as the Hugging Face Hub reads it: YAML front matter, then what was trained on what,
// and how it went.
std::string ModelCard(const RunFacts& facts, const RunResult& result);

// Training and evaluation loss over the steps, from the rows of metrics.jsonl: a stand-alone SVG.
std::string LossCurve(const std::vector<nlohmann::ordered_json>& history, const std::string& title);

// Now, as 2031-05-17T08:15:00Z.
std::string UtcNow();
// "2026-07-29" in the machine's time zone.
std::string LocalDate();

}  // namespace hone
