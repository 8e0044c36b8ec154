#include "train/job.h"

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/text/json_text.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr size_t kMaxJobBytes = size_t{1} << 20;

}  // namespace

absl::StatusOr<FinetuneOptions> ParseJob(std::string_view text, std::string_view what) {
    auto json = ParseJson<Json>(text, what);
    if (!json.ok()) return WithKind(json.status(), ErrorKind::kUsage);
    if (!json->is_object()) return UsageError("{}: a job is a JSON object", what);
    for (const auto& [key, value] : json->items())
        if (key != "version" && key != "kind" && key != "options")
            return UsageError("{}: a job has no \"{}\"; it has version, kind and options", what,
                              key);
    if (json->value("version", Json()) != kVersion)
        return UsageError("{}: \"version\" must be {}, the form of jobs that this hone knows", what,
                          kVersion);
    if (json->value("kind", Json()) != "finetune")
        return UsageError("{}: \"kind\" must be \"finetune\"", what);
    auto options = OptionsFromJson(json->value("options", Json()));
    if (!options.ok()) return Annotate(options.status(), what);
    return options;
}

std::string JobText(const FinetuneOptions& options) {
    const Json job = {
        {"version", kVersion}, {"kind", "finetune"}, {"options", OptionsToJson(options)}};
    return JsonText(job);
}

absl::StatusOr<FinetuneOptions> ReadJob(const std::string& path) {
    auto text = ReadFile(path, kMaxJobBytes);
    if (!text.ok()) return WithKind(text.status(), ErrorKind::kUsage);
    return ParseJob(*text, path);
}

}  // namespace hone
