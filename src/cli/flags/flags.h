// The flags of one command, over CLI11: defaults shown in --help, both "--flag value" and
// "--flag=value", booleans as "--flag" or "--flag true|false", the last of a repeated flag counts,
// and an unknown flag names the nearest one.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

// A flag that others have and hone has not, and what to do instead: "is not needed: ...".
struct RefusedFlag {
    std::string_view name;  // "--deepspeed"
    std::string_view reason;
};

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
    Flags& Number(const std::string& names, double& target, const std::string& help);
    Flags& Number(const std::string& names, float& target, const std::string& help);
    Flags& Number(const std::string& names, std::optional<double>& target, const std::string& help);
    Flags& Number(const std::string& names, std::optional<float>& target, const std::string& help);
    Flags& Bool(const std::string& names, bool& target, const std::string& help);
    Flags& Bool(const std::string& names, std::optional<bool>& target, const std::string& help);
    // A text whose value may be left out and then is "true".
    Flags& Optional(const std::string& names, std::string& target, const std::string& type,
                    const std::string& help);
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
    // A word without a flag.
    Flags& Positional(const std::string& name, std::string& target, const std::string& help);

  private:
    CLI::Option* Add(const std::string& names, std::string type, std::string shown_default,
                     const std::string& help, std::function<std::string(const std::string&)> read);
    void AddBool(const std::string& names, std::string shown_default, const std::string& help,
                 std::function<void(bool)> set);

    CLI::App& app_;
    std::string group_ = "Options";
};

// The number of insertions, deletions, replacements and swaps of neighbours between two words
// (optimal string alignment distance).
int EditDistance(std::string_view a, std::string_view b);

// The long flag of the command that is nearest to `name` ("--learnin_rate"), if near enough to be
// meant; else "".
std::string NearestFlag(const CLI::App& command, std::string_view name);

// Rewrites a command line (without the program's name) so that CLI11 reads it one way:
// "--flag=value" becomes two words, a boolean or optional flag gets its value. An unknown flag, a
// flag without its value and an unknown command are errors of kind kUsage; `refused` says for each
// command what others' flags should be instead.
absl::StatusOr<std::vector<std::string>> NormalizeArguments(
    const CLI::App& root, const std::vector<std::string>& arguments,
    const std::function<std::span<const RefusedFlag>(const CLI::App&)>& refused);

// Normalises and parses. `help` gets the text that --help or --version asks for, and is left alone
// otherwise.
absl::Status ParseArguments(
    CLI::App& root, const std::vector<std::string>& arguments,
    const std::function<std::span<const RefusedFlag>(const CLI::App&)>& refused, std::string* help);

// The entries of "A, B,C" without the spaces around them; empty ones are dropped.
std::vector<std::string> SplitList(const std::string& text);

// Wraps descriptions at `width` columns.
class HelpFormatter : public CLI::Formatter {
  public:
    explicit HelpFormatter(int width) : width_(width) {}
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_subcommand(const CLI::App* sub) const override;
    std::string make_usage(const CLI::App* app, std::string name) const override;

  private:
    std::string Entry(const std::string& name, const std::string& description) const;
    int width_;
};

}  // namespace hone
