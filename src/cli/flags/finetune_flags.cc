#include "cli/flags/finetune_flags.h"

#include "cli/terminal/loading.h"
#include "workflow/flat_config.h"

namespace hone {

void FinetuneFlags::Add(CLI::App& app) {
    Flags flags(app);
    for (const OptionRow& row : OptionTable()) {
        if (row.of_command && purpose_ == Purpose::kEstimate) continue;
        flags.Option(row, [this, name = row.name](const std::string& text) {
            given_.Set(name, text);
            return "";
        });
    }
    log_.Add(flags);
    flags.Group("Configuration")
        .Text("--config", config_,
              "a .yaml or .json file with options by their names without dashes, such as the "
              "config.json of a run; flags win over it");
}

absl::StatusOr<GivenOptions> FinetuneFlags::Given() const {
    if (config_.empty()) return given_;
    HONE_ASSIGN_OR_RETURN(GivenOptions given, ReadFlatConfig(config_));
    given.Override(given_);
    return given;
}

absl::StatusOr<ResolvedOptions> FinetuneFlags::Resolve(const GivenOptions& given,
                                                       const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(ResolvedOptions resolved, ResolveOptions(given, folder));
    resolved.options.data.fetch_hub = FetchDataset;
    return resolved;
}

}  // namespace hone
