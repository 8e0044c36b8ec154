#include "cli/flags/common_flags.h"

#include "base/log.h"
#include "cli/terminal/loading.h"
#include "data/format/row_format.h"
#include "model/blocks/weight_names.h"
#include "train/options/table.h"
#include "train/resolve/model_choice.h"
#include "train/resolve/resolve.h"

namespace hone {
namespace {

constexpr std::string_view kDataGroup = "Data";

// Adds an option of a run to a command that is none: its value goes into `target`, whose like in
// the options of a run is `member`.
template <typename T>
void AddOption(Flags& flags, std::string_view name, T& target, Member<T> member) {
    const OptionRow& row = *FindOption(name);
    flags.Option(row, [&row, &target, member](const std::string& text) {
        FinetuneOptions options;
        member(options) = target;
        std::string problem = ReadOption(row, text, options);
        target = member(options);
        return problem;
    });
}

void AddDataOption(Flags& flags, std::string_view name, DataOptions& data) {
    AddOption<DataOptions>(flags, name, data, HONE_FIELD(data));
}

}  // namespace

void MachineFlags::Add(Flags& flags) {
    AddOption<int>(flags, "threads", threads, HONE_FIELD(threads));
    LogFlags::Add(flags);
}

absl::Status MachineFlags::Apply() const {
    if (threads < 0 || threads > 1024)
        return UsageError("--threads {} is outside 0 to 1024", threads);
    return LogFlags::Apply();
}

void LogFlags::Add(Flags& flags) {
    flags.Integer("--log_level", log_level,
                  "0 debug, 1 information, 2 warnings, 3 errors, 4 critical errors");
}

absl::Status LogFlags::Apply() const {
    if (log_level < 0 || log_level > 4)
        return UsageError("--log_level {} is outside 0 (debug) to 4", log_level);
    InitLogging(log_level);
    return absl::OkStatus();
}

void ModelFlags::Add(Flags& flags) {
    AddOption<std::string>(flags, "adapter_path", adapter_path, HONE_FIELD(adapter_path));
    AddModel(flags);
}

void ModelFlags::Add(Flags& flags, std::vector<std::string>& adapters) {
    flags.Repeated("-a,--adapter_path", adapters,
                   fmt::format("{}; once for each", FindOption("adapter_path")->help));
    AddModel(flags);
}

void ModelFlags::AddModel(Flags& flags) {
    AddOption<std::string>(flags, "model_name_or_path", model_name_or_path,
                           HONE_FIELD(model_name_or_path));
    flags.Bool("--trust_remote_code", trust_remote_code,
               std::string(FindOption("trust_remote_code")->help));
}

absl::StatusOr<ChosenModel> ModelFlags::Choose() const {
    if (trust_remote_code)
        fmt::print(stderr,
                   "note: --trust_remote_code: hone never runs code that comes with a model\n");
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen,
                          ChosenModel::Choose(model_name_or_path, adapter_path));
    for (const std::string& note : chosen.notes) fmt::print(stderr, "note: {}\n", note);
    for (const std::string& warning : chosen.warnings) fmt::print(stderr, "warning: {}\n", warning);
    return chosen;
}

void AskFlags::Add(Flags& flags) {
    flags
        .Custom(
            "--system_prompt,--system", "TEXT", "",
            [this](const std::string& value) {
                system_prompt = Unescape(value);
                return "";
            },
            "the system message before each prompt; default: the one that all rows of the "
            "adapter's run had; \"\": none")
        .Bool("--raw", raw,
              "continues the text as it stands, without the chat template; default: as the rows of "
              "the adapter's run were put, else false");
}

absl::StatusOr<Asking> AskFlags::Choose(const std::optional<TrainedForm>& form) const {
    HONE_ASSIGN_OR_RETURN(Asking asking, Asking::Choose(*this, form));
    if (!asking.note().empty()) fmt::print(stderr, "note: {}\n", asking.note());
    return asking;
}

void DataFlags::AddSource(Flags& flags, DataOptions& options) {
    for (const char* name : {"data_name", "data_files"}) AddDataOption(flags, name, options);
}

void DataFlags::AddSplits(Flags& flags, DataOptions& options) {
    for (const char* name :
         {"eval_data_files", "train_split", "eval_split", "train_subset", "eval_subset"})
        AddDataOption(flags, name, options);
}

