#include "workflow/document.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "base/files/file.h"
#include "base/text/text_value.h"
#include "workflow/json.h"
#include "workflow/tree_builder.h"
#include "workflow/yaml.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// A scalar by YAML's core schema, as far as options need it.
Json Typed(const std::string& text) {
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    int64_t integer = 0;
    if (ReadInteger(text, integer).empty()) return integer;
    double number = 0;
    if (ReadNumber(text, number).empty()) return number;
    return text;
}

}  // namespace

const NodeEntry* Node::Find(std::string_view key) const {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const NodeEntry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

Json Node::Value() const {
    const auto inner = [](const Node& node) {
        return node.is_scalar() && !node.quoted ? Typed(node.text) : node.Value();
    };
    switch (kind) {
        case Kind::kNull:
            return nullptr;
        case Kind::kScalar:
            return text;
        case Kind::kList: {
            Json list = Json::array();
            for (const Node& item : items) list.push_back(inner(item));
            return list;
        }
        case Kind::kMap: {
            Json map = Json::object();
            for (const NodeEntry& entry : entries) map[entry.key] = inner(entry.value);
            return map;
        }
    }
    return nullptr;
}

bool Node::IsOff() const {
    if (!is_scalar()) return items.empty() && entries.empty();
    const std::string lower = absl::AsciiStrToLower(text);
    return lower.empty() || lower == "none" || ReadBool(lower) == false;
}

std::string Document::Where(const Place& place) const {
    return fmt::format("{}:{}:{}", path, place.line, place.column);
}

absl::StatusOr<Document> ParseDocument(std::string_view text, const std::string& path) {
    Document document{.path = path};
    if (text.size() > kMaxConfigBytes)
        return UsageError("{} has more than {} bytes, too many for a configuration", path,
                          kMaxConfigBytes);
    try {
        document.root = path.ends_with(".json") ? ParseJson(text) : ParseYaml(text);
    } catch (const DocumentError& error) {
        return UsageError("{}: {}", document.Where(error.place), error.message);
    }
    if (!document.root.is_map())
        return UsageError("{}: a configuration is a map of keys and values",
                          document.Where(document.root.place));
    return document;
}

absl::StatusOr<Document> ReadDocument(const std::string& path) {
    absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
    if (!text.ok()) return WithKind(text.status(), ErrorKind::kUsage);
    return ParseDocument(*text, path);
}

}  // namespace hone
