#include <memory>

#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "data/load/check.h"
#include "hub/hub.h"

namespace hone {
namespace {

struct CheckFlags {
    ModelFlags model;
    MachineFlags machine;
    DataFlags data_flags;
    DataOptions data;
    std::string file;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        flags.Positional("FILE", file, "a file, a folder or a data set of the Hub");
        model.Add(flags);
        flags.Group("Data").List("--data_files", data.data_files,
                                 "the files, where FILE is json, csv, parquet or text");
        data_flags.AddSplits(flags, data);
        data_flags.AddRows(flags, data);
        flags.Group("Output").Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

absl::Status RunCheck(CheckFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    flags.data.data_name = flags.file;
    flags.data.row_kind.reset();  // whatever they are, they are checked
    HONE_RETURN_IF_ERROR(flags.data_flags.Resolve(flags.data));
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    HONE_ASSIGN_OR_RETURN(const OpenedModel opened, FetchAndOpen(std::move(chosen)));
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    flags.data.cache_folder = hub.TemporaryFolder();
    HONE_ASSIGN_OR_RETURN(DataCheck check, CheckData(flags.data, opened.encoder, context));
    std::string text = flags.json ? JsonText(check.ToJson()) : check.ToText();
    if (!text.ends_with('\n')) text += '\n';
    fmt::print("{}", text);
    if (check.ok()) return absl::OkStatus();
    if (check.bad_row_count > 0) {
        return DataError("{} of {} rows of {} cannot be used, as listed above", check.bad_row_count,
                         check.rows, flags.file);
    }
    return DataError("no row of {} has a token with loss: there is nothing to learn", flags.file);
}

}  // namespace

void AddData(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* data = AddCommand(root, "data", "checks data files");
    CLI::App* app = AddCommand(
        *data, "check", "reports rows, tokens, bad rows and everything else before training");
    auto flags = std::make_shared<CheckFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunCheck(*flags); }});
}

}  // namespace hone
