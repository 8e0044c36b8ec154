#include "absl/strings/ascii.h"
#include "workflow/sections.h"

namespace hone {
namespace {

using Kind = KeyRule::Kind;

constexpr std::string_view kForExport = "it is for exporting a model, not for training it";

constexpr KeyRule kModelRules[] = {
    {"model_path model_name_or_path model_name", Kind::kOption, "model_name_or_path"},
    {"task", Kind::kOption, "task"},
    {"adapter_path", Kind::kOption, "adapter_path"},
    {"trust_remote_code", Kind::kOption, "trust_remote_code"},
    {"torch_dtype dtype", Kind::kOption, "torch_dtype"},
    {"model_loader model_script script_dir custom_loader", Kind::kRefused, kNoCode},
    {"io_config dummy_inputs_func components model_file_format generative model_attributes "
     "mlflow_transformer_model_cache_dir",
     Kind::kIgnored, kForExport},
    {"test", Kind::kRefused, "hone trains the model itself, none of random weights in its place"},
};

constexpr KeyRule kLoadRules[] = {
    {"torch_dtype dtype", Kind::kOption, "torch_dtype"},
    {"trust_remote_code", Kind::kOption, "trust_remote_code"},
    {"extra_args", Kind::kRefused, "hone loads a model by its own config.json alone"},
};

absl::Status CheckType(const NodeEntry& entry, const std::string& path, SectionReader& reader) {
    const std::string type = absl::AsciiStrToLower(entry.value.text);
    if (type == "hfmodel" || type == "pytorchmodel") return absl::OkStatus();
    return UsageError("{}: hone trains models in Hugging Face's form, of type HfModel, not {}",
                      reader.Name(entry, path), entry.value.text);
}

// How transformers would load it.
absl::Status ReadLoading(const NodeEntry& entry, const std::string& path, SectionReader& reader) {
    if (entry.value.is_null()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
    return reader.Read(entry.value, JoinPath(path, entry.key),
                       {.rules = kLoadRules, .takes_options = true});
}

SectionReader::Section ModelSection(SectionReader& reader) {
    const auto loading = [&reader](const NodeEntry& entry, const std::string& path) {
        return ReadLoading(entry, path, reader);
    };
    return {.handlers = {{"type",
                          [&reader](const NodeEntry& entry, const std::string& path) {
                              return CheckType(entry, path, reader);
                          }},
                         {"load_kwargs", loading},
                         {"model_loading_args", loading},
                         {"from_pretrained_args", loading}},
            .rules = kModelRules};
}

}  // namespace

absl::Status ReadModelSection(const NodeEntry& entry, const std::string& path,
                              SectionReader& reader) {
    if (entry.value.is_scalar()) return reader.Set("model_name_or_path", entry, path);
    HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
    SectionReader::Section section = ModelSection(reader);
    const SectionReader::Section inner = section;
    for (const char* key : {"config", "hf_config"})
        section.handlers[key] = [&](const NodeEntry& config, const std::string& at) {
            HONE_RETURN_IF_ERROR(reader.RequireMap(config, at));
            SectionReader::Section within = inner;
            // Olive had the names of Hugging Face one level deeper once.
            within.handlers["hf_config"] = section.handlers["hf_config"];
            return reader.Read(config.value, JoinPath(at, config.key), within);
        };
    return reader.Read(entry.value, JoinPath(path, entry.key), section);
}

}  // namespace hone
