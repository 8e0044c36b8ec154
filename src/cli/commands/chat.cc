#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "answer/answerer.h"
#include "base/files/file.h"
#include "base/limits.h"
#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/line_editor.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "fmt/ranges.h"
#include "hub/hub.h"

namespace hone {
namespace {

// Small models repeat themselves when they always take the likeliest token.
constexpr float kChatTemperature = 0.7f;

constexpr char kHelp[] =
    "/reset          forgets the conversation\n"
    "/retry          answers the last message once more\n"
    "/system TEXT    forgets it and sets the system prompt; without TEXT there is none\n"
    "/adapter NAME   forgets it and answers with that --adapter; without NAME with the base alone\n"
    "/save FILE      adds the conversation to a .jsonl file, as a row to train on\n"
    "/help           this text\n"
    "/exit           leaves, as Ctrl-D does; Ctrl-C ends an answer\n";
constexpr char kMoreHelp[] =
    "A pasted text of many lines is one message. The arrow keys edit it and bring back earlier "
    "ones, Ctrl-R searches them.\n";

struct ChatFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    SamplingFlags sampling;
    AskFlags ask;
    AdapterFlags adapters;
    std::string history_file;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        adapters.Add(flags,
                     "NAME=FOLDER: an adapter beside the base, which /adapter NAME switches to, as "
                     "often as there are adapters; the first one answers until then");
        weights.Add(flags);
        flags.Group("Conversation");
        ask.Add(flags);
        flags.Text(
            "--history_file", history_file,
            "where a terminal's messages are kept for the next time; none: nowhere; default: "
            "chat_history in hone's cache");
        sampling.fallback_temperature = kChatTemperature;
        sampling.max_new_tokens = 512;
        sampling.Add(flags);
        machine.Add(flags);
    }
};

// The file of earlier messages; empty: none are kept.
std::string HistoryFile(const ChatFlags& flags) {
    if (flags.history_file == "none") return "";
    if (!flags.history_file.empty()) return flags.history_file;
    auto hub = HubOptions::FromEnvironment();
    if (!hub.ok() || !hub->RequireCache().ok() || !MakeDirectories(hub->cache).ok()) return "";
    return hub->cache + "/chat_history";
}

// Reads lines, and runs the commands among them.
class Chat {
  public:
    // adapters: the names of those that the answerer has beside its base.
    Chat(Answerer& answerer, std::vector<std::string> adapters, const ChatFlags& flags, bool person)
        : answerer_(answerer),
          adapters_(std::move(adapters)),
          options_(flags.sampling.Choice().Resolve(answerer.loaded().chat->generation)),
          terminal_(DetectTerminal()) {
        Start(adapters_.empty() ? "" : adapters_.front());
        if (person) editor_.emplace(HistoryFile(flags));
    }

    absl::Status Run() {
        if (editor_) fmt::print("{}{}", kHelp, kMoreHelp);
        if (editor_ && !adapters_.empty()) fmt::print("(with {})\n", Printable(adapters_.front()));
        while (std::optional<std::string> line = ReadLine()) {
            if (line->find_first_not_of(" \t\n") == std::string::npos) continue;
            if (line->size() > kMaxTemplateBytes) {
                const absl::Status status = DataError("a message of {} bytes is more than {}",
                                                      line->size(), kMaxTemplateBytes);
                if (!editor_) return status;
                fmt::print("({})\n", std::string(status.message()));
                continue;
            }
            if (*line == "/exit" || *line == "/quit" || *line == "/bye") return absl::OkStatus();
            if (line->starts_with('/')) {
                HONE_RETURN_IF_ERROR(RunCommand(*line));
            } else {
                HONE_RETURN_IF_ERROR(Answer(*line));
            }
        }
        if (editor_) fmt::print("\n");
        return absl::OkStatus();
    }

  private:
    // std::nullopt: there are no more.
    std::optional<std::string> ReadLine() {
        std::fflush(stdout);
        // First, so that no Ctrl-C comes between and ends the next answer.
        if (editor_) editor_->TakeInterrupts();
        StopOnInterrupt().Reset();
        if (editor_) return editor_->Read("you> ", terminal_.colours);
        LeaveOnInterrupt(true);
        std::optional<std::string> line;
        if (std::string text; std::getline(std::cin, text)) {
            if (text.ends_with('\r')) text.pop_back();
            line = std::move(text);
        }
        LeaveOnInterrupt(false);
        return line;
    }

    // An error is one that a script must know of; a person has read it.
    absl::Status RunCommand(const std::string& line) {
        const size_t space = line.find(' ');
        const std::string name = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        if (name == "/reset" || name == "/clear") {
            Reset(system_prompt_.value_or(asking_->system_prompt()));
            fmt::print("(forgotten)\n");
        } else if (name == "/adapter") {
            return SwitchAdapter(rest);
        } else if (name == "/retry") {
            if (last_message_.empty()) {
                fmt::print("(there is no message yet)\n");
                return absl::OkStatus();
            }
            if (last_was_answered_) session_->TakeBack();
            return Answer(std::string(last_message_));
        } else if (name == "/system") {
            system_prompt_ = rest;
            Reset(rest);
            fmt::print("({})\n", rest.empty() ? "no system prompt" : "system prompt set");
            if (asking_->raw())
                fmt::print("(it is not used: texts are asked without the chat template)\n");
        } else if (name == "/save") {
            const absl::Status saved = Save(rest);
            if (!saved.ok() && !editor_) return saved;
            fmt::print("({})\n",
                       saved.ok() ? "added to " + Printable(rest) : std::string(saved.message()));
        } else if (name == "/help") {
            fmt::print("{}{}", kHelp, editor_ ? kMoreHelp : "");
        } else {
            fmt::print("{} is no command; they are:\n{}", Printable(name), kHelp);
        }
        return absl::OkStatus();
    }

