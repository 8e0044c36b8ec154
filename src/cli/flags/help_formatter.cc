#include <fmt/format.h>

#include "cli/flags/cli11.h"
#include "cli/terminal/layout.h"

namespace hone {

std::string HelpFormatter::Entry(const std::string& name, const std::string& description) const {
    constexpr int kIndent = 6;
    std::string text = "  " + name + "\n";
    for (const std::string& line : WrapText(description, std::max(20, width_ - kIndent))) {
        text += std::string(kIndent, ' ') + line + "\n";
    }
    return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
    std::string name = make_option_name(option, is_positional);
    if (!is_positional && !option->get_option_text().empty()) {
        name += " " + option->get_option_text();
    } else if (!is_positional && !option->get_type_name().empty() &&
               option->get_items_expected_max() > 0) {
        name += " " + option->get_type_name();
    }
    std::string description = option->get_description();
    if (!option->get_default_str().empty())
        description += fmt::format(" [{}]", option->get_default_str());
    return Entry(name, description);
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
    return fmt::format("  {:<10} {}\n", sub->get_name(), sub->get_description());
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    (void)name;
    std::string usage = "Usage: " + CommandName(*app);
    if (!CommandsOf(*app).empty()) usage += " COMMAND";
    for (const CLI::Option* option : app->get_options()) {
        if (option->get_positional()) usage += " " + option->get_name(true);
    }
    return usage + " [FLAGS]\n";
}

}  // namespace hone
