#include "workflow/lora_pass.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/text/nearest_word.h"
#include "train/finetune.h"
#include "train/method/method.h"
#include "train/resolve/resolve.h"
#include "train/setup.h"
#include "workflow/sections.h"

namespace hone {
namespace {

using Kind = KeyRule::Kind;
using Json = nlohmann::ordered_json;

constexpr KeyRule kLoraRules[] = {
    {"r", Kind::kOption, "lora_r"},
    {"alpha", Kind::kOption, "lora_alpha"},
    {"compute_dtype", Kind::kOption, "torch_dtype"},
    {"ephemeral_gpu_offload", Kind::kIgnored, "hone computes on the CPU"},
    {"save_quant_config", Kind::kIgnored, "the adapter is one for the base in any precision"},
    {"use_ort_trainer", Kind::kRefused, "hone trains with its own engine"},
    {"inference_mode auto_mapping base_model_name_or_path peft_version", Kind::kIgnored,
     "the adapter's own adapter_config.json says it"},
    {"method", Kind::kRefused, "the pass's type says it"},
};

// Trains, and delivers an adapter.
class LoraPass : public Pass {
  public:
    explicit LoraPass(FinetuneOptions options) : options_(std::move(options)) {}
    const std::string& model() const override { return options_.model_name_or_path; }
    absl::Status SetUp(const PassHost& host) override {
        options_.data.fetch_hub = host.fetch_dataset;
        HONE_RETURN_IF_ERROR(host.fetch_model(options_.model_name_or_path));
        return SetUpFinetune(options_, host.events, host.control);
    }
    absl::Status Run(const PassHost& host) override {
        return Finetune(options_, host.events, host.control);
    }

  private:
    FinetuneOptions options_;
};

// A key of PEFT that may only say what hone does anyway.
SectionReader::Handler Only(std::string value, std::string what, SectionReader& reader) {
    return [value, what, &reader](const NodeEntry& entry, const std::string& path) -> absl::Status {
        const std::string text = absl::AsciiStrToLower(entry.value.text);
        if (entry.value.is_null() || text == value) return absl::OkStatus();
        return UsageError("{}: {}", reader.Name(entry, path), what);
    };
}

// The entry of data_configs that a pass means: by its name, or written out in the pass itself.
absl::Status ReadData(const NodeEntry& entry, const std::string& path, RowsFor purpose,
                      const PassSource& source, SectionReader& reader) {
    if (entry.value.is_null()) return absl::OkStatus();
    if (entry.value.is_map())
        return ReadDataSection(entry.value, JoinPath(path, entry.key), purpose, reader);
    const auto found = source.data_configs.find(entry.value.text);
    if (found != source.data_configs.end())
        return ReadDataSection(*found->second, "data_configs." + found->first, purpose, reader);
    std::vector<std::string> names;
    for (const auto& [name, node] : source.data_configs) names.push_back(name);
    const std::string nearest = NearestWord(entry.value.text, names);
    return UsageError("{}: data_configs has no \"{}\"{}", reader.Name(entry, path),
                      entry.value.text,
                      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

// Training rows first: what the evaluation's mean depends on them.
absl::Status ReadAllData(const PassSource& source, SectionReader& reader) {
    const NodeEntry* training = source.config.Find("train_data_config");
    const NodeEntry* evaluation = source.config.Find("eval_data_config");
    std::set<std::string> used;
    for (const NodeEntry* named : {training, evaluation})
        if (named != nullptr) used.insert(named->value.text);
    if (training != nullptr) {
        HONE_RETURN_IF_ERROR(ReadData(*training, source.path, RowsFor::kTraining, source, reader));
    } else if (source.data_configs.size() == 1) {
        const auto& [name, node] = *source.data_configs.begin();
        used.insert(name);
        HONE_RETURN_IF_ERROR(
            ReadDataSection(*node, "data_configs." + name, RowsFor::kTraining, reader));
    } else if (source.data_configs.size() > 1) {
        return UsageError(
            "{}: {} does not say which of the data_configs is trained on: give "
            "train_data_config",
            reader.document().Where(source.config.place), source.path);
    }
    for (const auto& [name, node] : source.data_configs)
        if (!used.contains(name))
            reader.notes().push_back(
                fmt::format("data_configs.{} at {} changes nothing: no pass names it", name,
                            reader.document().Where(node->place)));
    return evaluation ? ReadData(*evaluation, source.path, RowsFor::kEvaluation, source, reader)
                      : absl::OkStatus();
}

}  // namespace

std::vector<const OptionRow*> LoraPassKind::options() const {
    std::vector<const OptionRow*> rows;
    for (const OptionRow& row : OptionTable()) {
        const bool takes = row.methods.empty() || std::find(row.methods.begin(), row.methods.end(),
                                                            method_) != row.methods.end();
        if (takes && !row.of_command && row.name != "method") rows.push_back(&row);
    }
    return rows;
}

absl::StatusOr<std::unique_ptr<Pass>> LoraPassKind::Read(const PassSource& source,
                                                         SectionReader& reader) const {
    HONE_RETURN_IF_ERROR(reader.SetValue("method", std::string(method_), "type"));
    HONE_RETURN_IF_ERROR(ReadAllData(source, reader));
    SectionReader::Section section{.rules = kLoraRules, .takes_options = true};
    const auto read_already = [](const NodeEntry&, const std::string&) { return absl::OkStatus(); };
    section.handlers["train_data_config"] = read_already;
    section.handlers["eval_data_config"] = read_already;
    section.handlers["training_args"] = [&](const NodeEntry& entry, const std::string& path) {
        return ReadTrainingArguments(entry, path, reader);
    };
    section.handlers["task_type"] =
        Only("causal_lm", "hone trains for text generation, task_type CAUSAL_LM", reader);
    const std::string peft_type(FindMethod(method_)->peft_type());
    section.handlers["peft_type"] = Only(
        absl::AsciiStrToLower(peft_type),
        fmt::format("a pass of type {} has adapters of peft_type {}", type_, peft_type), reader);
    HONE_RETURN_IF_ERROR(reader.Read(source.config, source.path, section));
    GivenOptions given = reader.given();
    given.Override(source.stronger);
    HONE_ASSIGN_OR_RETURN(ResolvedOptions resolved, ResolveOptions(given));
    for (std::string& note : resolved.notes) reader.notes().push_back(std::move(note));
    return std::make_unique<LoraPass>(std::move(resolved.options));
}

}  // namespace hone
