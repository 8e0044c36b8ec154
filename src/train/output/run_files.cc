#include "train/output/run_files.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>

#include "base/machine/version.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "hub/catalogue.h"
#include "train/output/machine.h"
#include "train/output/try_command.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

const char* StatusName(RunStatus status) {
    constexpr const char* kNames[] = {"running", "done", "interrupted", "cancelled", "failed"};
    return kNames[static_cast<int>(status)];
}

Json EvalJson(const std::optional<EvalReport>& report) { return report ? ToJson(*report) : Json(); }

Json PlanJson(const RunPlan& plan) {
    return {{"base_parameters", plan.base_parameters},
            {"method", plan.method},
            {"objective", plan.objective},
            {"trainable_parameters", plan.trainable_parameters},
            {"compute", plan.compute},
            {"threads", plan.threads},
            {"train_rows", plan.train_rows},
            {"train_tokens", plan.train_tokens},
            {"train_labelled_tokens", plan.train_labelled_tokens},
            {"eval_rows", plan.eval_rows},
            {"eval_tokens", plan.eval_tokens},
            {"step_batch", plan.step_batch},
            {"steps_per_epoch", plan.steps_per_epoch},
            {"total_steps", plan.total_steps},
            {"start_step", plan.start_step},
            {"epochs", plan.epochs},
            {"micro_batch_tokens", plan.micro_batch_tokens},
            {"gradient_checkpointing", plan.gradient_checkpointing},
            {"memory_bytes",
             {{"weights", plan.memory.weights},
              {"parameters", plan.memory.parameters},
              {"activations", plan.memory.activations},
              {"workspace", plan.memory.workspace},
              {"needed", plan.needed_bytes},
              {"to_come", plan.to_come_bytes},
              {"available", plan.available_bytes}}}};
}

// A YAML string that may hold anything.
std::string Quoted(const std::string& text) {
    return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

// Without line ends and what else moves a cursor.
std::string OneLine(std::string text) {
    for (char& c : text)
        if (const auto byte = static_cast<unsigned char>(c); byte < ' ' || byte == 127) c = ' ';
    return text;
}

// Text from outside as Markdown shows it: no markup or HTML of its own.
std::string PlainMarkdown(const std::string& text) {
    constexpr std::string_view kMarkup = "\\`*_{}[]()<>#|~!&";
    std::string plain;
    for (const char c : OneLine(text)) {
        if (kMarkup.find(c) != kMarkup.npos) plain += '\\';
        plain += c;
    }
    return plain;
}

// Likewise as code within a line: between more backticks than it has in a row.
std::string Code(const std::string& text) {
    std::string fence = "`";
    size_t run = 0;
    for (const char c : text) {
        run = c == '`' ? run + 1 : 0;
        if (run >= fence.size()) fence += '`';
    }
    const char* space = fence.size() == 1 ? "" : " ";
    return fence + space + OneLine(text) + space + fence;
}

// What loads such a model in transformers.
std::string_view AutoClass(std::string_view task) {
    if (task == "text-classification") return "AutoModelForSequenceClassification";
    if (task == "feature-extraction") return "AutoModel";
    return task == "token-classification" ? "AutoModelForTokenClassification"
                                          : "AutoModelForCausalLM";
}

// Front matter, title, and how the result is used.
std::string CardHead(const RunFacts& facts, const RunResult& result) {
    const FinetuneOptions& o = facts.options;
    const ResultWords& words = facts.words;
    std::string text = fmt::format(
        "---\nbase_model: {}\nlibrary_name: {}\npipeline_tag: {}\ntags:\n- {}\n- "
        "hone\n---\n\n# {}\n\n",
        Quoted(PublicName(o.model_name_or_path)), words.library, o.task, words.tag,
        o.task_name.empty() ? std::string(words.name) : PlainMarkdown(o.task_name));
    const std::string use = TryCommand(result, o.model_name_or_path);
    if (result.artifact == "model")
        return text + fmt::format(
                          "{} with {} trained further, by hone {}.\n\n## Use\n\n"
                          "```\n{}\n```\n\n"
                          "In Python: `transformers.{}.from_pretrained(\"model\")`.\n\n",
                          Code(PublicName(o.model_name_or_path)), words.trained, kVersion,
                          OneLine(use), AutoClass(o.task));
    return text + fmt::format(
                      "{} {} for {}, trained with hone {}.\n\n## Use\n\n"
                      "```\n{}\n```\n\n"
                      "In Python: {}.\n\n",
                      words.article, words.name, Code(PublicName(o.model_name_or_path)), kVersion,
                      OneLine(use), words.python);
}

// A line for each evaluation. What generates text is told by perplexity and token accuracy, and
// others by what their task reports.
std::string CardResults(const RunResult& result) {
    const bool generates = !result.classifies && !result.embeds;
    std::vector<std::string> names;
    if (generates)
        names = {"perplexity", "token accuracy"};
    else if (result.last_eval)
        for (const auto& [name, value] : result.last_eval->metrics) names.push_back(name);
    std::string text = "| | step | loss |", line = "\n|---|---|---|", empty;
    for (const std::string& name : names) {
        text += fmt::format(" {} |", PlainMarkdown(name));
        line += "---|";
        empty += " |";
    }
    text += line + "\n";
    auto row = [&](const char* name, const std::optional<EvalReport>& report) {
        if (!report) return;
        text += fmt::format("| {} | {} | {:.4f} |", name, report->step, report->loss);
        if (generates)
            text += fmt::format(" {:.2f} | {:.1f} % |", report->perplexity,
                                100 * report->token_accuracy);
        else
            for (const auto& [metric, value] : report->metrics)
                text += fmt::format(" {:.4f} |", value);
        text += "\n";
    };
    text += fmt::format("| training, at the end | {} | {:.4f} |{}\n", result.steps,
                        result.train_loss, empty);
    row("evaluation, first", result.first_eval);
    row("evaluation, best", result.best_eval);
    row("evaluation, last", result.last_eval);
    return text;
}

}  // namespace

