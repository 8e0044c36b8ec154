#include "cli/flags/config_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/flags/cli11.h"
#include "cli/flags/flags.h"

namespace hone {
namespace {

CLI::Option* FindFlag(CLI::App& command, std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    if (CLI::Option* dashes = command.get_option_no_throw("--" + name)) return dashes;
    std::replace(name.begin(), name.end(), '-', '_');
    return command.get_option_no_throw("--" + name);
}

// The texts that the value gives a flag; an error for a list of lists and the like.
absl::StatusOr<std::vector<std::string>> TextsOf(const Node& value) {
    std::vector<std::string> texts;
    if (value.is_scalar()) texts.push_back(value.text);
    for (const Node& item : value.items) {
        if (!item.is_scalar()) return UsageError("a list here holds texts and numbers alone");
        texts.push_back(item.text);
    }
    for (const NodeEntry& entry : value.entries) {
        if (!entry.value.is_scalar()) return UsageError("a map here holds texts and numbers alone");
        texts.push_back(entry.key + "=" + entry.value.text);
    }
    return texts;
}

absl::Status Apply(CLI::Option& flag, const Node& value) {
    HONE_ASSIGN_OR_RETURN(const std::vector<std::string> texts, TextsOf(value));
    const bool repeated = flag.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (texts.size() > 1 && !repeated) return UsageError("one value is expected");
    try {
        for (const std::string& text : texts) flag.add_result(text);
        if (!texts.empty()) flag.run_callback();
    } catch (const CLI::Error& error) {
        return UsageError("{}", error.what());
    }
    return absl::OkStatus();
}

}  // namespace

absl::Status ApplyConfig(CLI::App& command, const Document& document) {
    if (document.root.is_null()) return absl::OkStatus();
    if (!document.root.is_map())
        return UsageError("{}: the file is a map of flags and their values", document.path);
    for (const NodeEntry& entry : document.root.entries) {
        CLI::Option* flag = FindFlag(command, entry.key);
        if (flag == nullptr || entry.key == "help" || entry.key == "config") {
            const std::string nearest = NearestFlag(command, entry.key);
            return UsageError("{}: {} has no flag --{}{}", document.Where(entry.place),
                              CommandName(command), entry.key,
                              nearest.empty() ? "" : "; did you mean " + nearest + "?");
        }
        if (flag->count() > 0 || entry.value.is_null()) continue;
        HONE_RETURN_IF_ERROR(
            Annotate(Apply(*flag, entry.value), document.Where(entry.value.place)));
    }
    return absl::OkStatus();
}

}  // namespace hone
