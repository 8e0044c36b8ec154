#include <memory>

#include "answer/answerer.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/finetune_flags.h"
#include "base/json_text.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

struct CompareFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    SamplingFlags sampling;
    std::vector<std::string> prompts;
    std::string prompt_file, base_model;
    AskFlags ask;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        flags.Text(
            "--base_model_name_or_path", base_model,
            "what the fine-tuned model is compared with; default: the adapter's base, or the "
            "one that the model of --method full was made from, by the run.json beside it");
        weights.Add(flags);
        flags.Group("Prompts")
            .Repeated("-p,--prompt", prompts, "what both answer; " + std::string(kEscapes))
            .Text(
                "--prompt_file", prompt_file,
                "a .jsonl file of strings, {\"prompt\"} or {\"messages\"}; a .json, .csv, .tsv or "
                ".parquet file with a column of prompts; or a text file, one prompt per line");
        ask.Add(flags);
        sampling.Add(flags);
        flags.Group("Output").Bool("--json", json,
                                   "prints one JSON object per prompt instead of columns");
        machine.Add(flags);
    }
};

struct Answers {
    ChosenModel chosen;
    std::vector<GenerateResult> results;
};

// The answers of one model, one prompt after the other, so that the times mean something. The model
// is gone afterwards.
absl::StatusOr<Answers> AnswerAll(const ChosenModel& chosen, const CompareFlags& flags,
                                  const std::vector<Prompt>& prompts, const Asking& asking,
                                  const Context& context) {
    const RunControl& control = StopOnInterrupt();
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded,
                          FetchAndLoad(chosen, flags.weights.options(), context));
    Answerer answerer(std::move(loaded), asking, context);
    Answers answers{chosen, {}};
    HONE_ASSIGN_OR_RETURN(answers.results, answerer.Answer(prompts, flags.sampling.Choice(), 1,
                                                           [&](size_t, std::string_view) {
                                                               return !control.ending();
                                                           }));
    if (control.ending()) return InterruptedError("interrupted");
    return answers;
}

// The base to compare with: the flag's; with an adapter, the model that it stands on; else the one
// that a run of hone's made the model from.
absl::StatusOr<std::string> ChooseBase(const CompareFlags& flags, const ChosenModel& tuned) {
    if (!flags.base_model.empty()) return flags.base_model;
    if (!tuned.adapter.empty()) return tuned.name;
    if (tuned.form && !tuned.form->base.empty()) return tuned.form->base;
    return UsageError(
        "which two? give --adapter_path, or --model_name_or_path with the fine-tuned model and "
        "--base_model_name_or_path with its base");
}

std::string CountsAndTime(const GenerateResult& result) {
    return fmt::format("{} + {} tokens, {}", result.prompt_tokens, result.tokens.size(),
                       FormatDuration(result.seconds));
}

nlohmann::ordered_json AnswerJson(const GenerateResult& result) {
    return {{"text", result.text},
            {"finish_reason", FinishReasonName(result.finish)},
            {"prompt_tokens", result.prompt_tokens},
            {"new_tokens", result.tokens.size()},
            {"seconds", result.seconds}};
}

absl::Status RunCompare(const CompareFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    std::vector<Prompt> prompts;
    for (const std::string& text : flags.prompts) {
        HONE_ASSIGN_OR_RETURN(Prompt prompt, MakePrompt(Unescape(text)));
        prompts.push_back(std::move(prompt));
    }
    if (!flags.prompt_file.empty()) {
        HONE_ASSIGN_OR_RETURN(std::vector<Prompt> more,
                              ReadPromptFile(flags.prompt_file, flags.ask.raw.value_or(false)));
        std::move(more.begin(), more.end(), std::back_inserter(prompts));
    }
    for (const Prompt& prompt : prompts)
        if (!prompt.adapter.empty())
            return UsageError(
                "a row of {} names the adapter {}: compare takes one, with --adapter_path",
                flags.prompt_file, prompt.adapter);
    if (prompts.empty())
        return UsageError("no prompt: say one with --prompt, or --prompt_file FILE");

    HONE_ASSIGN_OR_RETURN(const ChosenModel chosen, flags.model.Choose());
    ModelFlags base_model;
    HONE_ASSIGN_OR_RETURN(base_model.model_name_or_path, ChooseBase(flags, chosen));
    // Both are asked in the same words: those of the fine-tuned one.
    HONE_ASSIGN_OR_RETURN(const Asking asking, flags.ask.Choose(chosen.form));
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(Answers tuned, AnswerAll(chosen, flags, prompts, asking, context));
    HONE_ASSIGN_OR_RETURN(const ChosenModel untuned, base_model.Choose());
    HONE_ASSIGN_OR_RETURN(Answers base, AnswerAll(untuned, flags, prompts, asking, context));

    const Terminal terminal = DetectTerminal();
    for (size_t i = 0; i < prompts.size(); ++i) {
        if (flags.json) {
            const nlohmann::ordered_json line = {{"prompt", prompts[i].text},
                                                 {"base", AnswerJson(base.results[i])},
                                                 {"fine_tuned", AnswerJson(tuned.results[i])}};
            fmt::print("{}", JsonLine(line));
            continue;
        }
        const std::string prompt =
            terminal.interactive ? Printable(prompts[i].text) : prompts[i].text;
        fmt::print("{}> {}\n", i == 0 ? "" : "\n", prompt);
        fmt::print(
            "{}",
            SideBySide(
                fmt::format("base: {}\n{}", base.chosen.name, CountsAndTime(base.results[i])),
                base.results[i].text,
                fmt::format("fine-tuned: {}\n{}",
                            tuned.chosen.adapter.empty() ? tuned.chosen.name : tuned.chosen.adapter,
                            CountsAndTime(tuned.results[i])),
                tuned.results[i].text, terminal.width, terminal.colours));
    }
    return absl::OkStatus();
}

}  // namespace

void AddCompare(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(
        root, "compare", "shows the answers of a model and of its fine-tuned self side by side");
    auto flags = std::make_shared<CompareFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunCompare(*flags); }});
}

}  // namespace hone
