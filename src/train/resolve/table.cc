#include "train/options/table.h"

#include <algorithm>

#include "train/method/method.h"
#include "train/objective/objective.h"
#include "train/resolve/rows.h"

namespace hone {
namespace {

bool Holds(const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<OptionRow> AllRows() {
    std::vector<OptionRow> all;
    const auto add = [&all](std::string_view group, std::vector<OptionRow> rows) {
        for (OptionRow& row : rows) {
            row.group = group;
            all.push_back(std::move(row));
        }
    };
    add("Model", ModelRows());
    add("Output", OutputRows());
    add("Data", DataRows());
    add("Method", MethodRows());
    add("Objective", ObjectiveRows());
    add("Training", TrainingRows());
    add("Optimiser and schedule", OptimiserRows());
    add("Reports and checkpoints", ReportRows());
    add("Machine", MachineRows());
    return all;
}

}  // namespace

std::span<const OptionRow> OptionTable() {
    static const std::vector<OptionRow> rows = AllRows();
    return rows;
}

const OptionRow* FindOption(std::string_view name) {
    for (const OptionRow& row : OptionTable())
        if (row.name == name) return &row;
    return nullptr;
}

std::vector<std::string> OptionNamesForConfigurations() {
    std::vector<std::string> names;
    for (const OptionRow& row : OptionTable())
        if (!row.of_command) names.emplace_back(row.name);
    return names;
}

bool Applies(const OptionRow& row, const FinetuneOptions& options) {
    const bool of_method = row.methods.empty() || Holds(row.methods, options.method);
    const bool of_objective = row.objectives.empty() || Holds(row.objectives, options.objective);
    const bool of_task = row.tasks.empty() || Holds(row.tasks, options.task);
    return of_method && of_objective && of_task &&
           (options.adapter_path.empty() || !Holds(row.excludes, "adapter_path"));
}

std::string DefaultText(const OptionRow& row) {
    const auto with = [&row](const Method& method) {
        FinetuneOptions options;
        for (const OptionDefault& entry : method.defaults())
            if (entry.option == row.name) ReadOption(row, entry.value, options);
        return OptionText(row, options);
    };
    const std::string usual = with(MethodOf(FinetuneOptions()));
    std::string text = usual;
    for (const Method* method : Methods()) {
        const std::string own = with(*method);
        if (own == usual || !(row.methods.empty() || Holds(row.methods, method->name()))) continue;
        text += fmt::format("{}with --method {} {}", text.empty() ? "" : "; ", method->name(), own);
    }
    // Those that compare answers have the same ones.
    for (const bool trains_base : {false, true})
        for (const OptionDefault& entry : Objectives().back()->defaults(trains_base)) {
            if (entry.option != row.name) continue;
            FinetuneOptions options;
            ReadOption(row, entry.value, options);
            text += fmt::format("; with another --objective than sft {}{}",
                                trains_base ? "and --method full " : "", OptionText(row, options));
            if (!row.methods.empty()) return text;
        }
    return text;
}

}  // namespace hone
