// The values of options: from text and JSON into FinetuneOptions, and back.
#include <cmath>
#include <functional>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "base/text/text_value.h"
#include "fmt/ranges.h"
#include "train/options/table.h"

namespace hone {

bool TrainsEmbeddings(const FinetuneOptions& options) {
    return options.task == "feature-extraction";
}
namespace {

using Json = nlohmann::ordered_json;

template <typename... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

constexpr std::string_view kOverflowNames[] = {"truncate", "drop", "error"};  // in the enum's order

// A number of --rank_pattern or --alpha_pattern.
constexpr double kMostInPattern = 1e6;

// For a message, whatever bytes it holds.
std::string Shown(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string IsNot(const Json& value, std::string_view expected) {
    return fmt::format("{} is not {}", Shown(value), expected);
}

// "a, b or other" is what one may choose; the sentence goes after the text that is none of it.
std::string NoChoice(const OptionRow& row, const std::string& text) {
    std::string sentence = fmt::format("\"{}\" is none of {}", text, fmt::join(row.choices, ", "));
    if (!row.instead.empty()) sentence += fmt::format(": {}", row.instead);
    return sentence;
}

// The choice that the text means, or the text itself where there are none; empty: not a choice.
std::optional<std::string> Choice(const OptionRow& row, const std::string& text) {
    if (row.choices.empty()) return text;
    const std::string lower = absl::AsciiStrToLower(text);
    for (std::string_view choice : row.choices)
        if (lower == choice) return std::string(choice);
    for (const Spelling& spelling : row.spellings)
        if (lower == spelling.word) return std::string(spelling.meaning);
    if (row.other_texts) return text;
    return std::nullopt;
}

// From here on: Read(row, value, target) returns what is wrong with the value, or "".

std::string Read(const OptionRow& row, const Json& value, bool& target) {
    std::optional<bool> truth;
    if (value.is_boolean()) truth = value.get<bool>();
    if (value.is_string()) truth = ReadBool(value.get_ref<const std::string&>());
    if (!truth) return fmt::format("{} is neither true nor false", Shown(value));
    target = *truth;
    return "";
}

template <typename T>
requires std::is_integral_v<T> std::string Read(const OptionRow& row, const Json& value,
                                                T& target) {
    if (value.is_string()) return ReadInteger(value.get_ref<const std::string&>(), target);
    if (!value.is_number_integer()) return IsNot(value, "a whole number");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<uint64_t>())
                                                 : std::in_range<T>(value.get<int64_t>());
    if (!fits) return fmt::format("{} is out of range", Shown(value));
    target = value.get<T>();
    return "";
}

std::string Read(const OptionRow& row, const Json& value, double& target) {
    if (value.is_string()) return ReadNumber(value.get_ref<const std::string&>(), target);
    if (!value.is_number() || !std::isfinite(value.get<double>())) return IsNot(value, "a number");
    target = value.get<double>();
    return "";
}

std::string Read(const OptionRow& row, const Json& value, std::string& target) {
    std::string text;
    if (value.is_string()) {
        text = value.get<std::string>();
    } else if (value.is_boolean() && row.may_stand_alone) {
        text = value.get<bool>() ? "true" : "false";
    } else {
        return IsNot(value, "a text");
    }
    std::optional<std::string> choice = Choice(row, text);
    if (!choice) return NoChoice(row, text);
    target = *std::move(choice);
    return "";
}

std::string Read(const OptionRow& row, const Json& value, OnOverflow& target) {
    std::string name;
    if (std::string problem = Read(row, value, name); !problem.empty()) return problem;
    target = ParseOnOverflow(name).value();  // one of the choices
    return "";
}

template <typename T>
std::string Read(const OptionRow& row, const Json& value, std::optional<T>& target) {
    T read{};
    std::string problem = Read(row, value, read);
    if (problem.empty()) target = std::move(read);
    return problem;
}

template <typename T>
std::string Read(const OptionRow& row, const Json& value, std::vector<T>& target) {
    std::vector<T> list;
    std::vector<Json> entries;
    if (value.is_string()) {
        for (std::string& entry : SplitList(value.get<std::string>()))
            entries.emplace_back(std::move(entry));
    } else if (value.is_array()) {
        entries.assign(value.begin(), value.end());
    } else {
        return IsNot(value, "a list");
    }
    for (const Json& entry : entries)
        if (std::string problem = Read(row, entry, list.emplace_back()); !problem.empty())
            return problem;
    target = std::move(list);
    return "";
}

std::string Read(const OptionRow& row, const Json& value, Pairs<std::string>& target) {
    if (value.is_string()) {
        auto columns = ParseColumns(value.get_ref<const std::string&>());
        if (!columns.ok()) return std::string(columns.status().message());
        target = *std::move(columns);
        return "";
    }
    if (!value.is_object()) return IsNot(value, "an object of names and values");
    Pairs<std::string> pairs;
    for (const auto& [name, entry] : value.items()) {
        if (!entry.is_string()) return IsNot(entry, "the name of a column");
        pairs.emplace_back(name, entry.get<std::string>());
    }
    if (absl::Status status = CheckColumns(pairs); !status.ok())
        return std::string(status.message());
    target = std::move(pairs);
    return "";
}

// A name twice is CheckTasks' to find.
std::string Read(const OptionRow& row, const Json& value, std::vector<TaskRows>& target) {
    std::vector<TaskRows> tasks;
    if (value.is_string()) {
        for (const std::string& entry : SplitList(value.get<std::string>())) {
            const size_t equals = entry.find('=');
            if (equals == std::string::npos) return fmt::format("\"{}\" is not NAME=FILE", entry);
            tasks.push_back({entry.substr(0, equals), entry.substr(equals + 1)});
        }
    } else if (value.is_object()) {
        for (const auto& [name, rows] : value.items()) {
            if (!rows.is_string()) return IsNot(rows, "the name of a file");
            tasks.push_back({name, rows.get<std::string>()});
        }
    } else {
        return IsNot(value, "an object of names and files");
    }
    target = std::move(tasks);
    return "";
}

// Patterns of names with a number for each.
template <typename T>
requires std::is_arithmetic_v<T> std::string Read(const OptionRow& row, const Json& value,
                                                  Pairs<T>& target) {
    Json object = value;
    if (value.is_string()) {
        object = Json::object();
        for (const std::string& entry : SplitList(value.get<std::string>())) {
            const size_t equals = entry.rfind('=');
            if (equals == std::string::npos || equals == 0)
                return fmt::format("\"{}\" is not NAME=NUMBER", entry);
            object[entry.substr(0, equals)] = entry.substr(equals + 1);
        }
    }
    if (!object.is_object()) return IsNot(value, "an object of names and numbers");
    Pairs<T> pairs;
    for (const auto& [name, entry] : object.items()) {
        T number{};
        const std::string problem = Read(row, entry, number);
        if (!problem.empty() || !(number > 0 && static_cast<double>(number) <= kMostInPattern))
            return fmt::format(
                "\"{}={}\" is not NAME=NUMBER", name,
                entry.is_string() ? entry.template get<std::string>() : Shown(entry));
        pairs.emplace_back(name, number);
    }
    target = std::move(pairs);
    return "";
}

// PEFT's rule for a single text, as far as it goes: what cannot be a list of names is a pattern.
std::string Read(const OptionRow& row, const Json& value, ModuleNames target) {
    constexpr std::string_view kNameCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-, ";
    std::vector<std::string> names;
    bool is_regex = false;
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        is_regex = text.find_first_not_of(kNameCharacters) != std::string::npos;
        if (is_regex) names = {text};
    }
    if (!is_regex) {
        if (std::string problem = Read(row, value, names); !problem.empty()) return problem;
        std::erase_if(
            names, [](const std::string& name) { return absl::AsciiStrToLower(name) == "none"; });
    }
    target.names = std::move(names);
    target.is_regex = is_regex;
    return "";
}

template <typename T>
Json ToJson(const T& value) {
    return value;
}
Json ToJson(OnOverflow value) { return kOverflowNames[static_cast<int>(value)]; }
template <typename T>
Json ToJson(const std::optional<T>& value) {
    return value ? ToJson(*value) : Json();
}
template <typename T>
Json ToJson(const Pairs<T>& pairs) {
    Json json = Json::object();
    for (const auto& [name, value] : pairs) json[name] = value;
    return json;
}
Json ToJson(const std::vector<TaskRows>& tasks) {
    Json json = Json::object();
    for (const TaskRows& task : tasks) json[task.name] = task.data_name;
    return json;
}
Json ToJson(const ModuleNames& modules) {
    return modules.is_regex ? Json(modules.names.front()) : Json(modules.names);
}

// Calls visit(member) with the option's member; members are only read through a const object.
template <typename Visit>
auto WithMember(const OptionRow& row, const FinetuneOptions& options, Visit&& visit) {
    using Result = std::invoke_result_t<Visit, const bool&>;
    auto& writable = const_cast<FinetuneOptions&>(options);
    return std::visit(Overloaded{[&](NoMember) -> Result {
                                     HONE_CHECK(false, "{} has no member", row.name);
                                     return Result();
                                 },
                                 [&](auto member) -> Result { return visit(member(writable)); }},
                      row.field);
}

std::string JsonAsText(const Json& value) {
    if (value.is_null()) return "";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_float()) return fmt::format("{}", value.get<double>());
    if (!value.is_structured()) return value.dump();
    std::vector<std::string> entries;
    for (const auto& [name, entry] : value.items())
        entries.push_back(value.is_object() ? fmt::format("{}={}", name, JsonAsText(entry))
                                            : JsonAsText(entry));
    return fmt::format("{}", fmt::join(entries, ","));
}

