#include "infer/grammar/automaton.h"

#include <algorithm>
#include <set>

namespace hone {

int Automaton::NewState() {
    states_.emplace_back();
    return static_cast<int>(states_.size()) - 1;
}

int Automaton::AddRule() {
    const int start = NewState(), end = NewState();
    states_[end].end = true;
    rules_.push_back({start, end});
    return static_cast<int>(rules_.size()) - 1;
}

int Automaton::Literal(int from, std::string_view bytes) {
    for (char byte : bytes)
        from = Range(from, static_cast<uint8_t>(byte), static_cast<uint8_t>(byte));
    return from;
}

int Automaton::Range(int from, uint8_t low, uint8_t high) {
    const int to = NewState();
    RangeTo(from, low, high, to);
    return to;
}

void Automaton::RangeTo(int from, uint8_t low, uint8_t high, int to) {
    states_[from].edges.push_back({low, high, to});
}

int Automaton::Call(int from, int rule) {
    const int back = NewState();
    states_[from].calls.push_back({rule, back});
    return back;
}

void Automaton::Jump(int from, int to) { states_[from].jumps.push_back(to); }

absl::Status Automaton::Finish() {
    if (states_.size() > kMaxGrammarStates)
        return DataError("it is too large: {} states, more than {}", states_.size(),
                         kMaxGrammarStates);
    for (bool changed = true; changed;) {
        changed = false;
        for (State& state : states_) {
            if (state.only_ends || !state.edges.empty() || !state.calls.empty()) continue;
            if (state.jumps.empty() && !state.end) continue;
            state.only_ends = std::all_of(state.jumps.begin(), state.jumps.end(),
                                          [&](int32_t to) { return states_[to].only_ends; });
            changed |= state.only_ends;
        }
    }
    // The least over all ways, each the most over its calls: goes down until nothing changes.
    // States mostly lead to later ones, so the last come first.
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = states_.size(); i-- > 0;) {
            State& state = states_[i];
            int32_t need = state.end ? 0 : kEndless;
            for (const Edge& edge : state.edges) need = std::min(need, states_[edge.to].need);
            for (int32_t to : state.jumps) need = std::min(need, states_[to].need);
            for (const CallEdge& call : state.calls)
                need = std::min(need, std::max(1 + states_[rules_[call.rule].start].need,
                                               states_[call.back].need));
            if (need < state.need) {
                state.need = need;
                changed = true;
            }
        }
    }
    if (states_[rules_[0].start].need > kMaxCallDepth)
        return DataError("no text can satisfy it, or none that is nested less than {} deep",
                         kMaxCallDepth);
    return absl::OkStatus();
}

GrammarStates::GrammarStates(const Automaton& automaton) : automaton_(automaton) {
    frames_.push_back({-1, -1, 0});
    start_ = Intern(Close({{automaton.Start(0), 0}}));
}

int32_t GrammarStates::Push(int32_t back, int32_t parent) {
    const auto [found, added] = frame_ids_.emplace(std::pair(back, parent), frames_.size());
    if (added) frames_.push_back({back, parent, frames_[parent].depth + 1});
    return found->second;
}

bool GrammarStates::Fits(int32_t state, int32_t frame) const {
    return frames_[frame].depth + automaton_.states_[state].need <= kMaxCallDepth;
}

std::vector<GrammarStates::Place> GrammarStates::Close(std::vector<Place> places) {
    std::set<Place> seen;
    std::vector<Place> kept;
    const auto add = [&](int32_t state, int32_t frame) {
        if (Fits(state, frame)) places.push_back({state, frame});
    };
    while (!places.empty() && kept.size() < kMaxPlaces && seen.size() < 8 * kMaxPlaces) {
        const Place place = places.back();
        places.pop_back();
        if (!seen.insert(place).second) continue;
        const Automaton::State& state = automaton_.states_[place.state];
        if (!state.edges.empty() || (state.end && place.frame == 0)) kept.push_back(place);
        if (state.end && place.frame != 0)
            add(frames_[place.frame].back, frames_[place.frame].parent);
        for (int32_t to : state.jumps) add(to, place.frame);
        for (const Automaton::CallEdge& call : state.calls) {
            // A call that is the last of its rule needs no way back to it: rules that begin with
            // one another call themselves without an end otherwise.
            const bool last = automaton_.states_[call.back].only_ends;
            const int32_t start = automaton_.Start(call.rule);
            if (!Fits(call.back, place.frame)) continue;
            if (last) {
                add(start, place.frame);
            } else if (frames_[place.frame].depth < kMaxCallDepth) {
                add(start, Push(call.back, place.frame));
            }
        }
    }
    std::sort(kept.begin(), kept.end());
    return kept;
}

int32_t GrammarStates::Intern(std::vector<Place> places) {
    if (places.empty()) return kDead;
    const auto [found, added] = state_ids_.emplace(places, states_.size());
    if (!added) return found->second;
    State& state = states_.emplace_back();
    num_places_ += places.size();
    for (const Place& place : places) {
        const Automaton::State& from = automaton_.states_[place.state];
        state.may_end |= from.end && place.frame == 0;
        for (const Automaton::Edge& edge : from.edges)
            state.may_go_on |= Fits(edge.to, place.frame);
    }
    state.places = std::move(places);
    state.next.assign(256, kUnknown);
    return found->second;
}

int32_t GrammarStates::Next(int32_t state, uint8_t byte) {
    const int32_t known = states_[state].next[byte];
    if (known != kUnknown) return known;
    std::vector<Place> reached;
    for (const Place& place : states_[state].places)
        for (const Automaton::Edge& edge : automaton_.states_[place.state].edges)
            if (edge.low <= byte && byte <= edge.high && Fits(edge.to, place.frame))
                reached.push_back({edge.to, place.frame});
    const int32_t next = Intern(Close(std::move(reached)));
    states_[state].next[byte] = next;
    return next;
}

int32_t GrammarStates::ImportFrame(const GrammarStates& other, int32_t frame) {
    if (frame == 0) return 0;
    const Frame& from = other.frames_[frame];
    return Push(from.back, ImportFrame(other, from.parent));
}

int32_t GrammarStates::Import(const GrammarStates& other, int32_t state) {
    std::vector<Place> places;
    for (const Place& place : other.states_[state].places)
        places.push_back({place.state, ImportFrame(other, place.frame)});
    std::sort(places.begin(), places.end());
    return Intern(std::move(places));
}

}  // namespace hone
