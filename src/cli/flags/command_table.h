// The commands and their flags as data: what the man page and the shells' completion are made of.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace hone {

struct FlagInfo {
    std::vector<std::string> names;  // "-m", "--model_name_or_path"
    std::string type;                // "TEXT", "INT", ...; empty: takes no value
    bool optional_value = false;     // may stand alone
    std::vector<std::string> choices;
    std::string group, help, shown_default;
};

struct CommandInfo {
    std::string path;  // "models pull"; "" is the program itself
    std::string description;
    std::vector<std::string> words;     // names of what it takes without a flag: "NAME"
    std::vector<std::string> commands;  // names of the commands right below
    std::vector<FlagInfo> flags;
};

// The program, then each of its commands before those below it.
std::vector<CommandInfo> DescribeCommands(const CLI::App& root);

// The manual in troff's man macros (man 7 man), and a script for "bash", "zsh" or "fish".
std::string ManPage(const std::vector<CommandInfo>& commands);
std::string CompletionScript(const std::vector<CommandInfo>& commands, const std::string& shell);

}  // namespace hone
