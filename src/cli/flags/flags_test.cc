#include "cli/flags/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/flags/cli11.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// An option of a run whose value may be left out.
const OptionRow kMode = {.name = "mode",
                         .field = NoMember{},
                         .help = "a mode",
                         .may_stand_alone = true,
                         .group = "Options"};

// A command with a flag of each kind.
struct Sample {
    CLI::App root{"", "hone"};
    CLI::App* app = root.add_subcommand("run", "runs");
    std::string name = "default", mode = "auto", colour = "red";
    int64_t count = 3;
    std::optional<float> rate = 0.5f, share;
    bool quick = false;
    std::optional<bool> maybe;
    std::vector<std::string> files, prompts;
    uint64_t seed = 42;

    Sample() {
        Flags(*app)
            .Text("-n,--name", name, "a name")
            .Option(kMode,
                    [this](const std::string& value) {
                        mode = value;
                        return "";
                    })
            .Choice("--colour", colour, {"red", "green"}, "a colour")
            .Integer("--count", count, "a count")
            .Number("--learning_rate", rate, "a rate")
            .Number("--share", share, "a share")
            .Bool("--quick", quick, "quickly")
            .Bool("--maybe", maybe, "perhaps")
            .List("--files", files, "files")
            .Repeated("--prompt", prompts, "prompts")
            .Unsigned("--seed", seed, "a seed");
        Flags(*root.add_subcommand("other", "does something else"))
            .Text("--elsewhere", name, "a flag of another command");
    }
    absl::Status Parse(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "run");
        return ParseArguments(root, arguments, &help);
    }
    std::string ErrorOf(std::vector<std::string> arguments) {
        const absl::Status status = Parse(std::move(arguments));
        EXPECT_EQ(ExitCode(status), 2) << status;
        return std::string(status.message());
    }
    std::string help;
};

TEST(Flags, TakeValuesApartAndWithEquals) {
    Sample apart, joined;
    ASSERT_TRUE(apart.Parse({"--name", "x", "--count", "-7", "--learning_rate", "2e-4"}).ok());
    ASSERT_TRUE(joined.Parse({"--name=x", "--count=-7", "--learning_rate=2e-4"}).ok());
    for (const Sample* sample : {&apart, &joined}) {
        EXPECT_EQ(sample->name, "x");
        EXPECT_EQ(sample->count, -7);
        EXPECT_EQ(sample->rate, 2e-4f);
    }
    Sample shortened;
    ASSERT_TRUE(shortened.Parse({"-n", "y"}).ok());
    EXPECT_EQ(shortened.name, "y");
}

TEST(Flags, KeepTextAsItIs) {
    for (const std::string text : {"", "--- {a} ---", "a=b=c", "[x,y]", "\\n{prompt}", "-"}) {
        Sample apart, joined;
        ASSERT_TRUE(apart.Parse({"--name", text}).ok()) << text;
        EXPECT_EQ(apart.name, text);
        ASSERT_TRUE(joined.Parse({"--name=" + text}).ok()) << text;
        EXPECT_EQ(joined.name, text);
    }
}

TEST(Flags, BooleansStandAloneOrTakeTrueOrFalse) {
    const auto parse = [](std::vector<std::string> arguments) {
        Sample sample;
        EXPECT_TRUE(sample.Parse(std::move(arguments)).ok());
        return sample.quick;
    };
    EXPECT_TRUE(parse({"--quick"}));
    EXPECT_TRUE(parse({"--quick", "true"}));
    EXPECT_TRUE(parse({"--quick", "True", "--count", "1"}));
    EXPECT_TRUE(parse({"--quick=1"}));
    EXPECT_FALSE(parse({"--quick", "false"}));
    EXPECT_FALSE(parse({"--quick=False"}));
    EXPECT_TRUE(parse({"--quick", "--count", "1"}));
    EXPECT_FALSE(parse({"--quick", "--quick", "false"}));  // the last one counts
    EXPECT_THAT(Sample().ErrorOf({"--quick=perhaps"}), HasSubstr("neither true nor false"));
    Sample sample;
    ASSERT_TRUE(sample.Parse({"--maybe", "false"}).ok());
    EXPECT_EQ(sample.maybe, false);
}

TEST(Flags, OptionalValuesMayBeLeftOut) {
    const auto parse = [](std::vector<std::string> arguments) {
        Sample sample;
        EXPECT_TRUE(sample.Parse(std::move(arguments)).ok());
        return sample.mode;
    };
    EXPECT_EQ(parse({}), "auto");
    EXPECT_EQ(parse({"--mode"}), "true");
    EXPECT_EQ(parse({"--mode", "--quick"}), "true");
    EXPECT_EQ(parse({"--mode", "out/step-5"}), "out/step-5");
    EXPECT_EQ(parse({"--mode=auto"}), "auto");
}

TEST(Flags, ListsRepetitionsAndOptionals) {
    Sample sample;
    ASSERT_TRUE(sample
                    .Parse({"--files", "a, b,,c", "--prompt", "one", "--prompt", "two, [three]",
                            "--share", "0.25", "--seed", "18446744073709551615"})
                    .ok());
    EXPECT_THAT(sample.files, ElementsAre("a", "b", "c"));
    EXPECT_THAT(sample.prompts, ElementsAre("one", "two, [three]"));
    EXPECT_EQ(sample.share, 0.25f);
    EXPECT_EQ(sample.seed, 18446744073709551615u);
}

