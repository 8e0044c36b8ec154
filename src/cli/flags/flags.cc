#include "cli/flags/flags.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

#include "cli/terminal/layout.h"

namespace hone {
namespace {

constexpr char kBoolType[] = "BOOL";

// get_subcommands without a filter would only give those that were parsed.
bool AnyCommand(const CLI::App*) { return true; }

std::string Lower(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return lower;
}

// std::nullopt when the text is no truth value.
std::optional<bool> ReadBool(std::string_view text) {
    const std::string lower = Lower(text);
    if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
    if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
    return std::nullopt;
}

template <typename T>
std::string ReadInteger(const std::string& text, T& target) {
    T value{};
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is out of range", text);
    if (error != std::errc() || stop != end)
        return fmt::format("\"{}\" is not a whole number", text);
    target = value;
    return "";
}

template <typename T>
std::string ReadNumber(const std::string& text, T& target) {
    double value = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is out of range", text);
    if (error != std::errc() || stop != end || !std::isfinite(value)) {
        return fmt::format("\"{}\" is not a number", text);
    }
    target = static_cast<T>(value);
    return "";
}

template <typename T>
std::string ShowOptional(const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : "";
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

}  // namespace

Flags& Flags::Group(std::string name) {
    group_ = std::move(name);
    return *this;
}

CLI::Option* Flags::Add(const std::string& names, std::string type, std::string shown_default,
                        const std::string& help,
                        std::function<std::string(const std::string&)> read) {
    CLI::Option* option = app_.add_option(
        names,
        [read = std::move(read), names](const CLI::results_t& values) {
            for (const std::string& value : values) {
                std::string problem = read(value);
                if (!problem.empty())
                    throw CLI::ValidationError(names.substr(names.rfind(',') + 1), problem);
            }
            return true;
        },
        help);
    option->type_name(std::move(type))->default_str(std::move(shown_default))->group(group_);
    option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    return option;
}

Flags& Flags::Text(const std::string& names, std::string& target, const std::string& help) {
    Add(names, "TEXT", target, help, [&target](const std::string& value) {
        target = value;
        return "";
    });
    return *this;
}

Flags& Flags::Integer(const std::string& names, int64_t& target, const std::string& help) {
    Add(names, "INT", fmt::format("{}", target), help,
        [&target](const std::string& value) { return ReadInteger(value, target); });
    return *this;
}

Flags& Flags::Integer(const std::string& names, int& target, const std::string& help) {
    Add(names, "INT", fmt::format("{}", target), help,
        [&target](const std::string& value) { return ReadInteger(value, target); });
    return *this;
}

Flags& Flags::Integer(const std::string& names, std::optional<int64_t>& target,
                      const std::string& help) {
    Add(names, "INT", ShowOptional(target), help,
        [&target](const std::string& value) { return ReadInteger(value, target.emplace()); });
    return *this;
}

Flags& Flags::Unsigned(const std::string& names, uint64_t& target, const std::string& help) {
    Add(names, "INT", fmt::format("{}", target), help,
        [&target](const std::string& value) { return ReadInteger(value, target); });
    return *this;
}

Flags& Flags::Number(const std::string& names, double& target, const std::string& help) {
    Add(names, "NUMBER", fmt::format("{}", target), help,
        [&target](const std::string& value) { return ReadNumber(value, target); });
    return *this;
}

Flags& Flags::Number(const std::string& names, float& target, const std::string& help) {
    Add(names, "NUMBER", fmt::format("{}", target), help,
        [&target](const std::string& value) { return ReadNumber(value, target); });
    return *this;
}

Flags& Flags::Number(const std::string& names, std::optional<double>& target,
                     const std::string& help) {
    Add(names, "NUMBER", ShowOptional(target), help,
        [&target](const std::string& value) { return ReadNumber(value, target.emplace()); });
    return *this;
}

Flags& Flags::Number(const std::string& names, std::optional<float>& target,
                     const std::string& help) {
    Add(names, "NUMBER", ShowOptional(target), help,
        [&target](const std::string& value) { return ReadNumber(value, target.emplace()); });
    return *this;
}

void Flags::AddBool(const std::string& names, std::string shown_default, const std::string& help,
                    std::function<void(bool)> set) {
    CLI::Option* option = Add(names, kBoolType, std::move(shown_default), help,
                              [set](const std::string& value) -> std::string {
                                  const auto truth = ReadBool(value);
                                  if (!truth)
                                      return fmt::format("\"{}\" is neither true nor false", value);
                                  set(*truth);
                                  return "";
                              });
    // NormalizeArguments gives every boolean its value.
    option->option_text("[true|false]");
}

Flags& Flags::Bool(const std::string& names, bool& target, const std::string& help) {
    AddBool(names, target ? "true" : "false", help, [&target](bool value) { target = value; });
    return *this;
}

Flags& Flags::Bool(const std::string& names, std::optional<bool>& target, const std::string& help) {
    AddBool(names, target ? (*target ? "true" : "false") : "", help,
            [&target](bool value) { target = value; });
    return *this;
}

Flags& Flags::Optional(const std::string& names, std::string& target, const std::string& type,
                       const std::string& help) {
    Add(names, "[" + type + "]", target, help, [&target](const std::string& value) {
        target = value;
        return "";
    });
    return *this;
}

Flags& Flags::Choice(const std::string& names, std::string& target,
                     const std::vector<std::string>& choices, const std::string& help) {
    Add(names, fmt::format("{}", fmt::join(choices, "|")), target, help,
        [&target, choices](const std::string& value) -> std::string {
            const std::string lower = Lower(value);
            if (std::find(choices.begin(), choices.end(), lower) == choices.end()) {
                return fmt::format("\"{}\" is none of {}", value, fmt::join(choices, ", "));
            }
            target = lower;
            return "";
        });
    return *this;
}

std::vector<std::string> SplitList(const std::string& text) {
    std::vector<std::string> entries;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const size_t first = text.find_first_not_of(" \t", begin);
        if (first < end) {
            const size_t last = text.find_last_not_of(" \t", end - 1);
            entries.push_back(text.substr(first, last - first + 1));
        }
        begin = end + 1;
    }
    return entries;
}

Flags& Flags::List(const std::string& names, std::vector<std::string>& target,
                   const std::string& help) {
    Add(names, "A,B,...", fmt::format("{}", fmt::join(target, ",")), help,
        [&target](const std::string& value) -> std::string {
            target = SplitList(value);
            return "";
        });
    return *this;
}

Flags& Flags::Repeated(const std::string& names, std::vector<std::string>& target,
                       const std::string& help) {
    Add(names, "TEXT", "", help + " (may be repeated)", [&target](const std::string& value) {
        target.push_back(value);
        return "";
    })->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return *this;
}

Flags& Flags::Custom(const std::string& names, const std::string& type,
                     const std::string& shown_default,
                     std::function<std::string(const std::string&)> read, const std::string& help) {
    Add(names, type, shown_default, help, std::move(read));
    return *this;
}

Flags& Flags::Positional(const std::string& name, std::string& target, const std::string& help) {
    Add(name, "", "", help, [&target](const std::string& value) {
        target = value;
        return "";
    })->required();
    return *this;
}

int EditDistance(std::string_view a, std::string_view b) {
    std::vector<std::vector<int>> distance(a.size() + 1, std::vector<int>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) distance[i][0] = static_cast<int>(i);
    std::iota(distance[0].begin(), distance[0].end(), 0);
    for (size_t i = 1; i <= a.size(); ++i) {
        for (size_t j = 1; j <= b.size(); ++j) {
            distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1,
                                       distance[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
            }
        }
    }
    return distance[a.size()][b.size()];
}

std::string NearestFlag(const CLI::App& command, std::string_view name) {
    // "--learning-rate" means "--learning_rate".
    const auto canonical = [](std::string_view flag) {
        flag.remove_prefix(std::min(flag.find_first_not_of('-'), flag.size()));
        std::string text = Lower(flag);
        std::replace(text.begin(), text.end(), '-', '_');
        return text;
    };
    const std::string wanted = canonical(name);
    std::string nearest;
    int least = std::max(2, static_cast<int>(wanted.size()) / 3) + 1;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& long_name : option->get_lnames()) {
            const std::string candidate = canonical(long_name);
            int distance = EditDistance(wanted, candidate);
            // "--batch_size" is a part of "--per_device_train_batch_size", "--model" the beginning
            // of one.
            if (wanted.size() >= 4 && candidate.find(wanted) != std::string::npos)
                distance = std::min(distance, 2);
            if (distance < least) {
                least = distance;
                nearest = "--" + long_name;
            }
        }
    }
    return nearest;
}

