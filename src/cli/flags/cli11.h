// The parser behind Flags, for the files of this folder and the program's root alone.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

inline constexpr char kBoolType[] = "BOOL";  // the type of a flag that may stand alone

// The commands right below `app`.
std::vector<const CLI::App*> CommandsOf(const CLI::App& app);
// "hone models pull".
std::string CommandName(const CLI::App& app);

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
