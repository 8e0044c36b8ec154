#include <filesystem>
#include <memory>

#include "base/text/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "platform/platform.h"

namespace hone {
namespace {

struct AdminFlags {
    platform::PlatformOptions platform;
    std::string folder;  // of the backup
    LogFlags log;
};

absl::StatusOr<std::unique_ptr<platform::Platform>> Open(const AdminFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    if (flags.platform.data_dir.empty())
        return UsageError("--data-dir DIR is needed: the data folder of the server");
    std::error_code error;
    if (!std::filesystem::is_directory(flags.platform.data_dir, error))
        return UsageError("--data-dir {}: there is no such folder", flags.platform.data_dir);
    return platform::Platform::Open(flags.platform);
}

// Prints what was found, and fails where something is wrong.
absl::Status Tell(const platform::DataReport& report, std::string_view verb) {
    fmt::print("{} {} files ({}) and {} models\n", verb, FormatCount(report.files),
               FormatBytes(static_cast<uint64_t>(report.bytes)), FormatCount(report.models));
    for (const std::string& problem : report.problems) fmt::print("{}\n", problem);
    if (report.problems.empty()) return absl::OkStatus();
    return OtherError("not everything is there: {} problems, listed above",
                      FormatCount(static_cast<int64_t>(report.problems.size())));
}

absl::Status RunBackup(const AdminFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const auto platform, Open(flags));
    HONE_ASSIGN_OR_RETURN(const auto report, platform->admin().BackUp(flags.folder));
    return Tell(report, "copied");
}

absl::Status RunRestore(const AdminFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    if (flags.platform.data_dir.empty())
        return UsageError("--data-dir DIR is needed: the folder that is to be made");
    HONE_RETURN_IF_ERROR(platform::Admin::Restore(flags.folder, flags.platform.data_dir));
    HONE_ASSIGN_OR_RETURN(const auto platform, platform::Platform::Open(flags.platform));
    HONE_ASSIGN_OR_RETURN(const auto report, platform->admin().Check());
    return Tell(report, "restored");
}

absl::Status RunCheck(const AdminFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const auto platform, Open(flags));
    HONE_ASSIGN_OR_RETURN(const auto report, platform->admin().Check());
    return Tell(report, "checked");
}

}  // namespace

void AddAdmin(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* admin = AddCommand(root, "admin", "copies, puts back and checks a server's data");
    const auto add = [&](const char* name, const char* help, const char* folder,
                         absl::Status (*run)(const AdminFlags&)) {
        CLI::App* app = AddCommand(*admin, name, help);
        auto flags = std::make_shared<AdminFlags>();
        Flags adder(*app);
        if (folder != nullptr) adder.Positional("FOLDER", flags->folder, folder);
        adder.Text("--data-dir", flags->platform.data_dir, "the data folder of the server")
            .Text("--database", flags->platform.database, "as `hone serve` has it");
        flags->log.Add(adder);
        commands.push_back({app, [flags, run] { return run(*flags); }});
    };
    add("backup", "copies the data into a new folder, while the server goes on",
        "what is to be made", RunBackup);
    add("restore", "makes a data folder of a backup", "the backup", RunRestore);
    add("check", "reads everything, and lists what is lost or was changed", nullptr, RunCheck);
}

}  // namespace hone
