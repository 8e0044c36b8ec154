// A configuration file as a tree in which everything knows its place: YAML 1.2 or JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// The limits of a configuration file: its size, and the values in it, those counted that an alias
// repeats. Its nesting is limited by kMaxJsonDepth.
inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;
inline constexpr size_t kMaxConfigNodes = 100'000;

// From 1.
struct Place {
    size_t line = 1, column = 1;
};

struct Node;

// A key of a map with its value.
struct NodeEntry;

struct Node {
    enum class Kind { kNull, kScalar, kList, kMap };
    Kind kind = Kind::kNull;
    Place place;
    std::string text;     // of a scalar
    bool quoted = false;  // a text whatever it looks like
    std::vector<Node> items;
    std::vector<NodeEntry> entries;
    size_t count = 1;  // of this value and those within it

    bool is_map() const { return kind == Kind::kMap; }
    bool is_list() const { return kind == Kind::kList; }
    bool is_scalar() const { return kind == Kind::kScalar; }
    bool is_null() const { return kind == Kind::kNull; }
    // nullptr where this is no map or has no such key.
    const NodeEntry* Find(std::string_view key) const;
    // What reads a value: a scalar's text, so that "8" and 8 are the same; lists and maps with
    // numbers and truth values where scalars are not quoted and look like it (YAML's core schema).
    nlohmann::ordered_json Value() const;
    // Whether it means that something is not wanted: null, false, no, none, 0, "", [] or {}.
    bool IsOff() const;
};

struct NodeEntry {
    std::string key;
    Place place;  // of the key
    Node value;
};

struct Document {
    std::string path;
    Node root;

    // "run.yaml:12:9"
    std::string Where(const Place& place) const;
};

// Reads a file: JSON where it ends in .json, else YAML. Keys are texts, none stands twice in a map.
// Errors are of kind kUsage and say file, line and column.
absl::StatusOr<Document> ReadDocument(const std::string& path);
// The same of a text; `path` names it in messages.
absl::StatusOr<Document> ParseDocument(std::string_view text, const std::string& path);

}  // namespace hone
