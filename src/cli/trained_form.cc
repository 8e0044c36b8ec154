#include "cli/trained_form.h"

#include <filesystem>

#include "base/json_file.h"
#include "cli/flags/finetune_flags.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Some text on one line, not too long to be read in a note.
std::string Shown(const std::string& text) {
    constexpr size_t kMost = 120;
    std::string line = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (line.size() <= kMost) return line;
    size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
    return line.substr(0, end) + "...\"";
}

// The value of a key, where it is there and of that type.
template <typename T>
void Take(const Json& json, const char* key, T& target) {
    const auto found = json.find(key);
    if (found == json.end()) return;
    if constexpr (std::is_same_v<T, bool>) {
        if (found->is_boolean()) target = found->get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (found->is_string()) target = found->get<std::string>();
    } else if constexpr (std::is_same_v<T, int64_t>) {
        if (found->is_number_integer()) target = found->get<int64_t>();
    } else if constexpr (std::is_same_v<T, std::optional<bool>>) {
        if (found->is_boolean()) target = found->get<bool>();
    } else {  // pairs
        if (!found->is_object()) return;
        target.clear();
        for (const auto& [name, value] : found->items())
            if (value.is_string()) target.emplace_back(name, value.template get<std::string>());
    }
}

// As --columns takes them.
std::string ColumnsText(const std::vector<std::pair<std::string, std::string>>& columns) {
    std::string text;
    for (const auto& [field, column] : columns)
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", field, column);
    return text;
}

std::optional<TrainedForm> ReadRunJson(const fs::path& path, bool of_model) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    auto json = ReadJsonObject(path.string());
    if (!json.ok()) {
        fmt::print(stderr, "warning: how the model was trained is not known: {}\n",
                   std::string(json.status().message()));
        return std::nullopt;
    }
    const Json options = json->value("options", Json()), data = json->value("data", Json());
    if (!options.is_object() || !data.is_object() ||
        of_model != json->contains("fine_tuned_model"))
        return std::nullopt;
    TrainedForm form;
    form.run_json = path.string();
    Take(options, "columns", form.data.columns);
    Take(options, "csv_separator", form.data.csv_separator);
    Take(options, "text_template", form.data.text_template);
    Take(options, "text_field", form.data.text_field);
    Take(options, "use_chat_template", form.data.use_chat_template);
    Take(options, "add_special_tokens", form.data.add_special_tokens);
    Take(options, "train_on_prompt", form.data.train_on_prompt);
    Take(options, "template_date", form.data.template_date);
    Take(options, "max_seq_len", form.data.max_seq_len);
    Take(data, "prompt_template", form.prompt_template);
    Take(data, "system_prompt", form.system_prompt);
    return form;
}

}  // namespace

std::optional<TrainedForm> FindTrainedForm(const std::string& adapter, const std::string& model) {
    const std::string& made = adapter.empty() ? model : adapter;
    std::error_code error;
    if (made.empty() || !fs::is_directory(made, error)) return std::nullopt;
    const fs::path folder = fs::absolute(made, error).lexically_normal() / "";
    const fs::path run = folder.parent_path().parent_path();  // OUTPUT of OUTPUT/adapter
    if (auto form = ReadRunJson(fs::proximate(run / "run.json", error), adapter.empty()))
        return form;
    // OUTPUT/checkpoints/step-10
    if (run.filename() != "checkpoints") return std::nullopt;
    return ReadRunJson(fs::proximate(run.parent_path() / "run.json", error), adapter.empty());
}

