#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/load_model.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

// Small models repeat themselves when they always take the likeliest token.
constexpr float kChatTemperature = 0.7f;

constexpr char kHelp[] =
    "/reset          forgets the conversation\n"
    "/system TEXT    forgets it and sets the system prompt; without TEXT there is none\n"
    "/help           this text\n"
    "/exit           leaves, as Ctrl-D does; Ctrl-C ends an answer\n";

struct ChatFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    SamplingFlags sampling;
    std::string system_prompt;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        flags.Group("Conversation")
            .Text("--system_prompt,--system", system_prompt, "the system message");
        sampling.fallback_temperature = kChatTemperature;
        sampling.max_new_tokens = 512;
        sampling.Add(flags);
        machine.Add(flags);
    }
};

// Reads lines, and runs the commands among them.
class Chat {
  public:
    Chat(LoadedModel& loaded, const ChatFlags& flags, const Context& context)
        : flags_(flags),
          options_(flags.sampling.Resolve(loaded.files->generation, loaded.encoder->end_ids())),
          generator_(*loaded.model, loaded.files->tokenizer, context),
          session_(generator_,
                   [encoder = loaded.encoder](const nlohmann::ordered_json& messages)
                       -> absl::StatusOr<std::vector<int32_t>> {
                       HONE_ASSIGN_OR_RETURN(Conversation conversation, ParseMessages(messages));
                       return encoder->EncodePrompt(conversation);
                   }),
          terminal_(DetectTerminal()),
          prompts_(terminal_.interactive && isatty(STDIN_FILENO) == 1) {
        session_.Reset(flags.system_prompt);
    }

    absl::Status Run() {
        if (prompts_) fmt::print("{}", kHelp);
        std::string line;
        for (;;) {
            if (prompts_)
                fmt::print("{}you>{} ", terminal_.colours ? "\x1b[1m" : "",
                           terminal_.colours ? "\x1b[0m" : "");
            std::fflush(stdout);
            ResetInterrupts();
            LeaveOnInterrupt(true);
            const bool more = static_cast<bool>(std::getline(std::cin, line));
            LeaveOnInterrupt(false);
            if (!more) break;
            if (line.ends_with('\r')) line.pop_back();
            if (line.find_first_not_of(" \t") == std::string::npos) continue;
            if (line.size() > kMaxTemplateBytes) {
                return DataError("a message of {} bytes is more than {}", line.size(),
                                 kMaxTemplateBytes);
            }
            if (line == "/exit" || line == "/quit") return absl::OkStatus();
            if (line.starts_with('/')) {
                RunCommand(line);
            } else {
                HONE_RETURN_IF_ERROR(Answer(line));
            }
        }
        if (prompts_) fmt::print("\n");
        return absl::OkStatus();
    }

  private:
    void RunCommand(const std::string& line) {
        const size_t space = line.find(' ');
        const std::string name = line.substr(0, space);
        if (name == "/reset") {
            session_.Reset(system_prompt_.value_or(flags_.system_prompt));
            fmt::print("(forgotten)\n");
        } else if (name == "/system") {
            system_prompt_ = space == std::string::npos ? "" : line.substr(space + 1);
            session_.Reset(*system_prompt_);
            fmt::print("({})\n",
                       system_prompt_->empty() ? "no system prompt" : "system prompt set");
        } else if (name == "/help") {
            fmt::print("{}", kHelp);
        } else {
            fmt::print("{} is no command; they are:\n{}", Printable(name), kHelp);
        }
    }

    absl::Status Answer(const std::string& line) {
        const std::atomic<int>& interrupts = CountInterrupts();
        const auto callback = [&](size_t, std::string_view text) {
            if (!text.empty()) {
                fmt::print("{}", terminal_.interactive ? Printable(text) : std::string(text));
                std::fflush(stdout);
            }
            return interrupts == 0;
        };
        GenerateStats stats;
        auto result = session_.Say(line, options_, callback, &stats);
        ++options_.sampling.seed;
        if (!result.ok()) {
            // A person can go on with another message; a script cannot know that one went
            // unanswered.
            if (!prompts_) return result.status();
            fmt::print("({})\n", std::string(result.status().message()));
            return absl::OkStatus();
        }
        fmt::print("{}\n", result->finish == FinishReason::kCancelled ? " (interrupted)" : "");
        if (prompts_ && stats.decode_seconds > 0) {
            const double rate = static_cast<double>(stats.decode_tokens) / stats.decode_seconds;
            fmt::print("{}{} tokens, {:.1f} tokens/s{}{}\n", terminal_.colours ? "\x1b[2m" : "",
                       result->tokens.size(), rate,
                       result->finish == FinishReason::kLength ? ", cut at --max_new_tokens" : "",
                       terminal_.colours ? "\x1b[0m" : "");
        }
        return absl::OkStatus();
    }

    const ChatFlags& flags_;
    GenerateOptions options_;
    Generator generator_;
    ChatSession session_;
    Terminal terminal_;
    bool prompts_;  // a person types
    std::optional<std::string> system_prompt_;
};

absl::Status RunChat(const ChatFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded,
                          LoadModel(flags.model, flags.weights.options(), context));
    CountInterrupts();
    Chat chat(loaded, flags, context);
    return chat.Run();
}

}  // namespace

void AddChat(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = root.add_subcommand("chat", "talks with a model");
    auto flags = std::make_shared<ChatFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunChat(*flags); }});
}

}  // namespace hone
