#include "workflow/section_reader.h"

#include <algorithm>

#include "base/text/nearest_word.h"
#include "train/options/table.h"
#include "workflow/foreign_names.h"

namespace hone {
namespace {

// An option that a configuration may hold.
bool IsOption(const std::string& name) {
    const OptionRow* row = FindOption(name);
    return row != nullptr && !row->of_command;
}

std::vector<std::string> KeysOf(const SectionReader::Section& section) {
    std::vector<std::string> keys;
    for (const auto& [key, handler] : section.handlers) keys.emplace_back(key);
    for (const KeyRule& rule : section.rules) {
        if (rule.kind != KeyRule::Kind::kOption) continue;
        for (std::string_view rest = rule.keys; !rest.empty();) {
            const size_t space = rest.find(' ');
            keys.emplace_back(rest.substr(0, space));
            rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
        }
    }
    if (section.takes_options)
        for (std::string& name : OptionNamesForConfigurations()) keys.push_back(std::move(name));
    return keys;
}

}  // namespace

std::string WithoutDashes(std::string_view text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "--" && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '('))
            ++i;
        else
            plain += text[i];
    }
    return plain;
}

std::string JoinPath(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string SectionReader::Name(const NodeEntry& entry, const std::string& path) const {
    return fmt::format("{} at {}", JoinPath(path, entry.key), document_.Where(entry.place));
}

absl::Status SectionReader::RequireMap(const NodeEntry& entry, const std::string& path) const {
    if (entry.value.is_map()) return absl::OkStatus();
    return UsageError("{}: a map of keys and values is expected here", Name(entry, path));
}

void SectionReader::Ignore(const NodeEntry& entry, const std::string& path, std::string_view why) {
    notes_.push_back(fmt::format("{} changes nothing: {}", Name(entry, path), why));
}

absl::Status SectionReader::SetValue(std::string_view option, nlohmann::ordered_json value,
                                     const std::string& name) {
    const nlohmann::ordered_json* before = given_.Find(option);
    if (before != nullptr && *before != value)
        return UsageError("{} and {} say the same otherwise: give one", given_.names()(option),
                          name);
    given_.Set(option, std::move(value), name);
    return absl::OkStatus();
}

absl::Status SectionReader::Set(std::string_view option, const NodeEntry& entry,
                                const std::string& path) {
    if (entry.value.is_null()) return absl::OkStatus();
    return SetValue(option, entry.value.Value(), Name(entry, path));
}

absl::Status SectionReader::Read(const Node& map, const std::string& path, const Section& section) {
    for (const NodeEntry& entry : map.entries)
        HONE_RETURN_IF_ERROR(ReadEntry(entry, path, section));
    return absl::OkStatus();
}

absl::Status SectionReader::ReadEntry(const NodeEntry& entry, const std::string& path,
                                      const Section& section) {
    if (const auto found = section.handlers.find(entry.key); found != section.handlers.end())
        return found->second(entry, path);
    for (const KeyRule& rule : section.rules) {
        if (!NamesWord(rule.keys, entry.key)) continue;
        if (rule.kind == KeyRule::Kind::kOption) return Set(rule.says, entry, path);
        if (rule.kind == KeyRule::Kind::kRefused && !entry.value.IsOff())
            return UsageError("{}: {}", Name(entry, path), rule.says);
        Ignore(entry, path, rule.says);
        return absl::OkStatus();
    }
    if (section.takes_options && IsOption(entry.key)) return Set(entry.key, entry, path);
    return ReadForeign(entry, path, section);
}

absl::Status SectionReader::ReadForeign(const NodeEntry& entry, const std::string& path,
                                        const Section& section) {
    if (const OptionRow* row = FindOption(entry.key); row != nullptr && row->of_command)
        return UsageError("{} says what a command does, not what a run is: give the flag --{}",
                          Name(entry, path), row->name);
    const std::string reason =
        section.takes_options ? WithoutDashes(ForeignReason(entry.key, IsOption)) : "";
    const bool needless = reason.starts_with("is not needed") ||
                          reason.starts_with("means nothing here") || entry.value.IsOff();
    if (!reason.empty() && needless) {
        notes_.push_back(fmt::format("{} {}", Name(entry, path), reason));
        return absl::OkStatus();
    }
    if (!reason.empty()) return UsageError("{} {}", Name(entry, path), reason);
    const std::string nearest = NearestWord(entry.key, KeysOf(section));
    return UsageError("{}: {} no key {}{}", document_.Where(entry.place),
                      path.empty() ? "a configuration has" : path + " has", entry.key,
                      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

}  // namespace hone
