#include "cli/flags/finetune_flags.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "train/model_choice.h"

namespace hone {
namespace {


// What an adapter is: with --method full there is none.
constexpr const char* kAdapterFlags[] = {
    "--lora_r",          "--lora_alpha",   "--lora_dropout",  "--target_modules", "--exclude_modules",
    "--modules_to_save", "--rank_pattern", "--alpha_pattern", "--use_rslora"};

bool IsFile(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

// "NAME=VALUE,NAME=VALUE" as pairs, in their order; returns what is wrong with it, or "".
template <typename T>
std::string ReadPattern(const std::string& text, std::vector<std::pair<std::string, T>>& pattern) {
    pattern.clear();
    for (const std::string& entry : SplitList(text)) {
        const size_t equals = entry.rfind('=');
        char* stop = nullptr;
        const double value =
            equals == std::string::npos ? 0 : std::strtod(entry.c_str() + equals + 1, &stop);
        if (stop == nullptr || equals == 0 || *stop != '\0' || stop == entry.c_str() + equals + 1 ||
            !(value > 0 && value <= 1e6) || static_cast<double>(static_cast<T>(value)) != value) {
            return fmt::format("\"{}\" is not NAME=NUMBER", entry);
        }
        pattern.emplace_back(entry.substr(0, equals), static_cast<T>(value));
    }
    return "";
}

std::filesystem::path TrainFile(const std::string& folder) {
    return std::filesystem::path(folder) / "train.jsonl";
}

std::string LowerText(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

FinetuneFlags::FinetuneFlags(Purpose purpose) : purpose_(purpose) {
    options_.lora.lora_dropout = 0.05;  // Olive's; PEFT's own is 0
}

void FinetuneFlags::Add(CLI::App& app) {
    app_ = &app;
    Flags flags(app);
    model_.Add(flags);
    AddTorchDtype(flags, options_.torch_dtype);
    flags.Text("-t,--task", task_, "text-generation is what hone fine-tunes for");
    flags.Group("Output")
        .Text("-o,--output_path", options_.output_path,
              "the folder for the adapter or model, checkpoints, metrics and reports; with "
              "--method full finetuned-model")
        .Text("--task_name", options_.task_name,
              "a name for the run, in run.json and the model card");
    if (purpose_ == Purpose::kTrain)
        flags
            .Bool("--dry_run", options_.dry_run,
                  "checks the flags, writes them with all defaults to OUTPUT/config.json, to be "
                  "read by you, and trains nothing")
            .Bool("--save_config_file", options_.save_config_file,
                  "writes the same OUTPUT/config.json, then trains");
    AddData(flags);
    AddMethod(flags);
    AddTraining(flags);
    AddOptimiser(flags);
    AddReports(flags);
    machine_.Add(flags);
    flags
        .Integer("--micro_batch_tokens", options_.micro_batch_tokens,
                 "tokens that go through the model at a time; fewer take less memory")
        .Integer("--dataloader_num_workers", options_.dataloader_num_workers,
                 "threads that read ahead, 0: hone chooses; results do not depend on it");
}

void FinetuneFlags::AddData(Flags& flags) {
    DataOptions& data = options_.data;
    flags.Group("Data");
    data_.AddSource(flags, data);
    flags.List("--eval_data_files", data.eval_data_files, "files of evaluation rows")
        .Text("--train_split", data.train_split,
              R"(as in Hugging Face datasets: train, "train[:4096]", "train[80%:]")")
        .Custom(
            "--eval_split", "TEXT", "",
            [&data](const std::string& value) {
                data.eval_split = value;
                return "";
            },
            "likewise; none or \"\": no evaluation; default: the data's own validation split, else "
            "a share of the "
            "training rows")
        .Number("--eval_fraction", data.eval_fraction,
                "that share; the rows are chosen by a hash of their content")
        .Text("--train_subset", data.train_subset, "which subset of a data set of the Hub")
        .Text("--eval_subset", data.eval_subset,
              "likewise for evaluation; default: the training subset");
    data_.AddRows(flags, data);
    flags.Bool("--packing", data.packing,
               "a batch is so many sequences of --max_seq_len tokens, each filled with several "
               "whole rows, instead of so many rows");
}

void FinetuneFlags::AddMethod(Flags& flags) {
    LoraConfig& lora = options_.lora;
    flags.Group("Method")
        .Text("--method", options_.method,
              "lora; qlora: the same over a base in 4 bits, for a fraction of the memory; or full: "
              "every weight of the model")
        .Integer("--lora_r", lora.r, "rank of the adapter")
        .Number("--lora_alpha", lora.lora_alpha,
                "the adapter's output is scaled by lora_alpha / lora_r")
        .Number("--lora_dropout", lora.lora_dropout,
                "share of the adapter's inputs that is dropped in training")
        .Custom(
            "--target_modules", kListType, "",
            [this](const std::string& value) {
                target_modules_ = value;
                return "";
            },
            "which linear layers get an adapter: names or suffixes (q_proj,v_proj), all-linear, "
            "or a regular "
            "expression for the whole name; default: q_proj,v_proj, with --method qlora all-linear")
        .Custom(
            "--exclude_modules", kListType, "",
            [this](const std::string& value) {
                exclude_modules_ = value;
                return "";
            },
            "which of those get none, said in the same way")
        .List("--modules_to_save", lora.modules_to_save,
              "modules that are trained in full: lm_head, embed_tokens, ...")
        .Custom(
            "--rank_pattern", "NAME=R,...", "",
            [&lora](const std::string& value) { return ReadPattern(value, lora.rank_pattern); },
            "other ranks for some layers")
        .Custom(
            "--alpha_pattern", "NAME=A,...", "",
            [&lora](const std::string& value) { return ReadPattern(value, lora.alpha_pattern); },
            "other lora_alpha for some layers")
        .Bool("--use_rslora", lora.use_rslora,
              "scales by lora_alpha / sqrt(lora_r) (arXiv:2312.03732)")
        .Text("--quant_type", options_.quant_type,
              "qlora: the 4-bit numbers of the base; nf4 is what there is")
        .Bool("--double_quant", options_.double_quant,
              "qlora: the blocks' scales in 8 bits too, 4.13 bits a weight in place of 4.5")
        .Text("--base_compute", options_.base_compute,
              "lora: what products with the frozen layers are computed in; native: --torch_dtype; "
              "int8: 8-bit integers, faster and in less memory");
}

void FinetuneFlags::AddTraining(Flags& flags) {
    flags.Group("Training")
        .Integer("--max_steps", options_.max_steps,
                 "optimiser steps; -1: as --num_train_epochs says")
        .Number("--num_train_epochs", options_.num_train_epochs,
                "passes over the training rows, also fractions")
        .Integer("--per_device_train_batch_size", options_.per_device_train_batch_size,
                 "rows in a batch; with --packing sequences")
        .Integer("--per_device_eval_batch_size", options_.per_device_eval_batch_size,
                 "rows that an evaluation takes at a time; no result depends on it")
        .Integer("--gradient_accumulation_steps", options_.gradient_accumulation_steps,
                 "batches per optimiser step; the loss is the mean over the tokens of all of them")
        .Choice(
            "--train_sampling_strategy", options_.train_sampling_strategy, {"random", "sequential"},
            "the order of the rows: random in each epoch, or sequential: as the files have them")
        .Optional("--gradient_checkpointing", options_.gradient_checkpointing, "true|false|auto",
                  "computes activations again instead of keeping them; auto: where the memory "
                  "would not do otherwise")
        .Text("--metric_for_best_model", options_.metric_for_best_model,
              "eval_loss, eval_perplexity or eval_token_accuracy")
        .Bool("--greater_is_better", options_.greater_is_better,
              "default: as the metric's name says")
        .Bool("--load_best_model_at_end", options_.load_best_model_at_end,
              "the weights of the best evaluation are the result, not the last ones")
        .Integer("--early_stopping_patience", options_.early_stopping_patience,
                 "stops after so many evaluations without improvement; 0: never")
        .Number("--early_stopping_threshold", options_.early_stopping_threshold,
                "how much counts as an improvement")
        .Optional("--resume_from_checkpoint", options_.resume_from_checkpoint, "DIR|true|auto|none",
                  "auto: continues when OUTPUT holds a checkpoint made with the same "
                  "configuration; none: starts afresh; "
                  "true: from OUTPUT's last checkpoint, which must be there")
        .Unsigned("--seed", options_.seed,
                  "fixes the order of the data, the adapter's start and dropout");
}

void FinetuneFlags::AddOptimiser(Flags& flags) {
    flags.Group("Optimiser and schedule")
        .Text("--optim", options_.optim,
              "adamw_torch, adamw_torch_fused, adamw_hf or adamw: all the same AdamW")
        .Number("--learning_rate", options_.learning_rate,
                "the highest learning rate; with --method full 5e-05")
        .Text("--lr_scheduler_type", options_.lr_scheduler_type,
              "linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, "
              "inverse_sqrt, "
              "warmup_stable_decay")
        .Number("--warmup_ratio", options_.warmup_ratio,
                "share of all steps with a rising learning rate")
        .Number("--warmup_steps", options_.warmup_steps,
                "a number of steps instead; below 1: a share")
        .Number("--num_cycles", options_.num_cycles, "of the cosine; negative: the schedule's own")
        .Number("--lr_power", options_.lr_power, "polynomial: its power")
        .Number("--lr_end", options_.lr_end, "polynomial: the last learning rate")
        .Integer("--num_decay_steps", options_.num_decay_steps,
                 "warmup_stable_decay: steps of the decay; default: a tenth of all")
        .Number("--min_lr_ratio", options_.min_lr_ratio,
                "warmup_stable_decay: the lowest learning rate, as a share")
        .Number("--adam_beta1", options_.adam_beta1, "decay of the mean of the gradients")
        .Number("--adam_beta2", options_.adam_beta2, "decay of the mean of their squares")
        .Number("--adam_epsilon", options_.adam_epsilon, "added to the root of the latter")
        .Number("--weight_decay", options_.weight_decay,
                "decoupled from the gradient; not on norms and biases")
        .Number("--max_grad_norm", options_.max_grad_norm,
                "the gradient is clipped to this length; 0: never");
}

void FinetuneFlags::AddReports(Flags& flags) {
    flags.Group("Reports and checkpoints")
        .Integer("--logging_steps", options_.logging_steps, "steps between lines in metrics.jsonl")
        .Bool("--eval_on_start", options_.eval_on_start, "evaluates before step 1 too")
        .Integer("--eval_steps", options_.eval_steps,
                 "steps between evaluations; 0: after each epoch")
        .Integer("--save_steps", options_.save_steps,
                 "steps between checkpoints; 0: never by steps")
        .Number("--save_minutes", options_.save_minutes,
                "minutes after the last checkpoint until the next; 0: never by time. One is always "
                "written at the end and when the run is stopped")
        .Choice("--eval_strategy", eval_strategy_, {"no", "steps", "epoch"},
                "as in transformers: no is --eval_split none, epoch is --eval_steps 0")
        .Custom(
            "--save_strategy", "no|steps", "",
            [this](const std::string& value) -> std::string {
                save_strategy_ = LowerText(value);
                if (save_strategy_ == "no" || save_strategy_ == "steps") return "";
                return fmt::format(
                    "\"{}\" is none of no, steps: checkpoints are saved every --save_steps steps "
                    "or --save_minutes minutes, and always at the end; --load_best_model_at_end "
                    "keeps the best",
                    value);
            },
            "as in transformers: no is --save_steps 0 and --save_minutes 0")
        .Integer("--save_total_limit", options_.save_total_limit,
                 "checkpoints that are kept, the best among them; 0: all")
        .Text("--logging_dir", options_.logging_dir,
              "the folder for TensorBoard; default: OUTPUT/logs")
        .Text("--report_to", options_.report_to, "tensorboard, all or none");
}

void ReadModuleNames(const std::string& text, std::vector<std::string>& names, bool& is_regex) {
    // PEFT's rule for a single string, as far as a command line can tell: what cannot be a list of
    // names is a pattern.
    constexpr std::string_view kNameCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-, ";
    names.clear();
    is_regex = text.find_first_not_of(kNameCharacters) != std::string::npos;
    if (is_regex) {
        names = {text};
        return;
    }
    for (std::string& name : SplitList(text)) {
        if (LowerText(name) != "none") names.push_back(std::move(name));
    }
}

absl::Status FinetuneFlags::ResolveStrategies(FinetuneOptions& options) const {
    if (eval_strategy_ == "no") {
        if (options.eval_steps > 0 || options.data.eval_split) {
            return UsageError(
                "--eval_strategy no contradicts --eval_steps and --eval_split: leave them out");
        }
        options.data.eval_split = "none";
    }
    if (eval_strategy_ == "epoch" && options.eval_steps > 0) {
        return UsageError("--eval_strategy epoch contradicts --eval_steps {}: give one",
                          options.eval_steps);
    }
    if (eval_strategy_ == "steps" && options.eval_steps == 0)
        options.eval_steps = options.logging_steps;
    if (save_strategy_ == "no") options.save_steps = 0, options.save_minutes = 0;
    return absl::OkStatus();
}

// An adapter to start from says all of these itself.
absl::Status FinetuneFlags::CheckStart() const {
    if (model_.adapter_path.empty()) return absl::OkStatus();
    for (const char* flag : kAdapterFlags) {
        if (WasGiven(*app_, flag))
            return UsageError(
                "{} and --adapter_path exclude each other: {} says its own in "
                "adapter_config.json; leave {} out, or train a new adapter without --adapter_path",
                flag, model_.adapter_path, flag);
    }
    return absl::OkStatus();
}

// What --method full makes of flags that were not given, and of those that belong to an adapter.
absl::Status FinetuneFlags::ResolveFull(Resolved& resolved) const {
    FinetuneOptions& options = resolved.options;
    if (options.method != "full") return absl::OkStatus();
    auto given = [&](const char* flag) { return WasGiven(*app_, flag); };
    for (const char* flag : kAdapterFlags) {
        if (given(flag)) {
            return UsageError(
                "{} belongs to --method lora: --method full trains every weight of the model, "
                "without an adapter; leave it out",
                flag);
        }
    }
    // Olive's defaults are those of an adapter; this rate is transformers' own.
    if (!given("--output_path")) options.output_path = "finetuned-model";
    if (!given("--learning_rate")) {
        options.learning_rate = 5e-5;
        resolved.notes.push_back("--method full: a learning rate of 5e-05 where none is given");
    }
    return absl::OkStatus();
}

// What --method qlora makes of flags that were not given, and the flags that are its alone.
absl::Status FinetuneFlags::ResolveQlora(Resolved& resolved) const {
    FinetuneOptions& options = resolved.options;
    auto given = [&](const char* flag) { return WasGiven(*app_, flag); };
    if (options.method == "qlora") {
        // The paper's choice, and Olive's: an adapter on every layer that is quantised.
        if (!given("--target_modules")) options.lora.target_modules = {"all-linear"};
        return absl::OkStatus();
    }
    for (const char* flag : {"--quant_type", "--double_quant"}) {
        if (given(flag)) {
            return UsageError("{} belongs to --method qlora: --method {} quantises nothing", flag,
                              options.method);
        }
    }
    return absl::OkStatus();
}

absl::StatusOr<FinetuneFlags::Resolved> FinetuneFlags::Resolve(const std::string& folder) const {
    Resolved resolved;
    FinetuneOptions& options = resolved.options = options_;
    options.threads = machine_.threads;
    if (task_ != "text-generation" && task_ != "text-generation-with-past") {
        return UsageError("--task {} is not available: hone fine-tunes for text-generation", task_);
    }
    if (model_.trust_remote_code) {
        resolved.notes.push_back(
            "--trust_remote_code: hone never runs code that comes with a model");
    }
    HONE_RETURN_IF_ERROR(CheckStart());
    HONE_ASSIGN_OR_RETURN(options.adapter_path, FindAdapterFolder(model_.adapter_path));
    HONE_ASSIGN_OR_RETURN(
        options.model_name_or_path,
        ChooseModel(model_.model_name_or_path, options.adapter_path, resolved.notes));
    HONE_RETURN_IF_ERROR(data_.Resolve(options.data));
    if (options.data.data_name.empty()) {
        const std::filesystem::path train = TrainFile(folder);
        const std::filesystem::path validation = std::filesystem::path(folder) / "validation.jsonl";
        if (!IsFile(train)) {
            return UsageError(
                "no data: say which with --data_name FILE, or run in a folder that holds "
                "train.jsonl (and "
                "validation.jsonl)");
        }
        options.data.data_name = train.lexically_normal().string();
        std::string note = "no --data_name: training on train.jsonl of this folder";
        if (IsFile(validation) && !options.data.eval_split &&
            options.data.eval_data_files.empty()) {
            options.data.eval_data_files = {validation.lexically_normal().string()};
            note += ", evaluating on validation.jsonl";
        }
        resolved.notes.push_back(std::move(note));
    }
    ReadModuleNames(target_modules_, options.lora.target_modules, options.lora.target_is_regex);
    ReadModuleNames(exclude_modules_, options.lora.exclude_modules, options.lora.exclude_is_regex);
    HONE_RETURN_IF_ERROR(ResolveFull(resolved));
    HONE_RETURN_IF_ERROR(ResolveQlora(resolved));
    HONE_RETURN_IF_ERROR(ResolveStrategies(options));
    options.gradient_checkpointing = LowerText(options.gradient_checkpointing);
    for (const char* word : {"true", "auto", "none"}) {
        if (LowerText(options.resume_from_checkpoint) == word)
            options.resume_from_checkpoint = word;
    }
    if (LowerText(options.resume_from_checkpoint) == "false")
        options.resume_from_checkpoint = "none";
    HONE_RETURN_IF_ERROR(ValidateOptions(options));
    return resolved;
}

bool FinetuneFlags::HasData(const std::string& folder) const {
    return !options_.data.data_name.empty() || !options_.data.data_files.empty() ||
           IsFile(TrainFile(folder));
}

}  // namespace hone