template <typename T>
std::string OutOfRange(const Range& range, const T& number) {
    const auto value = static_cast<double>(number);
    // Also refuses NaN.
    if (value >= range.least && value <= range.most && !(range.above && value == range.least))
        return "";
    return fmt::format(" is {}; it must be {} {} and at most {}", value,
                       range.above ? "above" : "at least", range.least, range.most);
}

}  // namespace

bool HasMember(const OptionRow& row) { return !std::holds_alternative<NoMember>(row.field); }

std::string ReadOption(const OptionRow& row, const Json& value, FinetuneOptions& options) {
    const auto read = [&](auto member) -> std::string {
        if (!value.is_null()) return Read(row, value, member(options));
        FinetuneOptions defaults;
        if constexpr (std::is_same_v<decltype(member(options)), ModuleNames>) {
            const ModuleNames from = member(defaults), to = member(options);
            to.names = from.names;
            to.is_regex = from.is_regex;
        } else {
            member(options) = member(defaults);
        }
        return "";
    };
    const auto check = [&](NoMember field) -> std::string {
        bool truth = false;
        std::string text;
        return field.is_switch ? Read(row, value, truth) : Read(row, value, text);
    };
    return std::visit(Overloaded{check, read}, row.field);
}

Json OptionJson(const OptionRow& row, const FinetuneOptions& options) {
    return WithMember(row, options, [](const auto& member) -> Json { return ToJson(member); });
}

