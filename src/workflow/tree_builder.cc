#include "workflow/tree_builder.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace hone {
namespace {

// Whether a map has the key.
bool Has(const Node& map, const std::string& key) { return map.Find(key) != nullptr; }

// YAML's merge key: the entries of one map, or of several, where this map has none of its own.
void Merge(Node& map) {
    const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                    [](const NodeEntry& entry) { return entry.key == "<<"; });
    if (found == map.entries.end()) return;
    const NodeEntry merged = std::move(*found);
    map.entries.erase(found);
    const std::vector<Node> one = {merged.value};
    for (const Node& from : merged.value.is_list() ? merged.value.items : one) {
        if (!from.is_map()) throw DocumentError{merged.place, "<< takes a map or a list of maps"};
        for (const NodeEntry& entry : from.entries)
            if (!Has(map, entry.key)) map.entries.push_back(entry);
    }
}

}  // namespace

void TreeBuilder::Scalar(Place place, std::string text, bool quoted, size_t anchor) {
    if (!ExpectsKey())
        return Add({.kind = Node::Kind::kScalar,
                    .place = place,
                    .text = std::move(text),
                    .quoted = quoted},
                   anchor);
    if (Has(open_.back().node, text))
        throw DocumentError{place, fmt::format("the key {} stands twice", text)};
    open_.back().key.emplace(std::move(text), place);
}

void TreeBuilder::Begin(Node::Kind kind, Place place, size_t anchor) {
    if (ExpectsKey()) throw DocumentError{place, "a key must be a text"};
    if (open_.size() >= kMaxJsonDepth)
        throw DocumentError{place, fmt::format("nested deeper than {} levels", kMaxJsonDepth)};
    open_.push_back({.node = {.kind = kind, .place = place}, .anchor = anchor});
}

void TreeBuilder::End() {
    Open last = std::move(open_.back());
    open_.pop_back();
    count_ -= last.node.count - 1;  // Add counts the whole
    if (last.node.is_map()) Merge(last.node);
    Add(std::move(last.node), last.anchor);
}

void TreeBuilder::Alias(Place place, size_t anchor) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw DocumentError{place, "an alias within its own anchor"};
    if (ExpectsKey()) throw DocumentError{place, "a key must be a text, not an alias"};
    Add(found->second, 0);
}

void TreeBuilder::Add(Node node, size_t anchor) {
    count_ += node.count;
    // Each anchor keeps a copy, those within another one too.
    if (anchor != 0) anchored_ += node.count;
    if (count_ > kMaxConfigNodes || anchored_ > kMaxConfigNodes)
        throw DocumentError{node.place, fmt::format("more than {} values, with those that aliases "
                                                    "repeat",
                                                    kMaxConfigNodes)};
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
        root_ = std::move(node);
        return;
    }
    Open& parent = open_.back();
    parent.node.count += node.count;
    if (parent.node.is_list()) {
        parent.node.items.push_back(std::move(node));
        return;
    }
    if (!parent.key) throw DocumentError{node.place, "a key must be a text"};
    parent.node.entries.push_back(
        {std::move(parent.key->first), parent.key->second, std::move(node)});
    parent.key.reset();
}

}  // namespace hone
