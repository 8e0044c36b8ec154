// Lines that a person types in a terminal: editing, history, pasted texts of many lines, any
// length. Over libedit.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace hone {

// Takes the terminal of standard input out of its line mode, in which it drops what goes beyond
// 4,095 bytes, and does not echo; so that nothing is lost that is typed or pasted while a model
// loads or answers. Puts it back at the end, also when a signal ends the program.
class UnbufferedInput {
  public:
    UnbufferedInput();
    ~UnbufferedInput();
    UnbufferedInput(const UnbufferedInput&) = delete;
    UnbufferedInput& operator=(const UnbufferedInput&) = delete;
};

// Standard input and output must be a terminal, and an UnbufferedInput live.
class LineEditor {
  public:
    // `history_file` is read now and written after each line, for its owner alone; empty: none.
    explicit LineEditor(std::string history_file);
    ~LineEditor();

    // Ctrl-C is a key from now on, and no longer a signal, until a line was read.
    void TakeInterrupts();

    // A line without its newline; what was pasted may hold more of them. std::nullopt: Ctrl-D.
    // Ctrl-C empties the line.
    std::optional<std::string> Read(const std::string& prompt, bool bold);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hone
