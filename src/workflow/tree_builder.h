// Makes the tree of a document from what a parser finds, and keeps to the limits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workflow/document.h"

namespace hone {

// What is wrong with a document, thrown through the library that parses it.
struct DocumentError {
    Place place;
    std::string message;
};

class TreeBuilder {
  public:
    void Null(Place place, size_t anchor = 0) { Add({.place = place}, anchor); }
    // A value, or the key of the value that comes next.
    void Scalar(Place place, std::string text, bool quoted, size_t anchor = 0);
    void BeginList(Place place, size_t anchor = 0) { Begin(Node::Kind::kList, place, anchor); }
    void BeginMap(Place place, size_t anchor = 0) { Begin(Node::Kind::kMap, place, anchor); }
    void End();
    // The value of an anchor that ended, once more.
    void Alias(Place place, size_t anchor);
    // The whole, once it has ended.
    std::optional<Node>& root() { return root_; }

  private:
    struct Open {
        Node node;
        size_t anchor = 0;
        std::optional<std::pair<std::string, Place>> key;  // whose value comes next
    };
    void Begin(Node::Kind kind, Place place, size_t anchor);
    void Add(Node node, size_t anchor);
    bool ExpectsKey() const {
        return !open_.empty() && open_.back().node.is_map() && !open_.back().key;
    }

    std::vector<Open> open_;
    std::map<size_t, Node> anchors_;
    size_t anchored_ = 0;  // the values in them
    std::optional<Node> root_;
    size_t count_ = 0;
};

}  // namespace hone
