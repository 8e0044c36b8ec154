#include "cli/flags/flags.h"

#include <absl/strings/ascii.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text/text_value.h"
#include "cli/flags/cli11.h"

namespace hone {
namespace {

std::string ReadFloat(const std::string& text, float& target) {
    double value = 0;
    std::string problem = ReadNumber(text, value);
    if (problem.empty()) target = static_cast<float>(value);
    return problem;
}

template <typename T>
std::string ShowOptional(const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : "";
}

}  // namespace

CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& description) {
    return parent.add_subcommand(name, description);
}

bool WasGiven(const CLI::App& command, const std::string& flag) {
    return command.get_option(flag)->count() > 0;
}

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

Flags& Flags::Number(const std::string& names, std::optional<float>& target,
                     const std::string& help) {
    Add(names, "NUMBER", ShowOptional(target), help,
        [&target](const std::string& value) { return ReadFloat(value, target.emplace()); });
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

Flags& Flags::Choice(const std::string& names, std::string& target,
                     const std::vector<std::string>& choices, const std::string& help) {
    Add(names, fmt::format("{}", fmt::join(choices, "|")), target, help,
        [&target, choices](const std::string& value) -> std::string {
            const std::string lower = absl::AsciiStrToLower(value);
            if (std::find(choices.begin(), choices.end(), lower) == choices.end()) {
                return fmt::format("\"{}\" is none of {}", value, fmt::join(choices, ", "));
            }
            target = lower;
            return "";
        });
    return *this;
}

Flags& Flags::List(const std::string& names, std::vector<std::string>& target,
                   const std::string& help) {
    Add(names, kListType, fmt::format("{}", fmt::join(target, ",")), help,
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

Flags& Flags::Option(const OptionRow& option, std::function<std::string(const std::string&)> read) {
    Group(std::string(option.group));
    std::string names = "--" + std::string(option.name);
    if (!option.short_name.empty()) names = fmt::format("-{},{}", option.short_name, names);
    std::string type = ValueName(option);
    if (option.may_stand_alone) type = "[" + type + "]";
    if (IsSwitch(option)) type = kBoolType;
    std::string help(option.help);
    if (option.methods.size() == 1) help += fmt::format("; with --method {}", option.methods[0]);
    // sft is what there is without the flag.
    if (option.objectives.size() == 1 && option.objectives[0] != "sft")
        help += fmt::format("; with --objective {}", option.objectives[0]);
    if (option.tasks.size() == 1) help += fmt::format("; with --task {}", option.tasks[0]);
    CLI::Option* flag = Add(names, type, DefaultText(option), help, std::move(read));
    // NormalizeArguments gives every boolean its value.
    if (IsSwitch(option)) flag->option_text("[true|false]");
    return *this;
}

Flags& Flags::Positional(const std::string& name, std::string& target, const std::string& help,
                         bool required) {
    Add(name, "", "", help, [&target](const std::string& value) {
        target = value;
        return "";
    })->required(required);
    return *this;
}

}  // namespace hone
