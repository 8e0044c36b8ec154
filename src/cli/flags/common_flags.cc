#include "cli/flags/common_flags.h"

#include <absl/strings/ascii.h>

#include <algorithm>
#include <cctype>

#include "base/log.h"
#include "cli/terminal/loading.h"
#include "data/format/row_format.h"

namespace hone {

void MachineFlags::Add(Flags& flags) {
    flags.Group("Machine").Integer(
        "--threads", threads,
        "threads to compute with, 0: all that there are; results do not depend on it");
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
    flags.Group("Model")
        .Text("-m,--model_name_or_path", model_name_or_path,
              "a name from `hone models list`, a folder, a .gguf file, or org/repo on the Hugging "
              "Face Hub; default: "
              "what the adapter was made for, else smollm2-135m-instruct")
        .Text("-a,--adapter_path", adapter_path,
              "a LoRA adapter in PEFT's format: its folder, or the folder of a run")
        .Bool("--trust_remote_code", trust_remote_code,
              "accepted; hone never runs code that comes with a model");
}

absl::StatusOr<ChosenModel> ModelFlags::Choose() const {
    if (trust_remote_code)
        fmt::print(stderr, "note: --trust_remote_code: hone never runs code that comes with a model\n");
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen,
                          ChosenModel::Choose(model_name_or_path, adapter_path));
    for (const std::string& note : chosen.notes) fmt::print(stderr, "note: {}\n", note);
    for (const std::string& warning : chosen.warnings)
        fmt::print(stderr, "warning: {}\n", warning);
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
    flags
        .Text("-d,--data_name", options.data_name,
              "a file (.jsonl, .json, .csv, .tsv, .parquet, .txt, each also .gz), a folder, a data "
              "set of the Hub, or "
              "json, csv, parquet or text with --data_files")
        .List("--data_files", options.data_files,
              "the files, where --data_name is a format or a data set");
}

void DataFlags::AddRows(Flags& flags, DataOptions& options) {
    flags
        .Custom(
            "--columns", "FIELD=COLUMN,...", "",
            [&options](const std::string& value) -> std::string {
                auto columns = ParseColumns(value);
                if (!columns.ok()) return std::string(columns.status().message());
                options.columns = *std::move(columns);
                return "";
            },
            "which columns hold what: prompt=Question,completion=Answer; fields are prompt, "
            "completion, instruction, input, output, system, text, messages, ...")
        .Text("--csv_separator", options.csv_separator,
              "what separates the columns of a CSV file; default: found from the file")
        .Text(
            "--text_template", options.text_template,
            R"(makes each row a text: "Q: {question}\nA: [[{answer}]]"; loss only inside [[ ]], or )"
            R"(without them everywhere; {{ and }} are literal braces)")
        .Text("--text_field", options.text_field, "the column that holds the text")
        .Bool("--use_chat_template", options.use_chat_template,
              "puts prompt/completion and instruction rows through the model's chat template; "
              "default: chat rows always, "
              "instruction rows where the model brings a template")
        .Bool("--add_special_tokens", options.add_special_tokens,
              "outside a chat template: BOS as the tokenizer adds it, and EOS at the end")
        .Bool("--train_on_prompt", options.train_on_prompt,
              "loss on every token, not only on the answers")
        .Text("--template_date", options.template_date,
              "the day, as 2026-11-26, for chat templates that show today's; default: today, for "
              "a run that goes on the day when it began")
        .Integer("--max_seq_len", options.max_seq_len, "the most tokens of a row")
        .Choice("--on_overflow", on_overflow, {"truncate", "drop", "error"},
                "what happens to longer rows")
        .Integer("--max_samples", options.max_samples,
                 "only the first rows of each split; default: all")
        .Bool("--skip_bad_rows", options.skip_bad_rows,
              "leaves out rows that cannot be read instead of stopping");
}

absl::Status DataFlags::Resolve(DataOptions& options) const {
    options.fetch_hub = FetchDataset;
    HONE_ASSIGN_OR_RETURN(options.on_overflow, ParseOnOverflow(on_overflow));
    HONE_RETURN_IF_ERROR(ParseCsvSeparator(options.csv_separator).status());
    const int ways = !options.text_template.empty() + !options.text_field.empty() +
                     options.use_chat_template.value_or(false);
    if (ways > 1) {
        return UsageError(
            "--text_template, --text_field and --use_chat_template exclude each other: give one");
    }
    if (options.max_samples && *options.max_samples < 1) {
        return UsageError("--max_samples {} leaves no row", *options.max_samples);
    }
    if (!options.data_name.empty() || options.data_files.empty()) return absl::OkStatus();
    // By the files' ending, as datasets.load_dataset would want it named.
    std::string file = options.data_files.front();
    if (file.ends_with(".gz")) file.resize(file.size() - 3);
    if (file.ends_with(".jsonl") || file.ends_with(".json")) options.data_name = "json";
    if (file.ends_with(".csv") || file.ends_with(".tsv")) options.data_name = "csv";
    if (file.ends_with(".parquet")) options.data_name = "parquet";
    if (file.ends_with(".txt")) options.data_name = "text";
    if (options.data_name.empty()) {
        return UsageError("what format is {}? say it with --data_name json, csv, parquet or text",
                          options.data_files.front());
    }
    return absl::OkStatus();
}

void WeightFlags::Add(Flags& flags) {
    flags.Choice("--weights", weights, {"bf16", "f32", "int8", "int4", "nf4"},
                 "how the weights are held; with int8 and int4 products are in 8-bit integers, nf4 "
                 "is what --method qlora trains over");
}

LoadOptions WeightFlags::options() const {
    LoadOptions options;
    if (weights == "f32") options.compute = ComputeType::kF32;
    if (weights == "int8") options.storage = WeightStorage::kInt8;
    if (weights == "int4") options.storage = WeightStorage::kInt4;
    if (weights == "nf4") options.storage = WeightStorage::kNf4;
    return options;
}

void SamplingFlags::Add(Flags& flags) {
    const std::string by_model =
        fallback_temperature == 0 ? "0" : fmt::format("{}", fallback_temperature);
    flags.Group("Answers")
        .Integer("--max_new_tokens", max_new_tokens, "the most tokens of an answer")
        .Number("--temperature", temperature,
                "0: always the likeliest token; default: what generation_config.json samples with, "
                "else " +
                    by_model)
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
    const auto read = [&torch_dtype](const std::string& value) -> std::string {
        constexpr std::pair<std::string_view, std::string_view> kNames[] = {
            {"bfloat16", "bfloat16"}, {"bf16", "bfloat16"}, {"float16", "float16"},
            {"fp16", "float16"},      {"half", "float16"},  {"float32", "float32"},
            {"fp32", "float32"},      {"float", "float32"}};
        std::string name = absl::AsciiStrToLower(value);
        if (name.starts_with("torch.")) name.erase(0, 6);
        for (const auto& [spelling, meaning] : kNames) {
            if (name != spelling) continue;
            torch_dtype = meaning;
            return "";
        }
        if (name == "auto")
            return "hone does not go by the type of the model's file: bfloat16, which is the "
                   "default, is fast, float32 exact";
        return fmt::format("\"{}\" is none of bfloat16, float16, float32", value);
    };
    flags.Custom("--torch_dtype", "bfloat16|float16|float32", torch_dtype, read,
                 "what products are computed in; float16 computes as bfloat16 on a CPU");
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
