// Entities out of tags of tokens, and how many of them are found. Equal to seqeval's
// precision_recall_fscore_support in its default mode (which is conlleval.pl's) and with
// mode="strict" under IOB2 and IOBES.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "eval/metrics/classification.h"

namespace hone {

// How tags say where an entity begins and ends.
enum class TagScheme {
    kAny,   // B, I, E, S and O, however they stand: an entity ends where the type changes
    kBio,   // strict IOB2: an entity is B and the I after it
    kBioes  // strict IOBES: an entity is S, or B, I and E
};

struct Entity {
    std::string type;
    int64_t begin = 0, end = 0;  // tokens, [begin, end)
    auto operator<=>(const Entity&) const = default;
};

// The entities of one text's tags ("B-PER", "I-PER", "O"). A tag without a type is of type "_". In
// a strict scheme a tag that it does not have is an error of kind kData.
absl::StatusOr<std::vector<Entity>> FindEntities(const std::vector<std::string>& tags,
                                                 TagScheme scheme);

// kBioes where any tag begins with E or S, else kBio.
TagScheme DetectScheme(const std::vector<std::vector<std::string>>& texts);

// An entity is right where its type, its begin and its end are.
struct EntityScores {
    std::vector<std::string> types;  // in alphabetical order
    ClassReport report;              // by type
};
EntityScores ScoreEntities(const std::vector<std::vector<Entity>>& expected,
                           const std::vector<std::vector<Entity>>& predicted);

}  // namespace hone
