#include "answer/trained_form.h"

#include <filesystem>

#include "base/json_file.h"

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

std::optional<TrainedForm> ReadRunJson(const fs::path& path, bool of_model,
                                       std::vector<std::string>& warnings) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    auto json = ReadJsonObject(path.string());
    if (!json.ok()) {
        warnings.push_back(fmt::format("how the model was trained is not known: {}",
                                       std::string(json.status().message())));
        return std::nullopt;
    }
    const Json options = json->value("options", Json()), data = json->value("data", Json());
    if (!options.is_object() || !data.is_object() || of_model != json->contains("fine_tuned_model"))
        return std::nullopt;
    TrainedForm form;
    form.run_json = path.string();
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
    const Json model = json->value("model", Json());
    if (model.is_object()) Take(model, "name", form.base);
    Take(data, "prompt_template", form.prompt_template);
    Take(data, "system_prompt", form.system_prompt);
    return form;
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
    const std::string& made = adapter.empty() ? model : adapter;
    std::error_code error;
    if (made.empty() || !fs::is_directory(made, error)) return std::nullopt;
    const fs::path folder = fs::absolute(made, error).lexically_normal() / "";
    const fs::path run = folder.parent_path().parent_path();  // OUTPUT of OUTPUT/adapter
    if (auto form = ReadRunJson(fs::proximate(run / "run.json", error), adapter.empty(), warnings))
        return form;
    // OUTPUT/checkpoints/step-10
    if (run.filename() != "checkpoints") return std::nullopt;
    return ReadRunJson(fs::proximate(run.parent_path() / "run.json", error), adapter.empty(),
                       warnings);
}

}  // namespace hone
