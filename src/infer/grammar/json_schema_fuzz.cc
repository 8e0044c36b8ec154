// Any JSON as a schema: it is refused, or its grammar has no dead end and makes valid JSON.
#include <cstdint>
#include <string_view>

#include "base/files/json_file.h"
#include "infer/grammar/json_schema.h"

namespace {

// A text of the grammar, the first byte that is allowed each time, towards an end.
void Follow(const hone::Automaton& automaton, uint8_t seed) {
    hone::GrammarStates states(automaton);
    int32_t state = states.start();
    std::string text;
    for (int step = 0; step < 300 && states.MayGoOn(state); ++step) {
        int32_t next = hone::GrammarStates::kDead;
        for (int i = 0; i < 256 && next == hone::GrammarStates::kDead; ++i) {
            const auto byte = static_cast<uint8_t>(seed * (step + 1) + i);
            next = states.Next(state, byte);
            if (next != hone::GrammarStates::kDead) text += static_cast<char>(byte);
        }
        HONE_CHECK(next != hone::GrammarStates::kDead, "a dead end");
        state = next;
    }
    if (states.MayEnd(state)) HONE_CHECK(nlohmann::json::accept(text), "{}", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 4096) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto schema = hone::ParseJson<nlohmann::ordered_json>(text, "schema");
    if (!schema.ok()) return 0;
    (void)hone::CheckStrictSchema(*schema);
    const auto automaton = hone::CompileJsonSchema(*schema);
    if (automaton.ok()) Follow(**automaton, size > 0 ? data[0] : 0);
    return 0;
}