std::string UtcNow() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string LocalDate() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    localtime_r(&now, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

std::string ConfigText(const FinetuneOptions& options) {
    Json json = {
        {"hone_version", kVersion}, {"command", "finetune"}, {"options", OptionsToJson(options)}};
    return JsonText(json);
}

Json RunJson(const RunFacts& facts, const RunState& state, const RunResult* result) {
    Json json = {{"hone_version", kVersion},
                 {"command", "finetune"},
                 {"status", StatusName(state.status)},
                 {"stage", StageName(state.stage)}};
    if (!state.error.empty()) {
        json["code"] = state.code;
        json["error"] = state.error;
    }
    json["task_name"] = facts.options.task_name;
    json["started"] = facts.started;
    json["written"] = UtcNow();
    if (result != nullptr) {
        json["wall_seconds"] = result->seconds;
        json["peak_memory_bytes"] = result->peak_memory_bytes;
    }
    Json& model = json["model"] = {{"name", facts.options.model_name_or_path}};
    if (result != nullptr)
        model.update({{"path", facts.model_path},
                      {"architecture", facts.plan.architecture},
                      {"sha256", facts.model_fingerprint}});
    if (!facts.data.is_null()) json["data"] = facts.data;
    json["machine"] = facts.machine;
    if (result != nullptr) {
        json["processes"] = result->processes;
        json["plan"] = PlanJson(facts.plan);
    }
    json["options"] = OptionsToJson(facts.options);
    if (result == nullptr || state.status == RunStatus::kRunning) return json;
    json["result"] = {
        {"steps", result->steps},
        {"stop_reason", result->stop_reason},
        {"stopped_early", result->stopped_early},
        {"train_loss", result->train_loss},
        {"first_eval", EvalJson(result->first_eval)},
        {"last_eval", EvalJson(result->last_eval)},
        {"best_eval", EvalJson(result->best_eval)},
        {result->artifact + "_of_step", result->best_step > 0 ? result->best_step : result->steps},
        {"tokens_per_second", result->tokens_per_second}};
    // "model" is the base.
    if (!result->artifact_sha256.empty())
        json[result->artifact == "model" ? "fine_tuned_model" : result->artifact] = {
            {"path", result->artifact}, {"sha256", result->artifact_sha256}};
    return json;
}

std::string ModelCard(const RunFacts& facts, const RunResult& result) {
    const FinetuneOptions& o = facts.options;
    const RunPlan& plan = facts.plan;
    std::string text = CardHead(facts, result);
    text += fmt::format("## Result\n\n{}\n![loss](loss.svg)\n\n", CardResults(result));
    text += fmt::format(
        "## Data\n\n{} rows for training ({} tokens, {} with loss), {} for evaluation, from "
        "{}.\n\n"
        "## Training\n\n| | |\n|---|---|\n| method | {} |\n| trainable parameters | {} of {} |\n| "
        "steps | {} ({:.2f} epochs) |\n"
        "{}| batch | {} a step |\n| learning rate | {:g}, {} |\n| precision | {} |\n| seed | {} "
        "|\n| stopped | {} |\n"
        "| time | {:.0f} s, {:.0f} tokens/s |\n| peak memory | {} |\n\n"
        "`run.json` has every option, the hashes of model and data, and the machine.\n",
        plan.train_rows, plan.train_tokens, plan.train_labelled_tokens, plan.eval_rows,
        Code(o.data.data_name), plan.method, plan.trainable_parameters, plan.base_parameters,
        result.steps, plan.epochs,
        plan.objective.empty() ? "" : fmt::format("| objective | {} |\n", plan.objective),
        plan.step_batch, o.learning_rate, o.lr_scheduler_type, plan.compute, o.seed,
        result.stop_reason, result.seconds, result.tokens_per_second,
        FormatBytes(result.peak_memory_bytes));
    return text;
}

}  // namespace hone
