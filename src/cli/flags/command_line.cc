#include <absl/strings/ascii.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/text/nearest_word.h"
#include "base/text/text_value.h"
#include "cli/flags/cli11.h"
#include "cli/flags/flags.h"
#include "cli/flags/refused.h"
#include "workflow/foreign_names.h"

namespace hone {
namespace {

// "--Learning-rate" means "learning_rate".
std::string Canonical(std::string_view flag) {
    flag.remove_prefix(std::min(flag.find_first_not_of('-'), flag.size()));
    std::string text = absl::AsciiStrToLower(std::string(flag));
    std::replace(text.begin(), text.end(), '-', '_');
    return text;
}

// The value of the flag at `next`[-1] where none was joined with "=": the next word, or what a
// boolean or optional flag means alone. Moves `next` past what it took.
absl::StatusOr<std::string> SeparateValue(const CLI::Option* option,
                                          const std::vector<std::string>& words, size_t& next) {
    const bool more = next < words.size();
    if (option->get_type_name() == kBoolType) {
        return more && ReadBool(words[next]).has_value() ? words[next++] : "true";
    }
    if (option->get_type_name().starts_with('[')) {
        return more && !words[next].starts_with('-') ? words[next++] : "true";
    }
    if (!more) return UsageError("{} needs a value", words[next - 1]);
    return words[next++];
}

// The commands below `app`, at any depth, that have the flag.
void FindOwners(const CLI::App& app, const std::string& flag, std::vector<std::string>& owners) {
    for (const CLI::App* command : CommandsOf(app)) {
        if (command->get_option_no_throw(flag) != nullptr)
            owners.push_back("`" + CommandName(*command) + "`");
        FindOwners(*command, flag, owners);
    }
}

size_t PositionalsOf(const CLI::App& app) {
    const std::vector<const CLI::Option*> options = app.get_options();
    return static_cast<size_t>(
        std::count_if(options.begin(), options.end(),
                      [](const CLI::Option* option) { return option->get_positional(); }));
}

// The switch that "--no_x" turns off, as other tools spell "--x false"; null: there is none.
const CLI::Option* NegatedSwitch(const CLI::App& app, const std::string& name) {
    const std::string wanted = Canonical(name);
    if (!wanted.starts_with("no_")) return nullptr;
    const CLI::Option* option = app.get_option_no_throw("--" + wanted.substr(3));
    return option != nullptr && option->get_type_name() == kBoolType ? option : nullptr;
}

absl::Status UnknownFlag(const CLI::App& root, const CLI::App& app, const std::string& name) {
    const std::string wanted = Canonical(name);
    const std::string command = CommandName(app);
    const std::string_view reason = ForeignReason(wanted, [&app](const std::string& option) {
        return app.get_option_no_throw("--" + option) != nullptr;
    });
    if (!reason.empty() && name[1] == '-') return UsageError("{} {}", name, reason);
    const std::string nearest = NearestFlag(app, name);
    if (!nearest.empty())
        return UsageError("{} has no flag {}; did you mean {}?", command, name, nearest);
    std::vector<std::string> owners;
    FindOwners(root, "--" + wanted, owners);
    if (!owners.empty() && owners.size() <= 3)
        return UsageError("{} has no flag {}; it belongs to {}", command, name,
                          fmt::join(owners, ", "));
    return UsageError("{} has no flag {}; `{} --help` lists them", command, name, command);
}

std::vector<std::string> SubcommandNames(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* sub : CommandsOf(app)) names.push_back(sub->get_name());
    return names;
}

absl::Status UnknownCommand(const CLI::App& app, const std::string& name) {
    const std::string parent = CommandName(app);
    const std::string lower = absl::AsciiStrToLower(name);
    for (const RefusedCommand& command : RefusedCommands()) {
        if (command.parent == parent && NamesWord(command.names, lower))
            return UsageError("{} has no command {}: {}", parent, name, command.reason);
    }
    const std::vector<std::string> names = SubcommandNames(app);
    const std::string nearest = NearestWord(lower, names);
    if (!nearest.empty())
        return UsageError("{} has no command {}; did you mean {}?", parent, name, nearest);
    return UsageError("{} has no command {}; it has {}", parent, name, fmt::join(names, ", "));
}

// A word that is neither a flag nor the value of one, after the flag `previous` with its value.
absl::Status StrayWord(const CLI::App& app, const std::string& word, const CLI::Option* previous,
                       const std::string& value) {
    if (previous == nullptr)
        return UsageError("{} takes no word \"{}\"; `{} --help` lists what it takes",
                          CommandName(app), word, CommandName(app));
    const std::string flag = "--" + previous->get_lnames().front();
    const std::string& type = previous->get_type_name();
    if (type == kBoolType) return UsageError("{}: \"{}\" is neither true nor false", flag, word);
    if (type == kListType)
        return UsageError("{} {} {}: entries are separated by commas, {} {},{}", flag, value, word,
                          flag, value, word);
    return UsageError(
        "{} takes one value and got \"{}\" and \"{}\"; a value with spaces goes in quotes", flag,
        value, word);
}

}  // namespace

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
    // Without a filter it would only give those that were parsed.
    return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string CommandName(const CLI::App& app) {
    return app.get_parent() ? CommandName(*app.get_parent()) + " " + app.get_name()
                            : app.get_name();
}