std::string CheckValue(const OptionRow& row, const FinetuneOptions& options) {
    if (!HasMember(row)) return "";
    return WithMember(row, options, [&row](const auto& member) -> std::string {
        using T = std::decay_t<decltype(member)>;
        if constexpr (std::is_same_v<T, std::string>) {
            return Choice(row, member) ? "" : ": " + NoChoice(row, member);
        } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
            return row.range ? OutOfRange(*row.range, member) : "";
        } else if constexpr (std::is_same_v<T, std::optional<double>> ||
                             std::is_same_v<T, std::optional<int64_t>>) {
            return row.range && member ? OutOfRange(*row.range, *member) : "";
        } else {
            return "";
        }
    });
}

bool IsSwitch(const OptionRow& row) {
    if (const auto* none = std::get_if<NoMember>(&row.field)) return none->is_switch;
    return std::holds_alternative<Member<bool>>(row.field) ||
           std::holds_alternative<Member<std::optional<bool>>>(row.field);
}

std::string ValueName(const OptionRow& row) {
    if (!row.value_name.empty()) return std::string(row.value_name);
    if (IsSwitch(row)) return "true|false";
    if (!row.choices.empty()) return fmt::format("{}", fmt::join(row.choices, "|"));
    const auto name = Overloaded{
        [](Member<int>) { return "INT"; },
        [](Member<int64_t>) { return "INT"; },
        [](Member<std::optional<int64_t>>) { return "INT"; },
        [](Member<uint64_t>) { return "INT"; },
        [](Member<double>) { return "NUMBER"; },
        [](Member<std::optional<double>>) { return "NUMBER"; },
        [](Member<std::vector<std::string>>) { return "A,B,..."; },
        [](Member<std::vector<int64_t>>) { return "A,B,..."; },
        [](ModuleNames (*)(FinetuneOptions&)) { return "A,B,..."; },
        [](auto) { return "TEXT"; },
    };
    return std::visit(name, row.field);
}

std::string OptionText(const OptionRow& row, const FinetuneOptions& options) {
    return HasMember(row) ? JsonAsText(OptionJson(row, options)) : "";
}

}  // namespace hone
