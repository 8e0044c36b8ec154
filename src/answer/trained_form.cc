#include "answer/trained_form.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/text/json_text.h"
#include "train/output/adapter_folders.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

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
    } else if constexpr (std::is_same_v<T, double>) {
        if (found->is_number()) target = found->get<double>();
    } else if constexpr (std::is_same_v<T, std::optional<bool>>) {
        if (found->is_boolean()) target = found->get<bool>();
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        if (!found->is_array()) return;
        target.clear();
        for (const Json& value : *found)
            if (value.is_string()) target.push_back(value.template get<std::string>());
    } else {  // pairs
        if (!found->is_object()) return;
        target.clear();
        for (const auto& [name, value] : found->items())
            if (value.is_string()) target.emplace_back(name, value.template get<std::string>());
    }
}

// What a run said, and where.
struct RunJson {
    std::string path;
    Json json;
};

std::optional<RunJson> ReadRunJson(const fs::path& path, bool of_model,
                                   std::vector<std::string>& warnings) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    auto json = ReadJsonObject(path.string());
    if (!json.ok()) {
        warnings.push_back(fmt::format("how the model was trained is not known: {}",
                                       std::string(json.status().message())));
        return std::nullopt;
    }
    if (!json->value("options", Json()).is_object() || !json->value("data", Json()).is_object() ||
        of_model != json->contains("fine_tuned_model"))
        return std::nullopt;
    return RunJson{path.string(), *std::move(json)};
}

std::optional<RunJson> FindRunJson(const std::string& adapter, const std::string& model,
                                   std::vector<std::string>& warnings) {
    const std::string& made = adapter.empty() ? model : adapter;
    std::error_code error;
    if (made.empty() || !fs::is_directory(made, error)) return std::nullopt;
    const fs::path folder = fs::absolute(made, error).lexically_normal() / "";
    const fs::path run = folder.parent_path().parent_path();  // OUTPUT of OUTPUT/adapter
    std::vector<fs::path> places = {folder / kTrainedFormFile, run / "run.json"};
    if (run.filename() == "checkpoints")  // OUTPUT/checkpoints/step-10
        places.push_back(run.parent_path() / "run.json");
    for (const fs::path& place : places)
        if (auto found = ReadRunJson(fs::proximate(place, error), adapter.empty(), warnings))
            return found;
    return std::nullopt;
}

// What of a run.json says how rows were put.
constexpr const char* kFormOptions[] = {
    "columns",         "csv_separator",   "label_names",       "text_template",
    "text_field",      "label_separator", "use_chat_template", "add_special_tokens",
    "train_on_prompt", "template_date",   "max_score",         "max_seq_len"};
constexpr const char* kFormData[] = {"prompt_template", "system_prompt"};

Json FormOf(const Json& run) {
    Json form = {{"options", Json::object()}, {"data", Json::object()}};
    const auto copy = [&](const char* part, const char* key) {
        const auto found = run[part].find(key);
        if (found != run[part].end() && !found->is_null()) form[part][key] = *found;
    };
    for (const char* key : kFormOptions) copy("options", key);
    for (const char* key : kFormData) copy("data", key);
    return form;
}

// The first key whose value is another; empty: none.
std::string Difference(const Json& a, const Json& b) {
    const auto same = [&](const char* part, const char* key) {
        return a[part].value(key, Json()) == b[part].value(key, Json());
    };
    for (const char* key : kFormOptions)
        if (std::string_view(key) != "max_seq_len" && !same("options", key)) return key;
    for (const char* key : kFormData)
        if (!same("data", key)) return key;
    return "";
}

}  // namespace

std::string ShownText(const std::string& text) {
    constexpr size_t kMost = 120;
    std::string line = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (line.size() <= kMost) return line;
    size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
    return line.substr(0, end) + "...\"";
}

std::optional<TrainedForm> FindTrainedForm(const std::string& adapter, const std::string& model,
                                           std::vector<std::string>& warnings) {
    const auto run = FindRunJson(adapter, model, warnings);
    if (!run) return std::nullopt;
    const Json &options = run->json["options"], &data = run->json["data"];
    TrainedForm form;
    form.run_json = run->path;
    Take(options, "columns", form.data.columns);
    Take(options, "csv_separator", form.data.csv_separator);
    Take(options, "label_names", form.data.label_names);
    Take(options, "text_template", form.data.text_template);
    Take(options, "text_field", form.data.text_field);
    Take(options, "use_chat_template", form.data.use_chat_template);
    Take(options, "add_special_tokens", form.data.add_special_tokens);
    Take(options, "train_on_prompt", form.data.train_on_prompt);
    Take(options, "template_date", form.data.template_date);
    Take(options, "max_seq_len", form.data.max_seq_len);
    Take(options, "label_separator", form.data.labels.separator);
    Take(options, "max_score", form.data.labels.max_score);
    const Json model_json = run->json.value("model", Json());
    if (model_json.is_object()) Take(model_json, "name", form.base);
    Take(data, "prompt_template", form.prompt_template);
    Take(data, "system_prompt", form.system_prompt);
    return form;
}

absl::StatusOr<std::string> KeepTrainedForm(const std::vector<std::string>& parts,
                                            const std::string& folder) {
    std::vector<std::string> warnings;
    std::string told, silent;  // parts of each kind
    Json kept;
    for (const std::string& part : parts) {
        const auto run = FindRunJson(part, "", warnings);
        if (!run) {
            silent = part;
            continue;
        }
        Json form = FormOf(run->json);
        if (told.empty()) {
            told = part;
            kept = std::move(form);
            continue;
        }
        if (const std::string key = Difference(kept, form); !key.empty())
            return fmt::format("{} and {} were trained with another {}", told, part, key);
        Json &most = kept["options"]["max_seq_len"], &other = form["options"]["max_seq_len"];
        if (other.is_number() && (!most.is_number() || other > most)) most = other;
    }
    if (!warnings.empty()) return warnings.front();
    if (told.empty()) return "";
    if (!silent.empty())
        return fmt::format("how {} was trained is not known, as no run.json of hone's is beside it",
                           silent);
    kept["adapters"] = parts;
    HONE_RETURN_IF_ERROR(
        WriteFileAtomic(fmt::format("{}/{}", folder, kTrainedFormFile), JsonText(kept)));
    return "";
}

}  // namespace hone
