#include "eval/evaluate.h"

#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/finetune_flags.h"
#include "cli/flags/trained_rows.h"
#include "base/json_text.h"
#include "cli/terminal/live_line.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "hub/hub.h"

namespace hone {
namespace {

struct EvaluateFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    DataFlags data_flags;
    DataOptions data;
    std::string torch_dtype = "bfloat16";
    int64_t per_device_eval_batch_size = 8;
    bool per_row = false, json = false;
    std::string output_file;

    const CLI::App* command = nullptr;

    void Add(CLI::App& app) {
        command = &app;
        Flags flags(app);
        model.Add(flags);
        AddTorchDtype(flags, torch_dtype);
        weights.Add(flags);
        flags.Group("Data");
        data_flags.AddSource(flags, data);
        flags.Custom(
            "--eval_split", "TEXT", "",
            [this](const std::string& value) {
                data.eval_split = value;
                return "";
            },
            R"(which rows: test, "train[:100]", ...; default: the only split, else test, else validation)");
        flags.Text("--eval_subset", data.eval_subset, "which subset of a data set of the Hub");
        data_flags.AddRows(flags, data);
        flags.Integer("--per_device_eval_batch_size", per_device_eval_batch_size,
                      "rows that go through the model at a time; no result depends on it");
        flags.Group("Output")
            .Bool("--json", json, "prints the result as JSON")
            .Bool("--per_row", per_row, "also the loss of each row, with --json or --output_file")
            .Text("-o,--output_file", output_file, "writes the result as JSON");
        machine.Add(flags);
    }

    // What the run of the adapter or model says of its rows, unless a flag says otherwise.
    void ReadAsTrained(const TrainedForm& form) {
        const std::string taken = ReadRowsAsTrained(form, *command, data);
        if (!taken.empty())
            fmt::print(stderr, "note: rows are read as {} says: {}\n", form.run_json, taken);
    }

    absl::Status Check() {
        HONE_RETURN_IF_ERROR(data_flags.Resolve(data));
        if (data.data_name.empty()) return UsageError("no data: say which with --data_name FILE");
        if (per_device_eval_batch_size < 1) {
            return UsageError("--per_device_eval_batch_size {} is below 1",
                              per_device_eval_batch_size);
        }
        if (data.max_seq_len < 2)
            return UsageError("--max_seq_len {} leaves nothing to predict", data.max_seq_len);
        if (per_row && output_file.empty() && !json)
            return UsageError("--per_row needs --json, or --output_file FILE.json for the rows");
        return absl::OkStatus();
    }
};

void Print(const Evaluation& result, const ChosenModel& chosen, const std::string& output_file) {
    fmt::print("{}{}\n", chosen.name, chosen.adapter.empty() ? "" : " with " + chosen.adapter);
    fmt::print("  loss            {:.6f}\n  perplexity      {:.4f}\n  token accuracy  {:.2f} %\n",
               result.loss, result.perplexity, 100 * result.token_accuracy);
    fmt::print("  tokens          {} with loss, of {} in {} rows\n", FormatCount(result.tokens),
               FormatCount(result.input_tokens), FormatCount(result.num_rows));
    fmt::print("  time            {}, {} tokens/s\n", FormatDuration(result.seconds),
               FormatCount(static_cast<int64_t>(static_cast<double>(result.input_tokens) /
                                                result.seconds)));
    if (!output_file.empty()) fmt::print("  written to      {}\n", output_file);
}

absl::Status RunEvaluate(EvaluateFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    if (chosen.form) flags.ReadAsTrained(*chosen.form);
    HONE_RETURN_IF_ERROR(flags.Check());
    LoadOptions load = flags.weights.options();
    if (flags.torch_dtype != "bfloat16") {
        if (flags.weights.weights != "bf16" && flags.weights.weights != "nf4")
            return UsageError("--torch_dtype {} and --weights {} exclude each other: give one",
                              flags.torch_dtype, flags.weights.weights);
        HONE_ASSIGN_OR_RETURN(load.compute, ReadTorchDtype(flags.torch_dtype));
    }
    const RunControl& control = StopOnInterrupt();
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(const LoadedModel loaded, FetchAndLoad(std::move(chosen), load, context));
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    flags.data.cache_folder = hub.TemporaryFolder();
    HONE_ASSIGN_OR_RETURN(LoadedData data, LoadEvaluationData(flags.data, loaded.encoder, context));
    for (const std::string& note : data.report.notes) fmt::print(stderr, "note: {}\n", note);
    for (const std::string& warning : data.report.warnings)
        fmt::print(stderr, "warning: {}\n", warning);

    LiveLine line(stderr);
    EvaluateOptions options;
    options.max_rows = flags.per_device_eval_batch_size;
    options.per_row = flags.per_row;
    options.progress = [&](double share) {
        line.Show(fmt::format("evaluating {} {:.0f} %", ProgressBar(share, 30), 100 * share));
        return !control.ending();
    };
    HONE_ASSIGN_OR_RETURN(Evaluation result, Evaluate(*loaded.model, data.eval, options, context));
    line.Clear();
    if (!flags.output_file.empty()) {
        HONE_RETURN_IF_ERROR(WriteFileAtomic(flags.output_file, JsonText(ToJson(result))));
    }
    if (flags.json) {
        fmt::print("{}", JsonText(ToJson(result)));
    } else {
        Print(result, loaded.chosen, flags.output_file);
    }
    return absl::OkStatus();
}

}  // namespace

void AddEvaluate(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "evaluate", "measures loss, perplexity and token accuracy on a data set");
    auto flags = std::make_shared<EvaluateFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunEvaluate(*flags); }});
}

}  // namespace hone
