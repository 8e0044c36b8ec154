// The options of a fine-tuning run, each in one row. The flags of `hone finetune` and `hone
// estimate` with their help, configuration files, config.json and run.json, the checks of a run and
// the comparison of checkpoints are all made from these rows. A new option is a member of
// FinetuneOptions and a row.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nlohmann/json.hpp"
#include "train/options/options.h"

namespace hone {

// A member of FinetuneOptions, as the function that returns a reference to it.
template <typename T>
using Member = T& (*)(FinetuneOptions&);

#define HONE_FIELD(member)              \
    +[](FinetuneOptions & o) -> auto& { \
        return o.member;                \
    }

// Names of modules, or one regular expression for the whole name.
struct ModuleNames {
    std::vector<std::string>& names;
    bool& is_regex;
};

// Said in other options: what it means is up to ResolveOptions.
struct NoMember {
    bool is_switch = false;
};

template <typename T>
using Pairs = std::vector<std::pair<std::string, T>>;

using OptionField =
    std::variant<Member<bool>, Member<std::optional<bool>>, Member<int>, Member<int64_t>,
                 Member<std::optional<int64_t>>, Member<uint64_t>, Member<double>,
                 Member<std::optional<double>>, Member<std::string>,
                 Member<std::optional<std::string>>, Member<OnOverflow>,
                 Member<std::vector<std::string>>, Member<std::vector<int64_t>>,
                 Member<Pairs<std::string>>, Member<Pairs<int64_t>>, Member<Pairs<double>>,
                 Member<std::vector<TaskRows>>, ModuleNames (*)(FinetuneOptions&), NoMember>;

// What a number may be: from `least` to `most`, without `least` itself where `above` is set.
struct Range {
    double least, most;
    bool above = false;
};

// Another word for one of the choices: bf16 for bfloat16.
struct Spelling {
    std::string_view word, meaning;
};

// What an option is under a method or an objective where nobody gives it.
struct OptionDefault {
    std::string_view option;
    nlohmann::ordered_json value;
    std::string_view
        note;  // what to tell the user of it: "a learning rate of 5e-05"; empty: nothing
};

// What the result of a run has to do with an option: which of them a checkpoint is compared by.
enum class Effect {
    kNone,         // the result is the same whatever it says
    kResult,       // the result depends on it
    kEvaluations,  // likewise, where evaluations decide which weights are the result
    kObjective,    // likewise, where the objective is one that it belongs to
    kTask,         // likewise, where the task is one that it belongs to
    kContents,     // it names what the result depends on: the model, the rows, the adapter's start.
                   // A checkpoint is compared by the contents of those
};

struct OptionRow {
    std::string_view name;  // "lora_r": the flag without its dashes, and the key in config.json
    OptionField field;
    std::string_view help;
    Effect effect = Effect::kNone;
    std::optional<Range> range;
    // What a text may be, in any case. With `other_texts` these are words among other texts.
    std::vector<std::string_view> choices;
    std::vector<Spelling> spellings;
    bool other_texts = false;
    // Goes after the choices in the error about a text that is none of them: what to do instead.
    std::string_view instead;
    std::string_view value_name;   // "DIR|true|auto|none"; empty: by the field's type
    bool may_stand_alone = false;  // a text that may be left out, and is "true" then
    std::string_view short_name;   // "m" for -m
    // The methods that it belongs to; empty: all of them.
    std::vector<std::string_view> methods;
    // Likewise the objectives, and the tasks.
    std::vector<std::string_view> objectives;
    std::vector<std::string_view> tasks;
    // Options that mean the same, or that say it already: not both may be given.
    std::vector<std::string_view> excludes;
    // Says what the command does, not what the run is: in no configuration.
    bool of_command = false;
    std::string_view group;  // heads it in --help; set by OptionTable
};

// All rows, in the order of --help.
std::span<const OptionRow> OptionTable();
// nullptr where there is no such option.
const OptionRow* FindOption(std::string_view name);
// The names of all options that a configuration may hold, for the nearest one to a wrong name.
std::vector<std::string> OptionNamesForConfigurations();

// Whether the option belongs to options.method, options.objective and options.task, and nothing
// else says what it would say.
bool Applies(const OptionRow& row, const FinetuneOptions& options);

// Sets the option. A JSON string is read as the flag's text is; other values must be of the
// option's type; null is the default. Returns what is wrong with the value ("\"x\" is not a whole
// number"), or
// "". Ranges are CheckValue's.
std::string ReadOption(const OptionRow& row, const nlohmann::ordered_json& value,
                       FinetuneOptions& options);
// The value as config.json holds it. HONE_CHECKs that the option has a member.
nlohmann::ordered_json OptionJson(const OptionRow& row, const FinetuneOptions& options);
// What is wrong with the value, as it goes right after the option's name: " is 0; it must be at
// least 1 and at most 4096", ": \"x\" is none of a, b"; or "".
std::string CheckValue(const OptionRow& row, const FinetuneOptions& options);

bool HasMember(const OptionRow& row);
// true or false.
bool IsSwitch(const OptionRow& row);
// What stands for the value in help: "INT", "NAME=R,...", "lora|qlora|full".
std::string ValueName(const OptionRow& row);
// The value as one would write it after the flag; "" where that is nothing.
std::string OptionText(const OptionRow& row, const FinetuneOptions& options);
// What the option is where nobody gives it, with what a method makes of that:
// "0.0002; with --method full 5e-05".
std::string DefaultText(const OptionRow& row);

}  // namespace hone
