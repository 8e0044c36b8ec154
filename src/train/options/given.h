// What somebody asked for: some options with their values, from a command line, a configuration
// file, a search or a server.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace hone {

// How whoever asks calls the options, for messages.
class OptionNames {
  public:
    // Options are called `prefix` and their name: "--lora_r".
    explicit OptionNames(std::string prefix = "--") : prefix_(std::move(prefix)) {}
    // From now on `option` is called `name`: "passes.lora.config.r at run.yaml:12:9".
    void Call(std::string_view option, std::string name) { names_[std::string(option)] = name; }
    std::string operator()(std::string_view option) const;
    // Without the place where it stands.
    std::string Plain(std::string_view option) const { return prefix_ + std::string(option); }

  private:
    std::string prefix_;
    std::map<std::string, std::string, std::less<>> names_;
};

class GivenOptions {
  public:
    explicit GivenOptions(OptionNames names = OptionNames()) : names_(std::move(names)) {}

    // Sets an option of the table; a second value replaces the first. A text is read as a flag's
    // is. `name` is what to call it in messages, empty: as all others.
    void Set(std::string_view option, nlohmann::ordered_json value, std::string name = "");
    // Takes over the other's values and their names. Where one excludes a value of this, or both
    // say something, the other's counts.
    void Override(const GivenOptions& stronger);

    bool Has(std::string_view option) const { return Find(option) != nullptr; }
    // nullptr where it was not given.
    const nlohmann::ordered_json* Find(std::string_view option) const;
    // In the order in which they came.
    const std::vector<std::pair<std::string, nlohmann::ordered_json>>& values() const {
        return values_;
    }
    const OptionNames& names() const { return names_; }

  private:
    std::vector<std::pair<std::string, nlohmann::ordered_json>> values_;
    OptionNames names_;
};

}  // namespace hone
