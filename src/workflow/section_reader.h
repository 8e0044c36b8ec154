// Reads the maps of a configuration: each key sets an option, is handled by its section, or is
// refused or passed over by name with the reason. None is passed over in silence.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "train/options/given.h"
#include "workflow/document.h"

namespace hone {

// What a key of another tool is to hone.
struct KeyRule {
    enum class Kind {
        kOption,   // another name of the option `says`
        kIgnored,  // nothing is lost without it, as `says`: a note
        kRefused,  // as kIgnored where it is off, else an error
    };
    // Names with spaces between.
    std::string_view keys;
    Kind kind;
    std::string_view says;
};

class SectionReader {
  public:
    // What reads an entry of the map that is called `path` ("passes.lora").
    using Handler = std::function<absl::Status(const NodeEntry& entry, const std::string& path)>;
    struct Section {
        std::map<std::string_view, Handler> handlers;
        std::span<const KeyRule> rules;
        bool takes_options = false;  // all of the table, by their own names
    };

    // What was given is called by its path and place; other options are called `prefix` and their
    // name in messages.
    explicit SectionReader(const Document& document, std::string prefix = "")
        : document_(document), given_(OptionNames(std::move(prefix))) {}

    // Reads all entries of a map.
    absl::Status Read(const Node& map, const std::string& path, const Section& section);
    // Sets an option to the entry's value; null leaves it as it is. Two entries may not say the
    // same option otherwise.
    absl::Status Set(std::string_view option, const NodeEntry& entry, const std::string& path);
    absl::Status SetValue(std::string_view option, nlohmann::ordered_json value,
                          const std::string& name);
    // A note that the entry changes nothing, and why.
    void Ignore(const NodeEntry& entry, const std::string& path, std::string_view why);
    // "passes.lora.config.r at run.yaml:12:9".
    std::string Name(const NodeEntry& entry, const std::string& path) const;
    // An error unless the value is a map.
    absl::Status RequireMap(const NodeEntry& entry, const std::string& path) const;

    GivenOptions& given() { return given_; }
    std::vector<std::string>& notes() { return notes_; }
    const Document& document() const { return document_; }

  private:
    absl::Status ReadEntry(const NodeEntry& entry, const std::string& path, const Section& section);
    // Names of other tools, and what nobody knows.
    absl::Status ReadForeign(const NodeEntry& entry, const std::string& path,
                             const Section& section);

    const Document& document_;
    GivenOptions given_;
    std::vector<std::string> notes_;
};

// A sentence about flags as one about keys: "--lora_r" is lora_r.
std::string WithoutDashes(std::string_view text);

// "a" or "a.b".
std::string JoinPath(const std::string& path, std::string_view key);

}  // namespace hone
