#include "model/config/label_head.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/limits.h"
#include "model/config/config_reader.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSequenceEnd = "ForSequenceClassification";
constexpr std::string_view kTokenEnd = "ForTokenClassification";
constexpr std::string_view kSingle = "single_label_classification";
constexpr std::string_view kMulti = "multi_label_classification";

std::string_view ClassOf(const ArchSpec& arch) {
    if (!arch.label_class.empty()) return arch.label_class;
    std::string_view name = arch.architectures.front();
    for (std::string_view end : {"ForCausalLM", "LMHeadModel"})
        if (name.ends_with(end)) name.remove_suffix(end.size());
    return name;
}

}  // namespace

std::string LabelArchitecture(const ArchSpec& arch, HeadKind kind) {
    return fmt::format("{}{}", ClassOf(arch),
                       kind == HeadKind::kSequence ? kSequenceEnd : kTokenEnd);
}

HeadKind HeadKindOf(std::string_view architecture) {
    if (architecture.ends_with(kSequenceEnd)) return HeadKind::kSequence;
    return architecture.ends_with(kTokenEnd) ? HeadKind::kToken : HeadKind::kLanguageModel;
}

std::vector<std::string> NumberedLabels(int64_t count) {
    std::vector<std::string> labels;
    for (int64_t i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
    return labels;
}

Json LabelsJson(const std::vector<std::string>& labels) {
    Json json = Json::object();
    for (size_t i = 0; i < labels.size(); ++i) json[std::to_string(i)] = labels[i];
    return json;
}

std::string_view ProblemType(const ModelConfig& config) {
    return config.multi_label ? kMulti : kSingle;
}

absl::StatusOr<std::vector<std::string>> LabelsFromJson(const Json& json, std::string_view where) {
    if (!json.is_object() || json.empty() || json.size() > kMaxLabels)
        return ModelError("{}: \"id2label\" must be an object of 1 to {} ids and their names",
                          where, kMaxLabels);
    std::vector<std::string> labels(json.size());
    std::set<std::string> names;
    for (const auto& [key, value] : json.items()) {
        size_t id = 0;
        const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
        if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id >= labels.size())
            return ModelError(
                "{}: \"id2label\" has the id \"{:.40}\", but its {} ids must be 0 to "
                "{}",
                where, key, labels.size(), labels.size() - 1);
        if (!value.is_string() || value.get_ref<const std::string&>().empty())
            return ModelError("{}: \"id2label\" names id {} with what is no text", where, id);
        if (!names.insert(value.get<std::string>()).second)
            return ModelError("{}: \"id2label\" has the name \"{:.100}\" twice", where,
                              value.get<std::string>());
        labels[id] = value.get<std::string>();
    }
    // {"0": ..., "00": ...}
    if (std::any_of(labels.begin(), labels.end(), [](const auto& name) { return name.empty(); }))
        return ModelError("{}: \"id2label\" leaves an id out", where);
    return labels;
}

absl::Status ReadLabelHead(const Json& json, HeadKind kind, ModelConfig& config) {
    constexpr std::string_view kWhere = "config.json";
    ConfigReader reader(json, std::string(kWhere));
    const std::string problem = reader.Text("problem_type", "");
    config.head = kind;
    config.head_bias = kind == HeadKind::kToken && reader.Bool("token_classification_bias", true);
    config.tie_word_embeddings = false;
    const auto named = json.find("id2label");
    if (named != json.end() && !named->is_null()) {
        HONE_ASSIGN_OR_RETURN(config.labels, LabelsFromJson(*named, kWhere));
    } else {
        // transformers' own default.
        config.labels = NumberedLabels(reader.Int("num_labels", 1, int64_t{kMaxLabels}, 2));
    }
    HONE_RETURN_IF_ERROR(reader.status());
    if (!problem.empty() && problem != kSingle && problem != kMulti)
        return ModelError("{}: problem_type is '{:.60}'; hone knows {} and {}", kWhere, problem,
                          kSingle, kMulti);
    config.multi_label = kind == HeadKind::kSequence && problem == kMulti;
    return absl::OkStatus();
}

ModelConfig WithLabelHead(const ArchSpec& arch, const ModelConfig& config, HeadKind kind,
                          const std::vector<std::string>& labels, bool multi_label) {
    ModelConfig changed = config;
    changed.head = kind;
    changed.labels = labels;
    changed.multi_label = multi_label;
    changed.head_bias = kind == HeadKind::kToken;
    changed.tie_word_embeddings = false;
    changed.architecture = LabelArchitecture(arch, kind);
    Json& json = changed.json;
    json["architectures"] = {changed.architecture};
    json["id2label"] = LabelsJson(labels);
    json["label2id"] = Json::object();
    for (size_t i = 0; i < labels.size(); ++i) json["label2id"][labels[i]] = i;
    json.erase("num_labels");
    json.erase("token_classification_bias");
    json.erase("problem_type");
    if (kind == HeadKind::kSequence) json["problem_type"] = ProblemType(changed);
    return changed;
}

}  // namespace hone