void DataFlags::AddRows(Flags& flags, DataOptions& options) {
    for (const char* name :
         {"columns", "csv_separator", "text_template", "text_field", "use_chat_template",
          "label_names", "add_special_tokens", "train_on_prompt", "template_date", "max_seq_len",
          "on_overflow", "max_samples", "skip_bad_rows"})
        AddDataOption(flags, name, options);
}

absl::Status DataFlags::Resolve(DataOptions& options) const {
    options.fetch_hub = FetchDataset;
    FinetuneOptions all;
    all.data = options;
    GivenOptions given;
    for (const OptionRow& row : OptionTable()) {
        if (row.group != kDataGroup) continue;
        given.Set(row.name, OptionJson(row, all));
        const std::string problem = CheckValue(row, all);
        if (!problem.empty()) return UsageError("--{}{}", row.name, problem);
    }
    HONE_RETURN_IF_ERROR(CheckExclusions(given, all));
    HONE_RETURN_IF_ERROR(ParseCsvSeparator(options.csv_separator).status());
    return NameFormatByFiles(options);
}

void AdapterFlags::Add(Flags& flags, const std::string& help) {
    flags.Repeated("--adapter", adapters, help);
}

absl::StatusOr<std::vector<BesideAdapter>> AdapterFlags::Read(const ModelFlags& model,
                                                              const AskFlags& ask) const {
    if (!adapters.empty() && !model.adapter_path.empty())
        return UsageError(
            "--adapter_path makes an adapter part of the model and --adapter keeps it beside: use "
            "one of the two");
    std::vector<BesideAdapter> beside;
    for (const std::string& word : adapters) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
            return UsageError("--adapter \"{}\" is not of the form NAME=FOLDER", word);
        BesideAdapter& adapter = beside.emplace_back();
        adapter.name = word.substr(0, equals);
        HONE_ASSIGN_OR_RETURN(adapter.folder, FindAdapterFolder(word.substr(equals + 1)));
        std::vector<std::string> warnings;
        const auto form = FindTrainedForm(adapter.folder, "", warnings);
        for (const std::string& warning : warnings) fmt::print(stderr, "warning: {}\n", warning);
        HONE_ASSIGN_OR_RETURN(adapter.asking, ask.Choose(form));
    }
    return beside;
}

void WeightFlags::Add(Flags& flags) {
    const std::vector<std::string_view> names = WeightNames();
    flags.Choice("--weights", weights, {names.begin(), names.end()},
                 "how the weights are held; with int8 and int4 products are in 8-bit integers, nf4 "
                 "and fp4 are what --method qlora trains over");
}

LoadOptions WeightFlags::options() const { return LoadingNamed(weights); }

void SamplingFlags::Add(Flags& flags) {
    flags.Group("Answers").Integer("--max_new_tokens", max_new_tokens,
                                   "the most tokens of an answer");
    AddDrawing(flags);
}

void SamplingFlags::AddDrawing(Flags& flags) {
    const std::string otherwise = fmt::format("{}", fallback_temperature);
    flags
        .Number("--temperature", temperature,
                "0: always the likeliest token; default: " +
                    (as_model_says ? "what generation_config.json samples with, else " + otherwise
                                   : otherwise))
        .Integer("--top_k", top_k, "draws from the k likeliest tokens; 0: from all")
        .Number("--top_p", top_p,
                "draws from the likeliest tokens that together have this probability; 1: from all")
        .Number("--min_p", min_p,
                "draws from tokens with at least this share of the likeliest one's probability")
        .Number("--repetition_penalty", repetition_penalty,
                "above 1: tokens that were seen become less likely")
        .Repeated("--stop", stop, "the answer ends before this text; " + std::string(kEscapes))
        .Unsigned("--seed", seed, "the same seed draws the same answer");
}

SamplingChoice SamplingFlags::Choice() const {
    SamplingChoice choice = *this;
    for (std::string& text : choice.stop) text = Unescape(text);
    return choice;
}

void AddTorchDtype(Flags& flags, std::string& torch_dtype) {
    AddOption<std::string>(flags, "torch_dtype", torch_dtype, HONE_FIELD(torch_dtype));
}

absl::StatusOr<ComputeType> ReadTorchDtype(const std::string& torch_dtype) {
    if (torch_dtype == "float32") return ComputeType::kF32;
    if (torch_dtype == "bfloat16") return ComputeType::kBF16;
    if (torch_dtype == "float16") {
        fmt::print(stderr, "note: on a CPU float16 computes as bfloat16\n");
        return ComputeType::kBF16;
    }
    return UsageError("--torch_dtype \"{}\" is none of bfloat16, float16, float32", torch_dtype);
}

}  // namespace hone