std::string NearestFlag(const CLI::App& command, std::string_view name) {
    const std::string wanted = Canonical(name);
    const auto negative = [](std::string_view flag) { return flag.starts_with("no_"); };
    std::vector<std::string> candidates;
    std::map<std::string, std::string> flags;  // by their candidate
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& long_name : option->get_lnames()) {
            const std::string candidate = Canonical(long_name);
            if (negative(candidate) != negative(wanted)) continue;
            candidates.push_back(candidate);
            flags[candidate] = "--" + long_name;
        }
    }
    const std::string nearest = NearestWord(wanted, candidates);
    return nearest.empty() ? "" : flags.at(nearest);
}

absl::StatusOr<std::vector<std::string>> NormalizeArguments(
    const CLI::App& root, const std::vector<std::string>& arguments) {
    std::vector<std::string> normal;
    const CLI::App* app = &root;
    const CLI::Option* previous = nullptr;
    size_t positionals = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word.size() < 2 || word[0] != '-') {
            const std::vector<const CLI::App*> commands = CommandsOf(*app);
            if (!commands.empty()) {
                const auto named =
                    std::find_if(commands.begin(), commands.end(),
                                 [&](const CLI::App* sub) { return sub->get_name() == word; });
                if (named == commands.end()) return UnknownCommand(*app, word);
                app = *named;
            } else if (positionals++ == PositionalsOf(*app)) {
                return StrayWord(*app, word, previous, normal.back());
            }
            normal.push_back(word);
            continue;
        }
        const size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const CLI::Option* option = app->get_option_no_throw(name);
        if (option == nullptr) {
            const CLI::Option* negated = NegatedSwitch(*app, name);
            if (negated == nullptr || equals != std::string::npos)
                return UnknownFlag(root, *app, name);
            normal.push_back("--" + negated->get_lnames().front());
            normal.push_back("false");
            continue;
        }
        if (option->get_items_expected_max() == 0) {  // --help, --version
            if (equals != std::string::npos) return UsageError("{} takes no value", name);
            normal.push_back(name);
            continue;
        }
        previous = option;
        normal.push_back(name);
        if (equals != std::string::npos) {
            normal.push_back(word.substr(equals + 1));
            continue;
        }
        size_t next = i + 1;
        HONE_ASSIGN_OR_RETURN(std::string value, SeparateValue(option, arguments, next));
        normal.push_back(std::move(value));
        i = next - 1;
    }
    const std::vector<std::string> missing = SubcommandNames(*app);
    const bool asks_for_help = !normal.empty() && normal.back().starts_with('-');
    if (app != &root && !missing.empty() && !asks_for_help) {
        return UsageError("{} needs a command: {}", CommandName(*app), fmt::join(missing, ", "));
    }
    return normal;
}

absl::Status ParseArguments(CLI::App& root, const std::vector<std::string>& arguments,
                            std::string* help) {
    HONE_ASSIGN_OR_RETURN(std::vector<std::string> normal, NormalizeArguments(root, arguments));
    std::reverse(normal.begin(), normal.end());  // as CLI11 wants them
    try {
        root.parse(std::move(normal));
    } catch (const CLI::CallForHelp&) {
        *help = root.help();
    } catch (const CLI::CallForVersion& version) {
        *help = version.what();
    } catch (const CLI::ParseError& error) {
        return UsageError("{}", error.what());
    }
    return absl::OkStatus();
}

}  // namespace hone
