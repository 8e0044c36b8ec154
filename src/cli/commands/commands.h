// The commands of `hone`, one file each, and how they are found and run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/flags/flags.h"

namespace hone {

// A command that can be run: no further command stands below it.
struct Command {
    CLI::App* app = nullptr;
    std::function<absl::Status()> run;
};

// Each adds its command (or commands) with their flags to the root. What they captured lives in the
// Command.
void AddFinetune(CLI::App& root, std::vector<Command>& commands);
void AddRun(CLI::App& root, std::vector<Command>& commands);
void AddEstimate(CLI::App& root, std::vector<Command>& commands);
void AddEvaluate(CLI::App& root, std::vector<Command>& commands);
void AddClassify(CLI::App& root, std::vector<Command>& commands);
void AddEmbed(CLI::App& root, std::vector<Command>& commands);
void AddGenerate(CLI::App& root, std::vector<Command>& commands);
void AddChat(CLI::App& root, std::vector<Command>& commands);
void AddCompare(CLI::App& root, std::vector<Command>& commands);
void AddMerge(CLI::App& root, std::vector<Command>& commands);
void AddAdapters(CLI::App& root, std::vector<Command>& commands);
void AddModels(CLI::App& root, std::vector<Command>& commands);
void AddData(CLI::App& root, std::vector<Command>& commands);
void AddWorker(CLI::App& root, std::vector<Command>& commands);
void AddServeModel(CLI::App& root, std::vector<Command>& commands);
void AddServe(CLI::App& root, std::vector<Command>& commands);
void AddKeys(CLI::App& root, std::vector<Command>& commands);
void AddAdmin(CLI::App& root, std::vector<Command>& commands);
void AddBench(CLI::App& root, std::vector<Command>& commands);
// The root must outlive the command.
void AddHelp(CLI::App& root, std::vector<Command>& commands);

// All of them.
void AddCommands(CLI::App& root, std::vector<Command>& commands);

// "help finetune" as "finetune --help"; other words as they are.
std::vector<std::string> HelpWords(std::vector<std::string> arguments);

// Runs a command line (without the program's name) and returns the exit code: results go to
// standard output, and a failure is one line "error: ..." on standard error.
int RunHone(const std::vector<std::string>& arguments);

}  // namespace hone
