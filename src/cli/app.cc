#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "base/error_report.h"
#include "base/log.h"
#include "cli/commands/commands.h"
#include "cli/flags/cli11.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/signals.h"
#include "cli/version.h"
#include "kernels/dispatch/dispatch.h"

namespace hone {
namespace {

int Fail(const absl::Status& status) {
    // One line, but for a list of rows. fmt::print throws where nobody reads any more.
    std::fputs(fmt::format("error: {}\n", Printable(std::string(status.message()))).c_str(),
               stderr);
    const bool stopped = KindOf(status) == ErrorKind::kInterrupted && StopExitCode() != 0;
    return stopped ? StopExitCode() : ExitCode(status);
}

absl::Status Dispatch(const std::vector<std::string>& arguments) {
    CLI::App root("fine-tunes small language models on the machine you own", "hone");
    root.set_help_flag("-h,--help", "shows this text");
    root.formatter(std::make_shared<HelpFormatter>(DetectTerminal().width));
    root.add_flag_callback(
        "-V,--version", [] { throw CLI::CallForVersion(VersionText(), 0); },
        "prints the version, how it was compiled, and what this CPU has");
    bool explain_kernels = false;
    root.add_flag(
        "--explain-kernels", explain_kernels,
        "prints which implementation each operation uses on this machine, and why others do not");
    std::vector<Command> commands;
    AddCommands(root, commands);
    root.footer(
        "`hone help COMMAND` (or `hone COMMAND --help`) lists the flags of a command, with their "
        "defaults.\n`hone finetune --data_name FILE` is where most people start.");

    std::string text;
    HONE_RETURN_IF_ERROR(ParseArguments(root, HelpWords(arguments), &text));
    if (text.empty()) HONE_RETURN_IF_ERROR(CheckSimdLevel());
    if (text.empty() && explain_kernels) text = ExplainKernels();
    if (text.empty() && arguments.empty()) text = root.help();
    if (!text.empty()) {
        fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
        return absl::OkStatus();
    }
    HONE_RETURN_IF_ERROR(CheckKernelOverride());
    for (const Command& command : commands) {
        if (command.app->parsed()) return command.run();
    }
    return UsageError("no command; `hone --help` lists them");
}

}  // namespace

void AddCommands(CLI::App& root, std::vector<Command>& commands) {
    AddFinetune(root, commands);
    AddRun(root, commands);
    AddEstimate(root, commands);
    AddEvaluate(root, commands);
    AddClassify(root, commands);
    AddEmbed(root, commands);
    AddGenerate(root, commands);
    AddChat(root, commands);
    AddCompare(root, commands);
    AddMerge(root, commands);
    AddAdapters(root, commands);
    AddModels(root, commands);
    AddData(root, commands);
    AddServe(root, commands);
    AddKeys(root, commands);
    AddAdmin(root, commands);
    AddBench(root, commands);
    AddWorker(root, commands);
    AddServeModel(root, commands);
    AddHelp(root, commands);
}

int RunHone(const std::vector<std::string>& arguments) {
    try {
        // Before anything can log: standard output is for results.
        InitLogging(kDefaultLogLevel);
        absl::Status status = Dispatch(arguments);
        if (std::fflush(stdout) != 0 && status.ok()) {
            if (errno == EPIPE) return 128 + SIGPIPE;
            status = OtherError("cannot write to the standard output");
        }
        return status.ok() ? 0 : Fail(status);
    } catch (const std::system_error& error) {
        // As the signal would end it that is ignored here: quietly, for `hone ... | head`.
        if (error.code() == std::errc::broken_pipe) return 128 + SIGPIPE;
        return Fail(StatusOfException());
    } catch (const std::exception&) {
        return Fail(StatusOfException());
    }
}

}  // namespace hone
