#include "cli/flags/command_table.h"

#include <algorithm>

#include "cli/flags/cli11.h"

namespace hone {
namespace {

// "a|b|c" as its parts; anything else has none.
std::vector<std::string> ChoicesOf(const std::string& type) {
    std::vector<std::string> choices;
    if (type.find('|') == std::string::npos || type.find('.') != std::string::npos) return choices;
    for (size_t begin = 0; begin <= type.size();) {
        const size_t end = std::min(type.find('|', begin), type.size());
        choices.push_back(type.substr(begin, end - begin));
        begin = end + 1;
    }
    // "DIR|true" stands for more than it names.
    for (const std::string& choice : choices)
        if (choice.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) return {};
    return choices;
}

FlagInfo Describe(const CLI::Option& option) {
    FlagInfo flag;
    for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
    flag.group = option.get_group();
    flag.help = option.get_description();
    flag.shown_default = option.get_default_str();
    if (option.get_items_expected_max() == 0) return flag;
    flag.type = option.get_type_name();
    if (flag.type == kBoolType) flag.type = "[true|false]";
    flag.optional_value = flag.type.starts_with('[');
    if (flag.optional_value) flag.type = flag.type.substr(1, flag.type.size() - 2);
    flag.choices = ChoicesOf(flag.type);
    return flag;
}

void Append(const CLI::App& app, const std::string& path, std::vector<CommandInfo>& commands) {
    CommandInfo command;
    command.path = path;
    command.description = app.get_description();
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional())
            command.words.push_back(option->get_name(true));
        else
            command.flags.push_back(Describe(*option));
    }
    const std::vector<const CLI::App*> below = CommandsOf(app);
    for (const CLI::App* sub : below) command.commands.push_back(sub->get_name());
    commands.push_back(std::move(command));
    for (const CLI::App* sub : below)
        Append(*sub, path + (path.empty() ? "" : " ") + sub->get_name(), commands);
}

}  // namespace

std::vector<CommandInfo> DescribeCommands(const CLI::App& root) {
    std::vector<CommandInfo> commands;
    Append(root, "", commands);
    return commands;
}

}  // namespace hone
