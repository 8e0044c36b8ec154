// A grammar over bytes as states with edges, in which a rule may call another: what an answer may
// be.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hone {

// Calls within calls that a text may need. Each level of JSON takes one or two.
inline constexpr int kMaxCallDepth = 96;
// States of one grammar.
inline constexpr size_t kMaxGrammarStates = 400'000;
// Places that a beginning of a text can have led to at the same time. A grammar in which one text
// can be read in more ways is followed in so many of them: fewer texts are allowed, none wrongly.
inline constexpr size_t kMaxPlaces = 1024;

// Built state by state: every function that adds something takes the state that it starts from and
// returns the one that it leads to. Nondeterministic: several ways may lead on with the same byte.
class Automaton {
  public:
    // Rule 0 is the whole text. A rule begins at Start(rule), and a text of it is whole at
    // End(rule).
    int AddRule();
    int Start(int rule) const { return rules_[rule].start; }
    int End(int rule) const { return rules_[rule].end; }

    int NewState();
    int Literal(int from, std::string_view bytes);
    // One byte from low to high.
    int Range(int from, uint8_t low, uint8_t high);
    void RangeTo(int from, uint8_t low, uint8_t high, int to);
    // A text of the rule.
    int Call(int from, int rule);
    // Without a byte.
    void Jump(int from, int to);

    // After the last addition. An error where the text can have no end.
    absl::Status Finish();
    size_t size() const { return states_.size(); }

  private:
    friend class GrammarStates;
    struct Edge {
        uint8_t low, high;
        int32_t to;
    };
    struct CallEdge {
        int32_t rule, back;
    };
    struct State {
        std::vector<Edge> edges;
        std::vector<CallEdge> calls;
        std::vector<int32_t> jumps;
        int32_t need = kEndless;  // calls within calls until the rule's end, at least
        bool end = false;
        bool only_ends = false;  // leads to the rule's end and nowhere else
    };
    struct Rule {
        int32_t start, end;
    };
    static constexpr int32_t kEndless = INT32_MAX / 4;

    std::vector<State> states_;
    std::vector<Rule> rules_;
};

// Where texts of an automaton can stand, as numbers: a state of this table is every place in the
// grammar, with the calls around it, that a beginning of a text can have led to. States come to be
// when they are first reached. Not thread-safe.
class GrammarStates {
  public:
    // The automaton must outlive the table.
    explicit GrammarStates(const Automaton& automaton);

    static constexpr int32_t kDead = -1;  // no text begins so
    int32_t start() const { return start_; }
    int32_t Next(int32_t state, uint8_t byte);
    // Whether a text may end here, and whether it may go on.
    bool MayEnd(int32_t state) const { return states_[state].may_end; }
    bool MayGoOn(int32_t state) const { return states_[state].may_go_on; }
    // What it takes, about.
    size_t bytes() const { return states_.size() * 1200 + num_places_ * 16; }
    // The same place in this table.
    int32_t Import(const GrammarStates& other, int32_t state);

  private:
    struct Frame {  // a call that is not finished
        int32_t back, parent, depth;
    };
    struct Place {
        int32_t state, frame;
        auto operator<=>(const Place&) const = default;
    };
    struct State {
        std::vector<Place> places;  // sorted; those that have an edge or an end
        std::vector<int32_t> next;  // [256], kUnknown where nobody asked yet
        bool may_end = false, may_go_on = false;
    };
    static constexpr int32_t kUnknown = -2;

    int32_t Push(int32_t back, int32_t parent);
    int32_t ImportFrame(const GrammarStates& other, int32_t frame);
    bool Fits(int32_t state, int32_t frame) const;
    // The places that are reached from these without a byte.
    std::vector<Place> Close(std::vector<Place> places);
    int32_t Intern(std::vector<Place> places);

    const Automaton& automaton_;
    std::vector<Frame> frames_;  // 0: around the whole text
    std::map<std::pair<int32_t, int32_t>, int32_t> frame_ids_;
    std::vector<State> states_;
    std::map<std::vector<Place>, int32_t> state_ids_;
    size_t num_places_ = 0;
    int32_t start_ = 0;
};

}  // namespace hone
