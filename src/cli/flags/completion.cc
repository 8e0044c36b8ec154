#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/flags/command_table.h"

namespace hone {
namespace {

// A loop of the shells that know `case`: `command` becomes the commands that stand on the line.
constexpr char kFindCommand[] = R"(
        [[ $word == -* ]] && break
        case "$command $word" in
            {}) command="${{command:+$command }}$word" ;;
            *) break ;;
        esac)";

// "' finetune' | ' models' | 'models pull'": what may follow the commands so far.
std::string CommandPatterns(const std::vector<CommandInfo>& commands) {
    std::vector<std::string> patterns;
    for (const CommandInfo& command : commands)
        for (const std::string& name : command.commands)
            patterns.push_back(fmt::format("'{} {}'", command.path, name));
    return fmt::format("{}", fmt::join(patterns, " | "));
}

// In single quotes.
std::string Quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string BashScript(const std::vector<CommandInfo>& commands) {
    std::string values, below, flags;
    for (const CommandInfo& command : commands) {
        std::vector<std::string> names;
        for (const FlagInfo& flag : command.flags) {
            names.insert(names.end(), flag.names.begin(), flag.names.end());
            if (flag.choices.empty() || flag.optional_value) continue;
            for (const std::string& name : flag.names)
                values += fmt::format("        {}) words={} ;;\n",
                                      Quoted(command.path + ":" + name),
                                      Quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
        }
        flags += fmt::format("        {}:-*) words={} ;;\n", Quoted(command.path),
                             Quoted(fmt::format("{}", fmt::join(names, " "))));
        if (!command.commands.empty())
            below += fmt::format("        {}:*) words={} ;;\n", Quoted(command.path),
                                 Quoted(fmt::format("{}", fmt::join(command.commands, " "))));
    }
    return fmt::format(
        R"sh(# bash completion for hone: in ~/.bashrc, eval "$(hone completion bash)"
_hone() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command="" word words="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}{}
    done
    case "$command:$previous" in  # the values of a flag
{}    esac
    # Flags, else commands; where there is nothing to offer, bash offers files.
    [[ -n $words ]] || case "$command:$current" in
{}{}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _hone hone
)sh",
        fmt::format(kFindCommand, CommandPatterns(commands)), values, flags, below);
}

// A description within brackets of zsh's _arguments, or after a colon of _describe.
std::string ZshText(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string ZshScript(const std::vector<CommandInfo>& commands) {
    std::string cases;
    for (const CommandInfo& command : commands) {
        cases += fmt::format("        {})\n", Quoted(command.path));
        if (!command.commands.empty()) {
            cases += "            items=(";
            for (const std::string& name : command.commands) {
                const std::string path = command.path.empty() ? name : command.path + " " + name;
                for (const CommandInfo& other : commands)
                    if (other.path == path)
                        cases += " " + Quoted(name + ":" + ZshText(other.description));
            }
            cases += ")\n            _describe command items ;;\n";
            continue;
        }
        cases += "            _arguments -S";
        for (const FlagInfo& flag : command.flags) {
            std::string value;
            if (!flag.type.empty()) {
                value = flag.optional_value ? "::value:" : ":value:";
                value += flag.choices.empty()
                             ? "_files"
                             : fmt::format("({})", fmt::join(flag.choices, " "));
            }
            for (const std::string& name : flag.names)
                cases += " \\\n                " +
                         Quoted(fmt::format("{}[{}]{}", name, ZshText(flag.help), value));
        }
        cases += " \\\n                '*:file:_files' ;;\n";
    }
    return fmt::format(
        R"sh(#compdef hone
# zsh completion for hone: hone completion zsh > a folder of $fpath/_hone
_hone() {{
    local command="" word
    local -a items
    integer i
    for ((i = 2; i < CURRENT; i++)); do
        word=${{words[i]}}{}
    done
    # What follows the command is a command line of its own.
    words=("${{(@)words[i-1,-1]}}")
    ((CURRENT -= i - 2))
    case $command in
{}    esac
}}
if [[ $funcstack[1] == _hone ]]; then _hone "$@"; else compdef _hone hone; fi
)sh",
        fmt::format(kFindCommand, CommandPatterns(commands)), cases);
}

std::string FishScript(const std::vector<CommandInfo>& commands) {
    std::string text = R"sh(# fish completion for hone: hone completion fish | source
function __hone_in --description 'the command line begins with these commands'
    set -l words (commandline -opc)[2..-1]
    set -l count (count $argv)
    test (count $words) -ge $count; and test "$words[1..$count]" = "$argv"
end
function __hone_at --description 'the command line holds these commands alone'
    set -l words (commandline -opc)[2..-1]
    test "$words" = "$argv"
end
)sh";
    for (const CommandInfo& command : commands) {
        for (const std::string& name : command.commands) {
            const std::string path = command.path.empty() ? name : command.path + " " + name;
            for (const CommandInfo& other : commands)
                if (other.path == path)
                    text += fmt::format("complete -c hone -n {} -f -a {} -d {}\n",
                                        Quoted("__hone_at " + command.path), name,
                                        Quoted(other.description));
        }
        const std::string where =
            Quoted((command.path.empty() ? "__hone_at" : "__hone_in ") + command.path);
        for (const FlagInfo& flag : command.flags) {
            text += "complete -c hone -n " + where;
            for (const std::string& name : flag.names)
                text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (!flag.type.empty() && !flag.optional_value)
                text += flag.choices.empty() ? " -r" : " -x";
            if (!flag.choices.empty())
                text += " -a " + Quoted(fmt::format("{}", fmt::join(flag.choices, " ")));
            text += " -d " + Quoted(flag.help) + "\n";
        }
    }
    return text;
}

}  // namespace

std::string CompletionScript(const std::vector<CommandInfo>& commands, const std::string& shell) {
    if (shell == "zsh") return ZshScript(commands);
    if (shell == "fish") return FishScript(commands);
    return BashScript(commands);
}

}  // namespace hone
