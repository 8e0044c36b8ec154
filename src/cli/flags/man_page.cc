#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/machine/version.h"
#include "cli/flags/command_table.h"

namespace hone {
namespace {

struct Row {
    const char* name;
    const char* text;
};

constexpr Row kExitCodes[] = {
    {"0", "done, and the result exists and was read back"},
    {"1", "something else"},
    {"2", "a flag or argument"},
    {"3", "the data"},
    {"4", "the model, tokenizer or adapter"},
    {"5", "not enough memory"},
    {"6", "training failed: a loss that is not finite, a full disk; the last checkpoint is intact"},
    {"130", "interrupted; the same command goes on from the checkpoint that was saved"}};
constexpr Row kEnvironment[] = {
    {"HONE_CACHE",
     "where models and temporary data lie; else $XDG_CACHE_HOME/hone, else ~/.cache/hone"},
    {"HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE",
     "as the tools of Hugging Face take them"},
    {"HONE_SIMD", "avx2: uses no better instructions of the CPU than these"},
    {"HONE_KERNEL", "forces implementations of operations: op:name,op:name"}};

// Text that troff prints as it stands.
std::string Plain(const std::string& text) {
    std::string plain;
    for (const char c : text) {
        if (c == '\\') {
            plain += "\\e";
        } else if (c == '-') {
            plain += "\\-";
        } else if ((c == '.' || c == '\'') && (plain.empty() || plain.back() == '\n')) {
            plain += std::string("\\&") + c;
        } else {
            plain += c;
        }
    }
    return plain;
}

std::string Entry(const std::string& head, const std::string& text) {
    return fmt::format(".TP\n\\fB{}\\fR\n{}\n", Plain(head), Plain(text));
}

std::string FlagEntry(const FlagInfo& flag) {
    std::string head = fmt::format("{}", fmt::join(flag.names, ", "));
    if (!flag.type.empty())
        head += flag.optional_value ? fmt::format(" [{}]", flag.type) : " " + flag.type;
    std::string text = flag.help;
    if (!flag.shown_default.empty()) text += fmt::format(" [{}]", flag.shown_default);
    return Entry(head, text);
}

std::string CommandSection(const CommandInfo& command) {
    std::string text = fmt::format(".SS hone {}", Plain(command.path));
    if (!command.commands.empty()) text += " COMMAND";
    for (const std::string& word : command.words) text += " " + Plain(word);
    text += fmt::format("\n{}.\n", Plain(command.description));
    std::string group;
    for (const FlagInfo& flag : command.flags) {
        if (flag.names.back() == "--help") continue;
        if (flag.group != group) {
            group = flag.group;
            text += fmt::format(".PP\n\\fI{}\\fR\n", Plain(group));
        }
        text += FlagEntry(flag);
    }
    return text;
}

}  // namespace

std::string ManPage(const std::vector<CommandInfo>& commands) {
    const CommandInfo& program = commands.front();
    std::string text = fmt::format(
        ".TH HONE 1 \"\" \"hone {}\" \"User Commands\"\n.SH NAME\nhone \\- {}\n.SH SYNOPSIS\n"
        ".B hone\n.I COMMAND\n[FLAGS]\n.SH DESCRIPTION\n"
        "hone fine\\-tunes language models of up to a few billion parameters on this machine's CPU "
        "and answers with the result. Start with\n.PP\n.nf\n"
        "hone finetune \\-\\-data_name chats.jsonl \\-\\-output_path out\n"
        "hone chat \\-\\-adapter_path out\n.fi\n.PP\n"
        "A flag and its value are two words or one, \\-\\-flag value or \\-\\-flag=value. A switch "
        "stands alone or takes true or false. Defaults stand in brackets.\n.SH OPTIONS\n",
        kVersion, Plain(program.description));
    for (const FlagInfo& flag : program.flags) text += FlagEntry(flag);
    text += ".SH COMMANDS\n";
    for (size_t i = 1; i < commands.size(); ++i) text += CommandSection(commands[i]);
    text += ".SH EXIT STATUS\n";
    for (const Row& row : kExitCodes) text += Entry(row.name, row.text);
    text += ".SH ENVIRONMENT\n";
    for (const Row& row : kEnvironment) text += Entry(row.name, row.text);
    return text;
}

}  // namespace hone
