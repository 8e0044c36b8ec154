#include "cli/flags/options_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "train/options/table.h"

namespace hone {
namespace {

// A cell of a table.
std::string Cell(std::string_view text) {
    std::string cell;
    for (const char c : text) {
        if (c == '|' || c == '<' || c == '*') cell += '\\';
        cell += c;
    }
    return cell;
}

// As code, where there is any.
std::string Code(std::string_view text) {
    std::string code;
    for (const char c : text) code += c == '|' ? std::string("\\|") : std::string(1, c);
    return code.empty() ? "" : "`" + code + "`";
}

std::string Flag(const OptionRow& row) {
    const std::string name = fmt::format("--{}", row.name);
    return row.short_name.empty() ? Code(name) : Code(fmt::format("-{}, {}", row.short_name, name));
}

std::string Value(const OptionRow& row) {
    const std::string name = ValueName(row);
    return Code(IsSwitch(row) || row.may_stand_alone ? "[" + name + "]" : name);
}

// The help, with what else the row says.
std::string Help(const OptionRow& row) {
    std::string text = Cell(row.help);
    if (!row.methods.empty())
        text += fmt::format("; with `--method {}`", fmt::join(row.methods, "`, `"));
    if (!row.objectives.empty())
        text += fmt::format("; with `--objective {}`", fmt::join(row.objectives, "`, `"));
    if (!row.tasks.empty()) text += fmt::format("; with `--task {}`", fmt::join(row.tasks, "`, `"));
    std::vector<std::string> excluded;
    for (std::string_view other : row.excludes) excluded.push_back(fmt::format("`--{}`", other));
    if (!excluded.empty()) text += fmt::format("; not with {}", fmt::join(excluded, ", "));
    return text;
}

}  // namespace

std::string OptionsPage() {
    std::string text;
    std::string_view group;
    for (const OptionRow& row : OptionTable()) {
        if (row.group != group) {
            if (!group.empty()) text += "\n";
            text += fmt::format("### {}\n\n| flag | value | default | |\n|---|---|---|---|\n",
                                row.group);
            group = row.group;
        }
        text += fmt::format("| {} | {} | {} | {} |\n", Flag(row), Value(row),
                            Code(DefaultText(row)), Help(row));
    }
    return text;
}

}  // namespace hone
