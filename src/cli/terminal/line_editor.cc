#include "cli/terminal/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cli/terminal/signals.h"

namespace hone {
namespace {

constexpr int kHistoryLines = 1000;
constexpr size_t kHistoryBytes = size_t{1} << 16;  // a longer line is not remembered
constexpr size_t kMaxPaste = size_t{1} << 24;      // characters
// The terminal brackets what is pasted between these, once it is asked to (xterm's mode 2004).
constexpr char kBracketPastes[] = "\x1b[?2004h", kPlainPastes[] = "\x1b[?2004l";
constexpr wchar_t kPasteEnd[] = L"\x1b[201~";
constexpr char kPromptEscape = '\1';  // around what takes no place on the screen

termios original;

// Characters beyond ASCII need a locale that has them.
void UseUtf8() {
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

UnbufferedInput::UnbufferedInput() {
    if (tcgetattr(STDIN_FILENO, &original) != 0) return;
    RestoreTerminalOnSignal(&original);
    termios unbuffered = original;
    unbuffered.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    unbuffered.c_cc[VMIN] = 1;
    unbuffered.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &unbuffered);
}

UnbufferedInput::~UnbufferedInput() {
    tcsetattr(STDIN_FILENO, TCSANOW, &original);
    RestoreTerminalOnSignal(nullptr);
}

struct LineEditor::State {
    EditLine* editor = nullptr;
    History* history = nullptr;
    std::string history_file, prompt;
    bool emptied = false;  // Ctrl-C came on an empty line

    static State& Of(EditLine* editor) {
        void* state = nullptr;
        el_get(editor, EL_CLIENTDATA, &state);
        return *static_cast<State*>(state);
    }

    static char* Prompt(EditLine* editor) { return Of(editor).prompt.data(); }

    // The terminal said that a paste begins: all of it up to its end is text, newlines too.
    static unsigned char Paste(EditLine* editor, int) {
        std::wstring text;
        wchar_t c = 0;
        while (text.size() < kMaxPaste && !text.ends_with(kPasteEnd) && el_wgetc(editor, &c) == 1)
            text += c == L'\r' ? L'\n' : c;
        if (text.ends_with(kPasteEnd)) text.resize(text.size() - std::size(kPasteEnd) + 1);
        while (text.ends_with(L'\n')) text.pop_back();
        return text.empty() || el_winsertstr(editor, text.c_str()) != 0 ? CC_NORM : CC_REFRESH;
    }

    static unsigned char Empty(EditLine* editor, int) {
        const LineInfoW* line = el_wline(editor);
        if (line->lastchar == line->buffer) {
            Of(editor).emptied = true;
            return CC_NEWLINE;
        }
        const auto length = static_cast<int>(line->lastchar - line->buffer);
        el_cursor(editor, static_cast<int>(line->lastchar - line->cursor));
        el_deletestr(editor, length);
        return CC_REFRESH;
    }

    static unsigned char Suspend(EditLine*, int) {
        kill(getpid(), SIGTSTP);
        return CC_NORM;
    }

    void Bind(const char* name, const char* keys, unsigned char (*run)(EditLine*, int)) {
        el_set(editor, EL_ADDFN, name, name, run);
        el_set(editor, EL_BIND, keys, name, nullptr);
    }

    void LoadHistory() {
        history = history_init();
        HistEvent event;
        ::history(history, &event, H_SETSIZE, kHistoryLines);
        ::history(history, &event, H_SETUNIQUE, 1);
        if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
        el_set(editor, EL_HIST, ::history, history);
    }

    void Remember(const std::string& line) {
        if (line.size() > kHistoryBytes || line.find_first_not_of(" \t\n") == std::string::npos)
            return;
        HistEvent event;
        ::history(history, &event, H_ENTER, line.c_str());
        if (history_file.empty()) return;
        const int fd =
            open(history_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        FILE* file = fd < 0 ? nullptr : fdopen(fd, "w");
        if (file == nullptr) return;  // a chat does not end for its history
        fchmod(fd, 0600);
        ::history(history, &event, H_SAVE_FP, file);
        std::fclose(file);
    }
};

LineEditor::LineEditor(std::string history_file) : state_(std::make_unique<State>()) {
    UseUtf8();
    state_->history_file = std::move(history_file);
    EditLine* editor = state_->editor = el_init("hone", stdin, stdout, stderr);
    el_set(editor, EL_CLIENTDATA, state_.get());
    el_set(editor, EL_PROMPT_ESC, &State::Prompt, kPromptEscape);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 1);  // a stopped, continued or resized terminal
    state_->LoadHistory();
    el_source(editor, nullptr);  // the user's own ~/.editrc
    // Between lines as UnbufferedInput has it; while a line is typed its keys are ours.
    for (const char* off : {"-icanon", "-echo"})
        el_set(editor, EL_SETTY, "-x", off, nullptr);
    el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
    state_->Bind("hone-paste", "\x1b[200~", &State::Paste);
    state_->Bind("hone-empty", "^C", &State::Empty);
    state_->Bind("hone-suspend", "^Z", &State::Suspend);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

LineEditor::~LineEditor() {
    history_end(state_->history);
    el_end(state_->editor);
}

void LineEditor::TakeInterrupts() {
    termios state;
    if (tcgetattr(STDIN_FILENO, &state) != 0) return;
    state.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &state);
}

std::optional<std::string> LineEditor::Read(const std::string& prompt, bool bold) {
    const std::string around(1, kPromptEscape);
    state_->prompt = bold ? around + "\x1b[1m" + around + prompt + around + "\x1b[0m" + around
                          : prompt;
    el_resize(state_->editor);
    for (;;) {
        state_->emptied = false;
        // libedit shows the prompt first, and makes Ctrl-C a key after that.
        TakeInterrupts();
        std::fputs(kBracketPastes, stdout);
        std::fflush(stdout);
        int count = 0;
        const char* read = el_gets(state_->editor, &count);
        std::fputs(kPlainPastes, stdout);
        std::fflush(stdout);
        if (state_->emptied) {
            std::fputs("\n(Ctrl-D or /exit leaves)\n", stdout);
            continue;
        }
        if (read == nullptr || count <= 0) return std::nullopt;
        std::string line(read, static_cast<size_t>(count));
        if (line.ends_with('\n')) line.pop_back();
        state_->Remember(line);
        return line;
    }
}

}  // namespace hone
