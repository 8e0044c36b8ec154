#include <unistd.h>

#include <iostream>
#include <iterator>
#include <memory>

#include "answer/answerer.h"
#include "base/files/file.h"
#include "base/log.h"
#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

struct GenerateFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    SamplingFlags sampling;
    AdapterFlags adapters;
    std::vector<std::string> prompts;
    std::string prompt_file, output_file;
    AskFlags ask;
    int64_t batch_size = 8;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        adapters.Add(flags,
                     "NAME=FOLDER: an adapter beside the base, for the rows of --prompt_file that "
                     "say {\"adapter\": NAME}; the others are answered by the base");
        weights.Add(flags);
        flags.Group("Prompts")
            .Repeated("-p,--prompt", prompts, "what to answer; " + std::string(kEscapes))
            .Text(
                "--prompt_file", prompt_file,
                "a .jsonl file of strings, {\"prompt\"} or {\"messages\"}; a .json, .csv, .tsv or "
                ".parquet file with a column of prompts; or a text file, one prompt per line; "
                "without any prompt standard input is one");
        ask.Add(flags);
        flags.Integer("--batch_size", batch_size, "prompts that are answered side by side");
        sampling.Add(flags);
        flags.Group("Output")
            .Bool("--json", json, "prints one JSON object per answer")
            .Text("-o,--output_file", output_file, "writes them to a file instead");
        machine.Add(flags);
    }
};

absl::StatusOr<std::vector<Prompt>> CollectPrompts(const GenerateFlags& flags) {
    const bool raw = flags.ask.raw.value_or(false);
    std::vector<Prompt> prompts;
    for (const std::string& text : flags.prompts) {
        HONE_ASSIGN_OR_RETURN(Prompt prompt, MakePrompt(Unescape(text)));
        prompts.push_back(std::move(prompt));
    }
    if (!flags.prompt_file.empty()) {
        HONE_ASSIGN_OR_RETURN(std::vector<Prompt> more, ReadPromptFile(flags.prompt_file, raw));
        std::move(more.begin(), more.end(), std::back_inserter(prompts));
    }
    if (!prompts.empty()) return prompts;
    if (isatty(STDIN_FILENO) == 1)
        return UsageError("no prompt: say one with --prompt, or --prompt_file FILE");
    std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    if (!raw && text.ends_with('\n')) text.pop_back();
    HONE_ASSIGN_OR_RETURN(Prompt prompt, MakePrompt(text));
    prompts.push_back(std::move(prompt));
    return prompts;
}

std::string JsonLines(const std::vector<Prompt>& prompts,
                      const std::vector<GenerateResult>& results) {
    std::string lines;
    for (size_t i = 0; i < results.size(); ++i) {
        const GenerateResult& result = results[i];
        nlohmann::ordered_json line = {{"prompt", prompts[i].text},
                                       {"text", result.text},
                                       {"finish_reason", FinishReasonName(result.finish)},
                                       {"prompt_tokens", result.prompt_tokens},
                                       {"new_tokens", result.tokens.size()},
                                       {"seconds", result.seconds}};
        if (!prompts[i].adapter.empty()) line["adapter"] = prompts[i].adapter;
        lines += JsonLine(line);
    }
    return lines;
}

void PrintResults(const std::vector<Prompt>& prompts, const std::vector<GenerateResult>& results,
                  bool interactive) {
    for (size_t i = 0; i < results.size(); ++i) {
        const auto show = [&](const std::string& text) {
            return interactive ? Printable(text) : text;
        };
        fmt::print("{}### {}\n{}\n", i == 0 ? "" : "\n", show(prompts[i].text),
                   show(results[i].text));
    }
}

absl::Status RunGenerate(const GenerateFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    if (flags.batch_size < 1 || flags.batch_size > 1024) {
        return UsageError("--batch_size {} is outside 1 to 1024", flags.batch_size);
    }
    HONE_ASSIGN_OR_RETURN(std::vector<BesideAdapter> adapters,
                          flags.adapters.Read(flags.model, flags.ask));
    HONE_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, CollectPrompts(flags));
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    HONE_ASSIGN_OR_RETURN(Asking asking, flags.ask.Choose(chosen.form));
    const RunControl& control = StopOnInterrupt();
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded,
                          FetchAndLoad(std::move(chosen), flags.weights.options(), context));
    Answerer answerer(std::move(loaded), std::move(asking), context);
    for (BesideAdapter& adapter : adapters)
        HONE_RETURN_IF_ERROR(
            answerer.AddAdapter(adapter.name, adapter.folder, std::move(adapter.asking)));
    const bool as_json = flags.json || !flags.output_file.empty();
    const bool stream = !as_json && prompts.size() == 1;
    const bool interactive = DetectTerminal().interactive;
    const auto callback = [&](size_t, std::string_view text) {
        if (stream && !text.empty()) {
            fmt::print("{}", interactive ? Printable(text) : std::string(text));
            std::fflush(stdout);
        }
        return !control.ending();
    };
    GenerateStats stats;
    HONE_ASSIGN_OR_RETURN(
        std::vector<GenerateResult> results,
        answerer.Answer(prompts, flags.sampling.Choice(), flags.batch_size, callback, &stats));
    if (stream) fmt::print("\n");
    if (!stream && !as_json) PrintResults(prompts, results, interactive);
    if (!flags.output_file.empty()) {
        HONE_RETURN_IF_ERROR(WriteFileAtomic(flags.output_file, JsonLines(prompts, results)));
    } else if (flags.json) {
        fmt::print("{}", JsonLines(prompts, results));
    }
    spdlog::info(
        "{} prompt tokens in {:.2f} s, {} more taken from prompts that begin alike, {} new "
        "tokens, {:.1f} tokens/s",
        stats.prompt_tokens, stats.prefill_seconds, stats.reused_tokens, stats.new_tokens,
        stats.decode_seconds > 0 ? static_cast<double>(stats.decode_tokens) / stats.decode_seconds
                                 : 0.0);
    if (control.ending()) return InterruptedError("interrupted: the answers are not complete");
    return absl::OkStatus();
}

}  // namespace

void AddGenerate(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "generate", "answers one prompt or a file of them");
    auto flags = std::make_shared<GenerateFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunGenerate(*flags); }});
}

}  // namespace hone
