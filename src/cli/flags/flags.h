// The flags of one command, over CLI11: defaults shown in --help, both "--flag value" and
// "--flag=value", booleans as "--flag" or "--flag true|false", the last of a repeated flag counts,
// and an unknown flag names the nearest one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "train/options/table.h"

// CLI11, which parses: only this folder and the program's root include it.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace hone {

// Adds a command below `parent`, which owns it.
CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& description);
// Whether the command line named this flag ("--lora_r").
bool WasGiven(const CLI::App& command, const std::string& flag);

// The type of a flag whose value has entries with commas between.
inline constexpr char kListType[] = "A,B,...";

// How texts on the command line are read, for the help of their flags.
inline constexpr char kEscapes[] = R"(\n, \t and \\ are read as in --text_template)";

// Adds flags to a command. `names` as CLI11 spells them, "-m,--model_name_or_path". Targets must
// outlive the parse; what they hold now is the default that --help shows. A value of the wrong form
// is a CLI::ValidationError.
class Flags {
  public:
    explicit Flags(CLI::App& app) : app_(app) {}
    // Heads the flags that follow, in --help.
    Flags& Group(std::string name);

    Flags& Text(const std::string& names, std::string& target, const std::string& help);
    Flags& Integer(const std::string& names, int64_t& target, const std::string& help);
    Flags& Integer(const std::string& names, int& target, const std::string& help);
    Flags& Integer(const std::string& names, std::optional<int64_t>& target,
                   const std::string& help);
    Flags& Unsigned(const std::string& names, uint64_t& target, const std::string& help);
    Flags& Number(const std::string& names, std::optional<float>& target, const std::string& help);
    Flags& Bool(const std::string& names, bool& target, const std::string& help);
    Flags& Bool(const std::string& names, std::optional<bool>& target, const std::string& help);
    // One of the choices, in any case.
    Flags& Choice(const std::string& names, std::string& target,
                  const std::vector<std::string>& choices, const std::string& help);
    // Separated by commas; spaces around an entry are dropped, empty entries too.
    Flags& List(const std::string& names, std::vector<std::string>& target,
                const std::string& help);
    // The flag may come many times, each adding one value.
    Flags& Repeated(const std::string& names, std::vector<std::string>& target,
                    const std::string& help);
    // Anything else: `read` gets the value and returns what is wrong with it, or "".
    Flags& Custom(const std::string& names, const std::string& type,
                  const std::string& shown_default,
                  std::function<std::string(const std::string&)> read, const std::string& help);
    // An option of a run, in its group, with what the table says of it. `read` gets the text and
    // returns what is wrong with it, or "".
    Flags& Option(const OptionRow& option, std::function<std::string(const std::string&)> read);
    // A word without a flag.
    Flags& Positional(const std::string& name, std::string& target, const std::string& help,
                      bool required = true);

  private:
    CLI::Option* Add(const std::string& names, std::string type, std::string shown_default,
                     const std::string& help, std::function<std::string(const std::string&)> read);
    void AddBool(const std::string& names, std::string shown_default, const std::string& help,
                 std::function<void(bool)> set);

    CLI::App& app_;
    std::string group_ = "Options";
};

// The long flag of the command that is nearest to `name` ("--learnin_rate"), if near enough to be
// meant; else "". Never the opposite ("--no_packing" for "--packing").
std::string NearestFlag(const CLI::App& command, std::string_view name);

// Rewrites a command line (without the program's name) so that CLI11 reads it one way:
// "--flag=value" becomes two words, a boolean or optional flag gets its value. An unknown flag, a
// flag without its value, a word too many and an unknown command are errors of kind kUsage that say
// what to do instead (refused.h).
absl::StatusOr<std::vector<std::string>> NormalizeArguments(
    const CLI::App& root, const std::vector<std::string>& arguments);
// Normalises and parses. `help` gets the text that --help or --version asks for, and is left alone
// otherwise.
absl::Status ParseArguments(CLI::App& root, const std::vector<std::string>& arguments,
                            std::string* help);

}  // namespace hone
