#include "base/text/text_value.h"
#include "workflow/sections.h"

namespace hone {
namespace {

using Kind = KeyRule::Kind;

constexpr KeyRule kArgumentRules[] = {
    {"evaluation_strategy", Kind::kOption, "eval_strategy"},
    {"run_name", Kind::kOption, "task_name"},
    {"output_dir", Kind::kIgnored,
     "checkpoints go to OUTPUT/checkpoints, OUTPUT being output_dir of the workflow"},
    {"logging_strategy", Kind::kIgnored, "logging_steps says how often lines are written"},
    {"tf32", Kind::kIgnored, "it is a type of NVIDIA's GPUs"},
};

}  // namespace

absl::Status ReadTrainingArguments(const NodeEntry& entry, const std::string& path,
                                   SectionReader& reader) {
    if (entry.value.is_null()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
    SectionReader::Section section{.rules = kArgumentRules, .takes_options = true};
    // Mixed precision is the type of the products here.
    for (const auto& [key, dtype] : {std::pair{"fp16", "float16"}, {"bf16", "bfloat16"}})
        section.handlers[key] = [&reader, type = dtype](const NodeEntry& use,
                                                        const std::string& at) {
            const std::optional<bool> on = ReadBool(use.value.text);
            if (use.value.is_null()) return absl::OkStatus();
            if (!on) return UsageError("{}: it is true or false", reader.Name(use, at));
            if (*on) return reader.SetValue("torch_dtype", type, reader.Name(use, at));
            reader.Ignore(use, at, "torch_dtype says what is computed in");
            return absl::OkStatus();
        };
    // Olive's way to name arguments that it does not know itself.
    section.handlers["extra_args"] = [&reader](const NodeEntry& more, const std::string& at) {
        return ReadTrainingArguments(more, at, reader);
    };
    return reader.Read(entry.value, JoinPath(path, entry.key), section);
}

}  // namespace hone