TEST(Flags, ValuesOfTheWrongFormNameTheFlag) {
    EXPECT_EQ(Sample().ErrorOf({"--count", "many"}), "--count: \"many\" is not a whole number");
    EXPECT_EQ(Sample().ErrorOf({"--count=1.5"}), "--count: \"1.5\" is not a whole number");
    EXPECT_EQ(Sample().ErrorOf({"--count", ""}), "--count: \"\" is not a whole number");
    EXPECT_THAT(Sample().ErrorOf({"--count", "99999999999999999999"}), HasSubstr("out of range"));
    EXPECT_THAT(Sample().ErrorOf({"--learning_rate", "nan"}), HasSubstr("not a number"));
    EXPECT_THAT(Sample().ErrorOf({"--learning_rate", "1e999"}), HasSubstr("out of range"));
    EXPECT_THAT(Sample().ErrorOf({"--seed", "-1"}), HasSubstr("not a whole number"));
    EXPECT_THAT(Sample().ErrorOf({"--colour", "blue"}), HasSubstr("none of red, green"));
    EXPECT_EQ(Sample().ErrorOf({"--count"}), "--count needs a value");
}

TEST(Flags, UnknownOnesNameTheNearest) {
    EXPECT_EQ(Sample().ErrorOf({"--learnin_rate", "1"}),
              "hone run has no flag --learnin_rate; did you mean --learning_rate?");
    EXPECT_THAT(Sample().ErrorOf({"--learning-rate=1"}),
                HasSubstr("did you mean --learning_rate?"));
    EXPECT_THAT(Sample().ErrorOf({"--cuont", "1"}), HasSubstr("did you mean --count?"));
    EXPECT_THAT(Sample().ErrorOf({"--zebra_stripes"}), HasSubstr("hone run --help"));
    EXPECT_EQ(Sample().ErrorOf({"--deepspeed", "x"}),
              "--deepspeed is not available: hone works in one process on this machine");
    EXPECT_EQ(Sample().ErrorOf({"--elsewhere"}),
              "hone run has no flag --elsewhere; it belongs to `hone other`");
    EXPECT_EQ(Sample().ErrorOf({"-x"}), "hone run has no flag -x; `hone run --help` lists them");
}

// What is offered is never the opposite, nor a flag that merely holds the word.
TEST(Flags, SuggestionsAreNearAndNeverTheOpposite) {
    CLI::App root("", "hone");
    CLI::App* app = AddCommand(root, "run", "runs");
    bool packing = false, no_cache = false;
    std::string text;
    Flags(*app)
        .Bool("--no_packing", packing, "")
        .Bool("--cache", no_cache, "")
        .Text("--per_device_train_batch_size", text, "")
        .Text("--save_config_file", text, "")
        .Text("--model_name_or_path", text, "")
        .Text("--text_field", text, "");
    EXPECT_EQ(NearestFlag(*app, "--packing"), "");
    EXPECT_EQ(NearestFlag(*app, "--no_cache"), "");
    EXPECT_EQ(NearestFlag(*app, "--device"), "");
    EXPECT_EQ(NearestFlag(*app, "--config"), "");
    EXPECT_EQ(NearestFlag(*app, "--max_steps"), "");
    EXPECT_EQ(NearestFlag(*app, "--dataset_text_field"), "");
    EXPECT_EQ(NearestFlag(*app, "--model"), "--model_name_or_path");
    EXPECT_EQ(NearestFlag(*app, "--Model-Name-Or-Path"), "--model_name_or_path");
    EXPECT_EQ(NearestFlag(*app, "--batch_size"), "--per_device_train_batch_size");
    std::string help;
    no_cache = true;
    const absl::Status off = ParseArguments(root, {"run", "--no-cache"}, &help);
    EXPECT_TRUE(off.ok()) << off;
    EXPECT_FALSE(no_cache);
    EXPECT_FALSE(ParseArguments(root, {"run", "--no-cache=true"}, &help).ok());
}

// A word that belongs to nothing says what to do with it.
TEST(Flags, StrayWordsSayWhatToDo) {
    EXPECT_EQ(Sample().ErrorOf({"word"}),
              "hone run takes no word \"word\"; `hone run --help` lists what it takes");
    EXPECT_EQ(Sample().ErrorOf({"--files", "a", "b"}),
              "--files a b: entries are separated by commas, --files a,b");
    EXPECT_EQ(Sample().ErrorOf({"--name", "a", "b"}),
              "--name takes one value and got \"a\" and \"b\"; a value with spaces goes in quotes");
    EXPECT_EQ(Sample().ErrorOf({"--quick", "maybe"}),
              "--quick: \"maybe\" is neither true nor false");
}

TEST(Flags, UnknownCommandsNameTheNearest) {
    Sample sample;
    const auto error = [&](const std::string& command) {
        const absl::Status status = ParseArguments(sample.root, {command}, &sample.help);
        EXPECT_EQ(ExitCode(status), 2);
        return std::string(status.message());
    };
    EXPECT_EQ(error("rnu"), "hone has no command rnu; did you mean run?");
    EXPECT_EQ(error("zebra"), "hone has no command zebra; it has run, other");
    EXPECT_EQ(error("sft"), "hone has no command sft: use `hone finetune`");
}

TEST(Flags, HelpShowsDefaultsAndGroups) {
    Sample sample;
    sample.app->formatter(std::make_shared<HelpFormatter>(80));
    ASSERT_TRUE(sample.Parse({"--help"}).ok());
    EXPECT_THAT(sample.help, HasSubstr("--learning_rate NUMBER"));
    EXPECT_THAT(sample.help, HasSubstr("a rate [0.5]"));
    EXPECT_THAT(sample.help, HasSubstr("--quick [true|false]"));
    EXPECT_THAT(sample.help, HasSubstr("--colour red|green"));
}

}  // namespace
}  // namespace hone
