#include "train/resolve/tasks.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"

namespace hone {
namespace {

constexpr size_t kMostTasks = 1000, kMostNameBytes = 100;

bool IsFolderName(const std::string& name) {
    return !name.empty() && name.size() <= kMostNameBytes && name[0] != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                      c == '.';
           });
}

}  // namespace

std::vector<FinetuneOptions> TasksOf(const FinetuneOptions& options) {
    if (options.task_data.empty()) return {options};
    std::vector<FinetuneOptions> tasks;
    for (const TaskRows& rows : options.task_data) {
        FinetuneOptions& task = tasks.emplace_back(options);
        task.task_data.clear();
        task.task_name = rows.name;
        task.data.data_name = rows.data_name;
        task.output_path = options.output_path + "/" + rows.name;
    }
    return tasks;
}

absl::Status CheckTasks(const FinetuneOptions& options, const OptionNames& names) {
    if (options.task_data.size() > kMostTasks)
        return UsageError("{} has {} tasks, and {} is the most", names("task_data"),
                          options.task_data.size(), kMostTasks);
    std::set<std::string> seen;
    for (const auto& [name, rows] : options.task_data) {
        if (!IsFolderName(name))
            return UsageError(
                "{}: \"{}\" becomes the name of a folder: give one of at most {} letters, digits, "
                "'-', '_' and '.'",
                names("task_data"), name, kMostNameBytes);
        if (!seen.insert(name).second)
            return UsageError("{} has {} twice: give each task a name of its own",
                              names("task_data"), name);
        if (rows.empty())
            return UsageError("{}: {} has no rows: {}=FILE", names("task_data"), name, name);
    }
    const std::string& resume = options.resume_from_checkpoint;
    if (!options.task_data.empty() && resume != "auto" && resume != "none" && resume != "true")
        return UsageError(
            "{} {} is a checkpoint of one run, and {} has several, which go on from their own: "
            "leave it out",
            names("resume_from_checkpoint"), resume, names.Plain("task_data"));
    return absl::OkStatus();
}

}  // namespace hone