namespace {

std::string CommandName(const CLI::App& app) {
    return app.get_parent() ? CommandName(*app.get_parent()) + " " + app.get_name()
                            : app.get_name();
}

absl::Status UnknownFlag(const CLI::App& app, const std::string& name,
                         std::span<const RefusedFlag> refused) {
    for (const RefusedFlag& flag : refused) {
        if (flag.name == name) return UsageError("{} {}", name, flag.reason);
    }
    const std::string nearest = NearestFlag(app, name);
    const std::string command = CommandName(app);
    if (nearest.empty())
        return UsageError("{} has no flag {}; `{} --help` lists them", command, name, command);
    return UsageError("{} has no flag {}; did you mean {}?", command, name, nearest);
}

std::vector<std::string> SubcommandNames(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands(AnyCommand)) names.push_back(sub->get_name());
    return names;
}

absl::Status UnknownCommand(const CLI::App& app, const std::string& name) {
    const std::vector<std::string> names = SubcommandNames(app);
    std::string nearest;
    int least = 4;
    for (const std::string& candidate : names) {
        const int distance = EditDistance(name, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    if (!nearest.empty()) {
        return UsageError("{} has no command {}; did you mean {}?", CommandName(app), name,
                          nearest);
    }
    return UsageError("{} has no command {}; it has {}", CommandName(app), name,
                      fmt::join(names, ", "));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> NormalizeArguments(
    const CLI::App& root, const std::vector<std::string>& arguments,
    const std::function<std::span<const RefusedFlag>(const CLI::App&)>& refused) {
    std::vector<std::string> normal;
    const CLI::App* app = &root;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word.size() < 2 || word[0] != '-') {
            if (!app->get_subcommands(AnyCommand).empty()) {
                const auto named = app->get_subcommands(
                    [&](const CLI::App* sub) { return sub->get_name() == word; });
                if (named.empty()) return UnknownCommand(*app, word);
                app = named.front();
            }
            normal.push_back(word);
            continue;
        }
        const size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const CLI::Option* option = app->get_option_no_throw(name);
        if (option == nullptr) return UnknownFlag(*app, name, refused(*app));
        if (option->get_items_expected_max() == 0) {  // --help, --version
            if (equals != std::string::npos) return UsageError("{} takes no value", name);
            normal.push_back(name);
            continue;
        }
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

absl::Status ParseArguments(
    CLI::App& root, const std::vector<std::string>& arguments,
    const std::function<std::span<const RefusedFlag>(const CLI::App&)>& refused,
    std::string* help) {
    HONE_ASSIGN_OR_RETURN(std::vector<std::string> normal,
                          NormalizeArguments(root, arguments, refused));
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

std::string HelpFormatter::Entry(const std::string& name, const std::string& description) const {
    constexpr int kIndent = 6;
    std::string text = "  " + name + "\n";
    for (const std::string& line : WrapText(description, std::max(20, width_ - kIndent))) {
        text += std::string(kIndent, ' ') + line + "\n";
    }
    return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
    std::string name = make_option_name(option, is_positional);
    if (!is_positional && !option->get_option_text().empty()) {
        name += " " + option->get_option_text();
    } else if (!is_positional && !option->get_type_name().empty() &&
               option->get_items_expected_max() > 0) {
        name += " " + option->get_type_name();
    }
    std::string description = option->get_description();
    if (!option->get_default_str().empty())
        description += fmt::format(" [{}]", option->get_default_str());
    return Entry(name, description);
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
    return fmt::format("  {:<10} {}\n", sub->get_name(), sub->get_description());
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    (void)name;
    std::string usage = "Usage: " + CommandName(*app);
    if (!app->get_subcommands(AnyCommand).empty()) usage += " COMMAND";
    for (const CLI::Option* option : app->get_options()) {
        if (option->get_positional()) usage += " " + option->get_name(true);
    }
    return usage + " [FLAGS]\n";
}

}  // namespace hone
