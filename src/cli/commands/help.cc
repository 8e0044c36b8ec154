#include <memory>

#include "cli/commands/commands.h"
#include "cli/flags/cli11.h"
#include "cli/flags/command_table.h"
#include "cli/flags/options_page.h"

namespace hone {

std::vector<std::string> HelpWords(std::vector<std::string> arguments) {
    if (arguments.empty() || arguments[0] != "help") return arguments;
    if (arguments.size() > 1 && arguments[1].starts_with('-')) return arguments;  // its own flags
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
    return arguments;
}

void AddHelp(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* help = AddCommand(root, "help", "shows what a command does: hone help finetune");
    auto man = std::make_shared<bool>(false);
    auto options = std::make_shared<bool>(false);
    Flags(*help)
        .Bool("--man", *man, "prints the manual page: hone help --man | man -l -")
        .Bool("--options", *options,
              "prints the options of a run as the tables in Markdown that docs/cli.md holds");
    commands.push_back({help, [&root, man, options]() -> absl::Status {
                            if (!*man && !*options)
                                return UsageError("hone help takes a command, --man or --options");
                            fmt::print("{}",
                                       *man ? ManPage(DescribeCommands(root)) : OptionsPage());
                            return absl::OkStatus();
                        }});

    CLI::App* completion = AddCommand(
        root, "completion", "prints what lets bash, zsh or fish complete commands and flags");
    auto shell = std::make_shared<std::string>();
    Flags(*completion).Positional("SHELL", *shell, "bash, zsh or fish");
    commands.push_back({completion, [&root, shell]() -> absl::Status {
                            if (*shell != "bash" && *shell != "zsh" && *shell != "fish")
                                return UsageError("\"{}\" is none of bash, zsh, fish", *shell);
                            fmt::print("{}", CompletionScript(DescribeCommands(root), *shell));
                            return absl::OkStatus();
                        }});
}

}  // namespace hone
