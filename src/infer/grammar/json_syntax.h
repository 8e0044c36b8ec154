// The parts of JSON as rules of an automaton: strings, numbers, any value, and the space between
// them.
#pragma once

#include <optional>

#include "infer/grammar/automaton.h"

namespace hone {

class JsonSyntax {
  public:
    explicit JsonSyntax(Automaton& automaton) : automaton_(automaton) {}

    // Each: from a state to the one behind such a text.
    int String(int from);
    int Number(int from);
    int Integer(int from);
    int Value(int from);
    int Object(int from);  // with any keys and values
    int Array(int from);   // of any values
    // No space, one, or a line break with up to kMostIndent spaces after it.
    int Space(int from);
    // One or the other way, joined.
    int Either(std::initializer_list<int> ends);

    // {"key": value, ...} of any keys, a list of values: value(from) adds one.
    template <typename Function>
    int Pairs(int from, Function value);

    static constexpr int kMostIndent = 24;

  private:
    int Digits(int from, int least, int most);
    int Hex(int from, int count);
    int Fraction(int from);
    void AddString(int rule);
    int Rule(std::optional<int>& rule, void (JsonSyntax::*add)(int));
    void AddNumber(int rule);
    void AddInteger(int rule);
    void AddValue(int rule);
    void AddObject(int rule);
    void AddArray(int rule);

    Automaton& automaton_;
    std::optional<int> string_, number_, integer_, value_, object_, array_;
};

template <typename Function>
int JsonSyntax::Pairs(int from, Function value) {
    Automaton& a = automaton_;
    const int open = Space(a.Literal(from, "{"));
    const int key = a.NewState(), close = a.NewState();
    a.Jump(open, key);
    a.Jump(open, close);
    const int behind_key = a.Literal(String(key), ":");
    const int behind_value = value(Space(behind_key));
    a.Jump(Space(a.Literal(behind_value, ",")), key);
    a.Jump(Space(behind_value), close);
    return a.Literal(close, "}");
}

}  // namespace hone