std::string ReadRowsAsTrained(const TrainedForm& form, const CLI::App& command, DataOptions& data) {
    std::string taken;
    const auto take = [&](const char* flag, auto DataOptions::*member, const std::string& shown) {
        if (WasGiven(command, flag) || data.*member == form.data.*member) return;
        data.*member = form.data.*member;
        taken += fmt::format("{}{} {}", taken.empty() ? "" : " ", flag, shown);
    };
    const auto truth = [](bool value) { return value ? "true" : "false"; };
    // Three ways to say one thing: one of them says it all. Other columns mean nothing to a text.
    const bool text = WasGiven(command, "--text_template") || WasGiven(command, "--text_field");
    const bool chat = WasGiven(command, "--use_chat_template");
    if (!text && !chat && !WasGiven(command, "--columns")) {
        take("--text_template", &DataOptions::text_template, Shown(form.data.text_template));
        take("--text_field", &DataOptions::text_field, form.data.text_field);
    }
    if (!text && !chat)
        take("--use_chat_template", &DataOptions::use_chat_template,
             truth(form.data.use_chat_template.value_or(true)));
    if (!text) take("--columns", &DataOptions::columns, ColumnsText(form.data.columns));
    take("--csv_separator", &DataOptions::csv_separator, form.data.csv_separator);
    take("--add_special_tokens", &DataOptions::add_special_tokens,
         truth(form.data.add_special_tokens));
    take("--train_on_prompt", &DataOptions::train_on_prompt, truth(form.data.train_on_prompt));
    take("--template_date", &DataOptions::template_date, form.data.template_date);
    take("--max_seq_len", &DataOptions::max_seq_len, fmt::format("{}", form.data.max_seq_len));
    return taken;
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

absl::StatusOr<Asking> Asking::Choose(const AskFlags& flags,
                                      const std::optional<TrainedForm>& form) {
    Asking asking;
    asking.raw_ = flags.raw.value_or(false);
    asking.system_prompt_ = flags.system_prompt.value_or("");
    if (asking.raw_ && !asking.system_prompt_.empty())
        return UsageError("--system_prompt needs the chat template: leave --raw out");
    if (!form) return asking;
    asking.add_special_tokens_ = form->data.add_special_tokens;
    if (!form->prompt_template.empty()) {
        // A system message is something that only the chat template has.
        if (flags.raw || !asking.system_prompt_.empty()) return asking;
        auto parsed = TextTemplate::Parse(form->prompt_template);
        if (!parsed.ok())
            return ModelError("{}: its prompt_template cannot be read: {}", form->run_json,
                              std::string(parsed.status().message()));
        asking.template_ = *std::move(parsed);
        asking.raw_ = true;
        asking.note_ = fmt::format(
            "prompts are put as {} says, as {} without the chat template; --raw false asks through "
            "it, --raw takes a prompt as it stands",
            form->run_json, Shown(form->prompt_template));
    } else if (!flags.system_prompt && !form->system_prompt.empty() && !asking.raw_) {
        asking.system_prompt_ = form->system_prompt;
        asking.note_ =
            fmt::format("the system message is that of all rows of {}, {}; --system_prompt says "
                        "another, \"\" none",
                        form->run_json, Shown(form->system_prompt));
    }
    return asking;
}

absl::StatusOr<std::vector<int32_t>> Asking::Encode(const Prompt& prompt,
                                                    const ConversationEncoder& encoder) const {
    if (prompt.text_only && raw_) {
        std::string text = prompt.text;
        if (template_) {
            HONE_ASSIGN_OR_RETURN(text, template_->FillPrompt(prompt.text));
        }
        return encoder.EncodeTextPrompt(text, add_special_tokens_);
    }
    Conversation conversation = prompt.conversation;
    AddSystemPrompt(system_prompt_, conversation);
    return encoder.EncodePrompt(conversation);
}

absl::StatusOr<Asking> ChooseAsking(const AskFlags& flags, const ModelFlags& model) {
    HONE_ASSIGN_OR_RETURN(const std::string adapter, FindAdapterFolder(model.adapter_path));
    HONE_ASSIGN_OR_RETURN(
        Asking asking,
        Asking::Choose(flags, FindTrainedForm(adapter, model.model_name_or_path)));
    if (!asking.note().empty()) fmt::print(stderr, "note: {}\n", asking.note());
    return asking;
}

}  // namespace hone
