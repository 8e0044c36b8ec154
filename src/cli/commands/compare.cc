#include <memory>

#include "answer/answerer.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/finetune_flags.h"
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
    std::vector<std::string> adapters, prompts;
    std::string prompt_file, base_model;
    AskFlags ask;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags, adapters);
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

// The fine-tuned models: one for each adapter, or the model itself.
absl::StatusOr<std::vector<ChosenModel>> ChooseTuned(const CompareFlags& flags) {
    ModelFlags model = flags.model;
    std::vector<ChosenModel> tuned;
    for (const std::string& adapter :
         flags.adapters.empty() ? std::vector<std::string>{""} : flags.adapters) {
        model.adapter_path = adapter;
        HONE_ASSIGN_OR_RETURN(ChosenModel chosen, model.Choose());
        if (!tuned.empty() && flags.base_model.empty() && chosen.name != tuned.front().name)
            return UsageError(
                "{} is for {}, and {} for {}: say what both are compared with, by "
                "--base_model_name_or_path",
                tuned.front().adapter, tuned.front().name, chosen.adapter, chosen.name);
        tuned.push_back(std::move(chosen));
    }
    return tuned;
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

// One fine-tuned model's answer is an object, those of several are a list with their adapters.
nlohmann::ordered_json ComparedJson(const Prompt& prompt, const Answers& base,
                                    const std::vector<Answers>& tuned, size_t i) {
    nlohmann::ordered_json json = {{"prompt", prompt.text}, {"base", AnswerJson(base.results[i])}};
    if (tuned.size() == 1) {
        json["fine_tuned"] = AnswerJson(tuned.front().results[i]);
        return json;
    }
    for (const Answers& answers : tuned) {
        nlohmann::ordered_json answer = {{"adapter", answers.chosen.adapter}};
        answer.update(AnswerJson(answers.results[i]));
        json["fine_tuned"].push_back(std::move(answer));
    }
    return json;
}

TitledText Titled(std::string_view what, const Answers& answers, size_t i) {
    const ChosenModel& chosen = answers.chosen;
    return {fmt::format("{}: {}\n{}", what, chosen.adapter.empty() ? chosen.name : chosen.adapter,
                        CountsAndTime(answers.results[i])),
            answers.results[i].text};
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
                "a row of {} names the adapter {}: compare takes adapters with --adapter_path",
                flags.prompt_file, prompt.adapter);
    if (prompts.empty())
        return UsageError("no prompt: say one with --prompt, or --prompt_file FILE");

    HONE_ASSIGN_OR_RETURN(const std::vector<ChosenModel> chosen, ChooseTuned(flags));
    ModelFlags base_model;
    HONE_ASSIGN_OR_RETURN(base_model.model_name_or_path, ChooseBase(flags, chosen.front()));
    const Context context(flags.machine.threads);
    std::vector<Answers> tuned;
    std::optional<Asking> first;
    for (const ChosenModel& model : chosen) {
        HONE_ASSIGN_OR_RETURN(const Asking asking, flags.ask.Choose(model.form));
        if (!first) first = asking;
        HONE_ASSIGN_OR_RETURN(Answers answers, AnswerAll(model, flags, prompts, asking, context));
        tuned.push_back(std::move(answers));
    }
    // The base is asked in the words of the first.
    HONE_ASSIGN_OR_RETURN(const ChosenModel untuned, base_model.Choose());
    HONE_ASSIGN_OR_RETURN(const Answers base, AnswerAll(untuned, flags, prompts, *first, context));

    const Terminal terminal = DetectTerminal();
    for (size_t i = 0; i < prompts.size(); ++i) {
        if (flags.json) {
            fmt::print("{}", JsonLine(ComparedJson(prompts[i], base, tuned, i)));
            continue;
        }
        const std::string prompt =
            terminal.interactive ? Printable(prompts[i].text) : prompts[i].text;
        std::vector<TitledText> columns = {Titled("base", base, i)};
        for (const Answers& answers : tuned) columns.push_back(Titled("fine-tuned", answers, i));
        fmt::print("{}> {}\n{}", i == 0 ? "" : "\n", prompt,
                   SideBySide(columns, terminal.width, terminal.colours));
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
