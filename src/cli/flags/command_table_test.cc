#include "cli/flags/command_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/flags/cli11.h"
#include "cli/flags/flags.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const OptionRow kFrom = {.name = "from",
                         .field = NoMember{},
                         .help = "from where",
                         .value_name = "DIR|true",
                         .may_stand_alone = true,
                         .group = "Look"};

struct TableSample {
    CLI::App root{"does things", "hone"};
    std::string name = "x.y", colour = "red", file, folder;
    bool quick = false;

    TableSample() {
        CLI::App* models = AddCommand(root, "models", "looks after models");
        Flags(*AddCommand(*models, "pull", "fetches one"))
            .Positional("NAME", file, "which")
            .Group("Look")
            .Text("-n,--name", name, "a name's \"[name]\": it's .one")
            .Choice("--colour", colour, {"red", "green"}, "a colour")
            .Option(kFrom,
                    [this](const std::string& value) {
                        folder = value;
                        return "";
                    })
            .Bool("--quick", quick, "quickly");
    }
};

TEST(DescribeCommands, TellsEveryCommandWithItsFlags) {
    TableSample sample;
    const std::vector<CommandInfo> commands = DescribeCommands(sample.root);
    ASSERT_EQ(commands.size(), 3u);
    EXPECT_EQ(commands[0].path, "");
    EXPECT_THAT(commands[0].commands, ElementsAre("models"));
    EXPECT_EQ(commands[1].path, "models");
    EXPECT_EQ(commands[2].path, "models pull");
    EXPECT_THAT(commands[2].words, ElementsAre("NAME"));
    ASSERT_EQ(commands[2].flags.size(), 5u);  // with --help
    const FlagInfo &name = commands[2].flags[1], &colour = commands[2].flags[2],
                   &from = commands[2].flags[3], &quick = commands[2].flags[4];
    EXPECT_THAT(name.names, ElementsAre("-n", "--name"));
    EXPECT_EQ(name.type, "TEXT");
    EXPECT_EQ(name.group, "Look");
    EXPECT_EQ(name.shown_default, "x.y");
    EXPECT_THAT(colour.choices, ElementsAre("red", "green"));
    EXPECT_FALSE(colour.optional_value);
    EXPECT_TRUE(from.optional_value);
    EXPECT_THAT(from.choices, IsEmpty());
    EXPECT_TRUE(quick.optional_value);
    EXPECT_THAT(quick.choices, ElementsAre("true", "false"));
}

TEST(ManPage, HasEveryCommandAndFlag) {
    TableSample sample;
    const std::string page = ManPage(DescribeCommands(sample.root));
    EXPECT_THAT(page, HasSubstr(".SS hone models pull NAME\nfetches one.\n"));
    EXPECT_THAT(page, HasSubstr("\\fB\\-n, \\-\\-name TEXT\\fR\na name's"));
    EXPECT_THAT(page, HasSubstr("\\fB\\-\\-quick [true|false]\\fR\nquickly [false]"));
    EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS"));
}

// A line that begins with a dot would be a command of troff's.
TEST(ManPage, KeepsTextsThatLookLikeCommands) {
    TableSample sample;
    sample.root.description(".starts so");
    EXPECT_THAT(ManPage(DescribeCommands(sample.root)), HasSubstr("\\&.starts so"));
}

TEST(CompletionScript, NamesEveryFlagForEachShell) {
    TableSample sample;
    const std::vector<CommandInfo> commands = DescribeCommands(sample.root);
    for (const char* shell : {"bash", "zsh"}) {
        const std::string script = CompletionScript(commands, shell);
        for (const char* words : {"' models'", "'models pull'", "--name", "--colour", "red green"})
            EXPECT_THAT(script, HasSubstr(words)) << shell;
    }
    const std::string fish = CompletionScript(commands, "fish");
    EXPECT_THAT(fish, HasSubstr("-n '__hone_in models pull' -s n -l name -r"));
    EXPECT_THAT(fish, HasSubstr("-a 'red green'"));
    EXPECT_THAT(fish, HasSubstr("it'\\''s .one'"));
}

}  // namespace
}  // namespace hone