    void Reset(const std::string& system_prompt) {
        session_->Reset(system_prompt);
        last_message_.clear();
    }

    // A conversation with that adapter, as its run put its rows; /system stays.
    void Start(const std::string& adapter) {
        asking_ = &answerer_.asking(adapter);
        session_.emplace(answerer_.StartChat(adapter));
        last_message_.clear();
        if (system_prompt_) Reset(*system_prompt_);
    }

    absl::Status SwitchAdapter(const std::string& name) {
        if (!name.empty() &&
            std::find(adapters_.begin(), adapters_.end(), name) == adapters_.end()) {
            const absl::Status unknown = UsageError(
                "/adapter {}: there is none of that name; {}", Printable(name),
                adapters_.empty() ? std::string("give some with --adapter NAME=FOLDER")
                                  : fmt::format("they are {}", fmt::join(adapters_, ", ")));
            if (!editor_) return unknown;
            fmt::print("({})\n", std::string(unknown.message()));
            return absl::OkStatus();
        }
        Start(name);
        fmt::print("({}; forgotten)\n",
                   name.empty() ? "the base alone" : "with " + Printable(name));
        return absl::OkStatus();
    }

    // The conversation as one more row of a file.
    absl::Status Save(const std::string& path) const {
        if (path.empty()) return UsageError("/save needs a file: /save chats.jsonl");
        const nlohmann::ordered_json& messages = session_->messages();
        if (messages.empty() || messages.back()["role"] != "assistant")
            return DataError("nothing was answered yet");
        std::string text;
        std::error_code error;
        if (std::filesystem::exists(path, error)) {
            HONE_ASSIGN_OR_RETURN(text, ReadFile(path));
            if (!text.empty() && !text.ends_with('\n')) text += '\n';
        }
        return WriteFileAtomic(path, text + JsonLine({{"messages", messages}}));
    }

    absl::Status Answer(const std::string& line) {
        const RunControl& control = StopOnInterrupt();
        const auto callback = [&](size_t, std::string_view text) {
            if (!text.empty()) {
                fmt::print("{}", terminal_.interactive ? Printable(text) : std::string(text));
                std::fflush(stdout);
            }
            return !control.ending();
        };
        GenerateStats stats;
        auto result = session_->Say(line, options_, callback, &stats);
        ++options_.sampling.seed;
        last_message_ = line;
        // An answer that was ended before its first word is none.
        last_was_answered_ =
            result.ok() && !(result->finish == FinishReason::kCancelled && result->text.empty());
        if (!result.ok()) {
            // A person can go on with another message; a script cannot know that one went
            // unanswered.
            if (!editor_) return result.status();
            fmt::print("({})\n", std::string(result.status().message()));
            return absl::OkStatus();
        }
        fmt::print("{}\n", result->finish == FinishReason::kCancelled ? " (interrupted)" : "");
        if (editor_ && stats.decode_seconds > 0) {
            const double rate = static_cast<double>(stats.decode_tokens) / stats.decode_seconds;
            fmt::print("{}{} tokens, {:.1f} tokens/s{}{}\n", terminal_.colours ? "\x1b[2m" : "",
                       result->tokens.size(), rate,
                       result->finish == FinishReason::kLength ? ", cut at --max_new_tokens" : "",
                       terminal_.colours ? "\x1b[0m" : "");
        }
        return absl::OkStatus();
    }

    Answerer& answerer_;
    std::vector<std::string> adapters_;
    const Asking* asking_ = nullptr;
    GenerateOptions options_;
    std::optional<ChatSession> session_;
    Terminal terminal_;
    std::optional<LineEditor> editor_;  // where a person types
    std::optional<std::string> system_prompt_;
    std::string last_message_;  // empty: none since the last reset
    bool last_was_answered_ = false;
};

absl::Status RunChat(const ChatFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_ASSIGN_OR_RETURN(std::vector<BesideAdapter> adapters,
                          flags.adapters.Read(flags.model, flags.ask));
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    HONE_ASSIGN_OR_RETURN(Asking asking, flags.ask.Choose(chosen.form));
    const bool person = DetectTerminal().interactive && isatty(STDIN_FILENO) == 1;
    // Before the terminal is changed: a signal puts it back.
    StopOnInterrupt();
    LeaveOnInterrupt(true);
    std::optional<UnbufferedInput> unbuffered;
    if (person) unbuffered.emplace();
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded,
                          FetchAndLoad(std::move(chosen), flags.weights.options(), context));
    LeaveOnInterrupt(false);
    Answerer answerer(std::move(loaded), std::move(asking), context);
    std::vector<std::string> names;
    for (BesideAdapter& adapter : adapters) {
        names.push_back(adapter.name);
        HONE_RETURN_IF_ERROR(
            answerer.AddAdapter(adapter.name, adapter.folder, std::move(adapter.asking)));
    }
    return Chat(answerer, std::move(names), flags, person).Run();
}

}  // namespace

void AddChat(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "chat", "talks with a model");
    auto flags = std::make_shared<ChatFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunChat(*flags); }});
}

}  // namespace hone
