#include <algorithm>

#include "absl/strings/ascii.h"
#include "workflow/sections.h"

namespace hone {
namespace {

using Kind = KeyRule::Kind;
using Json = nlohmann::ordered_json;

constexpr std::string_view kNoPadding = "the rows of a batch are laid end to end, without padding";
constexpr std::string_view kNoJoining =
    "each row is trained for itself; packing: true in training_args fills sequences with several "
    "whole rows";

constexpr KeyRule kDataRules[] = {
    {"user_script script_dir", Kind::kRefused, kNoCode},
    {"post_process_data_config", Kind::kIgnored, "hone measures the loss on the answers itself"},
};
constexpr KeyRule kTrainingRowsRules[] = {
    {"data_name", Kind::kOption, "data_name"},
    {"split", Kind::kOption, "train_split"},
    {"subset name", Kind::kOption, "train_subset"},
    {"max_samples", Kind::kOption, "max_samples"},
    {"data_dir", Kind::kRefused, "name the files with their folder in data_files"},
    {"trust_remote_code", Kind::kIgnored, "hone never runs code that comes with a data set"},
    {"streaming cache_dir num_proc keep_in_memory", Kind::kIgnored,
     "hone reads and tokenises the rows itself, at each start"},
};
constexpr KeyRule kEvaluationRowsRules[] = {
    {"data_name", Kind::kOption, "data_name"},
    {"subset name", Kind::kOption, "eval_subset"},
    {"max_samples", Kind::kOption, "max_samples"},
    {"data_dir", Kind::kRefused, "name the files with their folder in data_files"},
    {"trust_remote_code", Kind::kIgnored, "hone never runs code that comes with a data set"},
    {"streaming cache_dir num_proc keep_in_memory", Kind::kIgnored,
     "hone reads and tokenises the rows itself, at each start"},
};
constexpr KeyRule kRowRules[] = {
    {"text_template", Kind::kOption, "text_template"},
    {"text_field", Kind::kOption, "text_field"},
    {"max_seq_len max_len seqlen source_max_len", Kind::kOption, "max_seq_len"},
    {"max_samples", Kind::kOption, "max_samples"},
    {"add_special_tokens", Kind::kOption, "add_special_tokens"},
    {"use_chat_template", Kind::kOption, "use_chat_template"},
    {"columns", Kind::kOption, "columns"},
    {"train_on_prompt", Kind::kOption, "train_on_prompt"},
    {"on_overflow", Kind::kOption, "on_overflow"},
    {"skip_bad_rows", Kind::kOption, "skip_bad_rows"},
    {"csv_separator", Kind::kOption, "csv_separator"},
    {"template_date", Kind::kOption, "template_date"},
    {"label_names", Kind::kOption, "label_names"},
    {"text_formatting_func user_script", Kind::kRefused, kNoCode},
    {"drop_short_sequences", Kind::kRefused, "hone leaves no row out for being short"},
    {"pad_to_max_len padding_side use_attention_mask", Kind::kIgnored, kNoPadding},
    {"stride joiner random_retries random_seed", Kind::kIgnored, kNoJoining},
    {"processing_batch_size batch_size", Kind::kIgnored,
     "hone reads and tokenises rows on all threads"},
    {"corpus_type dataset_type model_name kwargs", Kind::kRefused,
     "hone sees itself what the rows are"},
};
constexpr KeyRule kLoaderRules[] = {
    {"batch_size", Kind::kIgnored,
     "it never sized a training batch; training_args.per_device_train_batch_size does"},
    {"type shuffle drop_last num_workers task model_path io_config", Kind::kIgnored,
     "batches are made as training_args says"},
};

// A type that means what hone does anyway.
SectionReader::Handler OneOf(std::vector<std::string> types, std::string_view what,
                             SectionReader& reader) {
    return [types, what, &reader](const NodeEntry& entry, const std::string& path) -> absl::Status {
        const std::string type = absl::AsciiStrToLower(entry.value.text);
        if (entry.value.is_null() || std::find(types.begin(), types.end(), type) != types.end())
            return absl::OkStatus();
        return UsageError("{}: hone reads {}, not {}", reader.Name(entry, path), what,
                          entry.value.text);
    };
}

// The files: a name, a list, or names of splits with theirs.
absl::Status ReadFiles(const NodeEntry& entry, const std::string& path, RowsFor purpose,
                       SectionReader& reader) {
    const bool training = purpose == RowsFor::kTraining;
    if (!entry.value.is_map()) {
        const Json* before = reader.given().Find("data_files");
        // The same files with another split.
        if (!training && before != nullptr && *before == entry.value.Value())
            return absl::OkStatus();
        return reader.Set(training ? "data_files" : "eval_data_files", entry, path);
    }
    for (const NodeEntry& split : entry.value.entries) {
        const std::string at = JoinPath(path, entry.key);
        const std::string lower = absl::AsciiStrToLower(split.key);
        const bool trains = lower == "train";
        if (!trains && lower != "validation" && lower != "test" && lower != "eval")
            return UsageError("{}: hone knows the splits train, validation and test",
                              reader.Name(split, at));
        if (trains && !training) continue;
        HONE_RETURN_IF_ERROR(reader.Set(trains ? "data_files" : "eval_data_files", split, at));
    }
    return absl::OkStatus();
}

// Which rows of the evaluation's data.
absl::Status ReadEvaluationSplit(const NodeEntry& entry, const std::string& path,
                                 SectionReader& reader) {
    if (!reader.given().Has("eval_data_files")) return reader.Set("eval_split", entry, path);
    const std::string split = absl::AsciiStrToLower(entry.value.text);
    if (entry.value.is_scalar() && split.find_first_of("[+") != std::string::npos)
        return UsageError("{}: files of their own for the evaluation are read whole",
                          reader.Name(entry, path));
    return absl::OkStatus();
}

// load_dataset_config; Olive had its keys within `params` once.
absl::Status ReadLoading(const NodeEntry& entry, const std::string& path, RowsFor purpose,
                         SectionReader& reader) {
    if (entry.value.is_null()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
    const bool training = purpose == RowsFor::kTraining;
    SectionReader::Section section;
    section.handlers["type"] = OneOf({"huggingface_dataset", "local_dataset"},
                                     "data sets of type huggingface_dataset", reader);
    section.handlers["data_files"] = [&](const NodeEntry& files, const std::string& at) {
        return ReadFiles(files, at, purpose, reader);
    };
    const NodeEntry* evaluation_split = nullptr;
    std::string split_path;
    if (!training)
        section.handlers["split"] = [&](const NodeEntry& split, const std::string& at) {
            evaluation_split = &split;
            split_path = at;
            return absl::OkStatus();
        };
    section.rules = training ? std::span<const KeyRule>(kTrainingRowsRules)
                             : std::span<const KeyRule>(kEvaluationRowsRules);
    const SectionReader::Section inner = section;
    for (const char* key : {"params", "kwargs"})
        section.handlers[key] = [&](const NodeEntry& params, const std::string& at) {
            HONE_RETURN_IF_ERROR(reader.RequireMap(params, at));
            return reader.Read(params.value, JoinPath(at, params.key), inner);
        };
    HONE_RETURN_IF_ERROR(reader.Read(entry.value, JoinPath(path, entry.key), section));
    // What it means depends on the files, which may come after it.
    return evaluation_split ? ReadEvaluationSplit(*evaluation_split, split_path, reader)
                            : absl::OkStatus();
}

// The columns that Olive joins to a text: hone takes one.
absl::Status ReadTextColumns(const NodeEntry& entry, const std::string& path,
                             SectionReader& reader) {
    if (!entry.value.is_list()) return reader.Set("text_field", entry, path);
    if (entry.value.items.size() == 1)
        return reader.SetValue("text_field", entry.value.items[0].Value(),
                               reader.Name(entry, path));
    return UsageError("{}: of several columns text_template makes one text, \"{{a}} {{b}}\"",
                      reader.Name(entry, path));
}

// pre_process_data_config, likewise.
absl::Status ReadRows(const NodeEntry& entry, const std::string& path, SectionReader& reader) {
    if (entry.value.is_null()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
    SectionReader::Section section{.rules = kRowRules};
    section.handlers["type"] =
        OneOf({"text_generation_huggingface_pre_process", "huggingface_pre_process"},
              "rows for text generation, of type text_generation_huggingface_pre_process", reader);
    section.handlers["text_cols"] = [&](const NodeEntry& columns, const std::string& at) {
        return ReadTextColumns(columns, at, reader);
    };
    section.handlers["chat_template"] = [&](const NodeEntry& use, const std::string& at) {
        const Json value = use.value.Value();
        if (use.value.is_null() || use.value.IsOff() || use.value.text == "true" ||
            use.value.text == "True")
            return reader.Set("use_chat_template", use, at);
        return UsageError("{}: hone takes the chat template of the model's own files; true uses it",
                          reader.Name(use, at));
    };
    section.handlers["message_col"] = [&](const NodeEntry& column, const std::string& at) {
        return reader.SetValue("columns", Json{{"messages", column.value.text}},
                               reader.Name(column, at));
    };
    section.handlers["strategy"] = [&](const NodeEntry& strategy, const std::string& at) {
        if (absl::AsciiStrToLower(strategy.value.text) != "line-by-line")
            reader.Ignore(strategy, at, kNoJoining);
        return absl::OkStatus();
    };
    const SectionReader::Section inner = section;
    section.handlers["params"] = [&](const NodeEntry& params, const std::string& at) {
        HONE_RETURN_IF_ERROR(reader.RequireMap(params, at));
        return reader.Read(params.value, JoinPath(at, params.key), inner);
    };
    return reader.Read(entry.value, JoinPath(path, entry.key), section);
}

}  // namespace

absl::Status ReadDataSection(const Node& data, const std::string& path, RowsFor purpose,
                             SectionReader& reader) {
    SectionReader::Section section{.rules = kDataRules};
    section.handlers["name"] = [](const NodeEntry&, const std::string&) {
        return absl::OkStatus();  // passes name it by this
    };
    section.handlers["type"] = OneOf({"huggingfacecontainer", "datacontainer"},
                                     "data of type HuggingfaceContainer", reader);
    section.handlers["load_dataset_config"] = [&](const NodeEntry& entry, const std::string& at) {
        return ReadLoading(entry, at, purpose, reader);
    };
    section.handlers["pre_process_data_config"] =
        [&](const NodeEntry& entry, const std::string& at) { return ReadRows(entry, at, reader); };
    section.handlers["dataloader_config"] = [&](const NodeEntry& entry, const std::string& at) {
        if (entry.value.is_null()) return absl::OkStatus();
        HONE_RETURN_IF_ERROR(reader.RequireMap(entry, at));
        SectionReader::Section loader{.rules = kLoaderRules};
        loader.handlers["params"] = [&](const NodeEntry& params, const std::string& within) {
            HONE_RETURN_IF_ERROR(reader.RequireMap(params, within));
            return reader.Read(params.value, JoinPath(within, params.key), {.rules = kLoaderRules});
        };
        return reader.Read(entry.value, JoinPath(at, entry.key), loader);
    };
    return reader.Read(data, path, section);
}

}  // namespace hone
